"""What the networks of this comparison share: their map of evidence is computed first and the scores out of it."""

from __future__ import annotations

from pathlib import Path

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_pylon.networks.explanation import Explanation
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.utils import at_least_float32, check, check_type

__all__ = ["HeatmapNetwork", "check_image", "map_head"]

#: Two cells at the deepest stride: less leaves nothing to localize.
LEAST_SIZE = 64


def check_image(x: torch.Tensor, spatial_dims: int, in_channels: int) -> None:
    """Refuse an image that a network is not made for. While it is traced, compiled or exported nothing is checked.

    Args:
        x: the image (N, C, *spatial).
        spatial_dims: how many spatial axes it must have.
        in_channels: its C.

    Raises:
        TypeError: where it is no tensor of floating point numbers.
        ValueError: where axes or channels are others, or it is smaller than 64 along an axis.

    Example:
        >>> check_image(torch.zeros(1, 3, 64, 64), 2, 1)
        Traceback (most recent call last):
        ...
        ValueError: image must be of 1 channel, (N, C, H, W), but is Tensor of shape (1, 3, 64, 64), float32. ...
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return
    check_type(x, torch.Tensor, "image")
    shape = "(N, C, H, W)" if spatial_dims == 2 else "(N, C, X, Y, Z)"
    check(x.ndim == spatial_dims + 2, "image", f"of shape {shape}", x, "Add a batch axis to a single image: x[None].")
    check(x.shape[0] > 0, "image", "at least one, (N, ...)", x)
    remedy = "Convert it, or make the network with in_channels=" + str(x.shape[1]) + "."
    plural = "s" if in_channels > 1 else ""
    check(x.shape[1] == in_channels, "image", f"of {in_channels} channel{plural}, {shape}", x, remedy)
    small = min(x.shape[2:]) < LEAST_SIZE
    check(not small, "image", f"at least {LEAST_SIZE} along every spatial axis", x, "Enlarge or pad it.")
    check(x.is_floating_point(), "image", "of floating point numbers", x, "Scale intensities first.")


def map_head(spatial_dims: int, in_channels: int, num_classes: int, kernel_size: int = 1) -> nn.Module:
    """The convolution from a decoded map to a map of every label: no activation, so that the map is signed.

    Args:
        spatial_dims: 2 or 3.
        in_channels: D of the decoded map (N, D, *grid).
        num_classes: labels M.
        kernel_size: odd.

    Returns:
        the convolution, to (N, M, *grid).

    Raises:
        ValueError: where a number is out of its range.

    Example:
        >>> map_head(2, 128, 14)
        Conv2d(128, 14, kernel_size=(1, 1), stride=(1, 1))
    """
    check_type(num_classes, int, "num_classes")
    check(num_classes > 0, "num_classes", "positive", num_classes)
    check(kernel_size % 2 == 1, "head_kernel_size", "odd", kernel_size)
    return Conv["conv", spatial_dims](in_channels, num_classes, kernel_size, padding=kernel_size // 2)


class HeatmapNetwork(nn.Module):
    """Encoder, decoder and head make a map of every label; a global pooling of that map makes the logits.

    So the map *is* the explanation. With the global maximum, the default, a logit is the map's value at its peak.

    Args:
        spatial_dims: 2 or 3.
        in_channels: C of the image (N, C, *spatial).
        encoder: from the image to maps at several strides.
        decoder: from these maps to one map (N, D, *grid).
        head: from that to the map of the M labels (N, M, *grid).
        pool: from that to (N, M, ...) with one value a label; None for the maximum, which sends the gradient of a tie
            to one cell.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> isinstance(PYLON(encoder="resnet18"), HeatmapNetwork)
        True
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        encoder: nn.Module,
        decoder: nn.Module,
        head: nn.Module,
        pool: nn.Module | None = None,
        weights: str | Path | None = None,
    ) -> None:
        super().__init__()
        self.spatial_dims, self.in_channels = spatial_dims, in_channels
        self.encoder, self.decoder, self.head = encoder, decoder, head
        self.pool = Pool["adaptivemax", spatial_dims](1) if pool is None else pool
        if weights is not None:
            load_weights(self, weights)

    def explain(self, x: torch.Tensor) -> Explanation:
        """Scores and maps of an image (N, C, *spatial) in one forward pass."""
        check_image(x, self.spatial_dims, self.in_channels)
        # A half's few digits make ties, and poor losses.
        heatmap = at_least_float32(self.head(self.decoder(self.encoder(x))))
        return Explanation(self.pool(heatmap).flatten(1), heatmap)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The logits (N, M) of an image (N, C, *spatial)."""
        return self.explain(x).logits
