"""Deletion and insertion curves (Petsiuk et al., "RISE", 2018), in any dimension.

The curves test whether the regions that a map shows change the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check, check_choice, check_type, resize_linear
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import bare_network, scores_of
from monai_pylon.visualize.sanity import generator_of, with_progress

__all__ = ["PerturbationCurve", "perturbation_curve"]


class PerturbationCurve(NamedTuple):
    """Scores while an image is deleted or inserted step by step.

    Attributes:
        fractions: Replaced fraction of the image (S + 1,), 0 to 1.
        scores: Scores of the selected label (N, S + 1).
        area: Mean score over the fractions (N,), by the trapezoidal rule.

    Example:
        >>> PerturbationCurve(torch.tensor([0.0, 1.0]), torch.tensor([[4.0, 0.0]]), torch.tensor([2.0])).area.tolist()
        [2.0]
    """

    fractions: torch.Tensor
    scores: torch.Tensor
    area: torch.Tensor


def perturbation_curve(
    network: nn.Module,
    x: torch.Tensor,
    maps: torch.Tensor,
    class_idx: int | Sequence[int],
    mode: str = "deletion",
    steps: int = 20,
    baseline: float | torch.Tensor = 0.0,
    seed: int | torch.Generator = 0,
    progress: bool = False,
) -> PerturbationCurve:
    """Delete the image in order of a map, highest values first, or insert it into an empty image.

    If the map shows the evidence for the score, deletion lowers the score quickly and insertion raises it quickly.
    Compare with the curve of a random map, because the network has never seen images with deleted parts.

    Args:
        network: Module that returns scores (N, M).
        x: Images (N, C, *spatial).
        maps: One map per sample (N, *grid). A coarse map is enlarged linearly to the image.
        class_idx: Label of the scores to follow: one for all samples, or one per sample.
        mode: "deletion" or "insertion".
        steps: Number of equal steps S.
        baseline: Value of deleted pixels: a number, or an image (such as a blurred one) that fits x.
        seed: Seed, or a generator. It determines the order of pixels with equal values.
        progress: Whether to show a progress bar.

    Returns:
        Fractions, scores and the area under the curve.

    Raises:
        ValueError: If the shapes do not fit, or an option is invalid.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = nn.init.constant_(network[1].weight, 1.0)
        >>> x = torch.tensor([[[4.0, 3.0, 2.0, 1.0]]])  # the score is their sum
        >>> perturbation_curve(network, x, x[:, 0], class_idx=0, steps=4).scores
        tensor([[10.,  6.,  3.,  1.,  0.]])
    """
    check_choice(mode, ("deletion", "insertion"), "mode")
    check_type(steps, int, "steps")
    check(steps > 0, "steps", "positive", steps)
    fits = maps.ndim == x.ndim - 1 and len(maps) == len(x)
    check(fits, "maps", f"of shape ({len(x)}, *grid) with {x.ndim - 2} grid axes", maps)
    image, plain = x.detach(), bare_network(network)
    empty = torch.as_tensor(baseline, dtype=image.dtype, device=image.device).expand_as(image)
    order = _highest_first(resize_linear(maps.detach(), tuple(x.shape[2:])).flatten(1), generator_of(seed)).to(x.device)
    pixels = order.shape[1]
    labels = torch.as_tensor(class_idx, device=x.device).expand(len(x))
    start, end = (image, empty) if mode == "deletion" else (empty, image)
    scores = []
    with evaluating(plain), torch.no_grad():
        for step in with_progress(range(steps + 1), progress, mode):
            replaced = torch.zeros_like(order, dtype=torch.bool)
            replaced.scatter_(1, order[:, : round(step * pixels / steps)], True)
            mixed = torch.where(replaced.reshape(len(x), 1, *x.shape[2:]), end, start)
            logits = scores_of(plain(mixed))
            inside = bool(((labels >= 0) & (labels < logits.shape[1])).all())
            check(inside, "class_idx", f"between 0 and {logits.shape[1] - 1}", class_idx)
            scores.append(logits[torch.arange(len(x)), labels])
    curve = torch.stack(scores, 1)
    fractions = (torch.arange(steps + 1) / steps).to(curve.device)
    return PerturbationCurve(fractions, curve, torch.trapezoid(curve, fractions.to(curve), dim=1))


def _highest_first(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Return the indices of each row of values (N, P) from the highest to the lowest, equal values in random order."""
    shuffled = torch.stack([torch.randperm(values.shape[1], generator=generator) for _ in values]).to(values.device)
    ranks = values.gather(1, shuffled).argsort(dim=1, descending=True, stable=True)
    return shuffled.gather(1, ranks)
