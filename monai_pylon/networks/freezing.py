"""Freezing of the first stages of an encoder, with their norms in evaluation mode."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from monai_pylon.utils import check, check_type

__all__ = ["freeze_stages", "hold_frozen_stages"]


def _frozen_modules(encoder: nn.Module, number: int) -> list[nn.Module]:
    """Return the modules of the first stages of an encoder."""
    stages = list(encoder.stages)[:number]  # type: ignore[arg-type]
    return [part for stage in stages for part in ([stage] if isinstance(stage, nn.Module) else stage)]


def freeze_stages(encoder: nn.Module, number: int) -> None:
    """Freeze the weights of the first stages of an encoder, in place.

    Stage k computes feature map k from map k - 1; the first stage starts at the image. Norms and random depth of frozen
    stages belong in evaluation mode too, which :func:`hold_frozen_stages` sets after each ``train()``.

    Args:
        encoder: Encoder with ``stages``: for each feature map (N, C, *grid) a module or a list of modules. Those of
            :func:`~monai_pylon.networks.make_encoder` have it.
        number: Stages to freeze, from 0 to the number of feature maps.

    Raises:
        TypeError: If number is no whole number.
        ValueError: If number is out of range, or the encoder has no ``stages``.

    Example:
        >>> from monai_pylon.networks import make_encoder
        >>> encoder = make_encoder("resnet18", 2, 1)
        >>> freeze_stages(encoder, 2)
        >>> encoder.layer1[0].conv1.weight.requires_grad, encoder.layer2[0].conv1.weight.requires_grad
        (False, True)
    """
    check_type(number, int, "frozen_stages")
    check(number >= 0, "frozen_stages", "0 or more", number)
    if number == 0:
        return
    stages = getattr(encoder, "stages", None)
    remedy = "Give the encoder the attribute stages: for each feature map a module or a list of modules."
    known = isinstance(stages, Iterable)
    check(known, "frozen_stages", f"0 for {type(encoder).__name__}, which has no stages", number, remedy)
    count = len(list(stages))  # type: ignore[arg-type]
    check(number <= count, "frozen_stages", f"at most {count}, the encoder's stages", number)
    for part in _frozen_modules(encoder, number):
        part.requires_grad_(False)


def hold_frozen_stages(encoder: nn.Module, number: int) -> None:
    """Set the first stages of an encoder to evaluation mode, so that norms keep their statistics.

    Args:
        encoder: Encoder with ``stages``; see :func:`freeze_stages`. Its maps are (N, C, *grid).
        number: Number of frozen stages; 0 changes nothing.

    Example:
        >>> from monai_pylon.networks import make_encoder
        >>> encoder = make_encoder("resnet18", 2, 1).train()
        >>> hold_frozen_stages(encoder, 1)
        >>> encoder.bn1.training, encoder.layer1.training
        (False, True)
    """
    for part in _frozen_modules(encoder, number) if number else ():
        part.eval()
