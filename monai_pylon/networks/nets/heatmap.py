"""Base class of the networks that compute one heatmap per label and pool it into the logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.networks.layers.factories import Conv, Pool
from torch import nn

from monai_pylon.networks.encoders import as_encoder
from monai_pylon.networks.explanation import Explanation
from monai_pylon.networks.freezing import freeze_stages, hold_frozen_stages
from monai_pylon.networks.pretrained import load_weights
from monai_pylon.networks.strides import STRIDES
from monai_pylon.networks.tracing import is_eager
from monai_pylon.utils import check, check_type
from monai_pylon.utils.precision import at_least_float32

__all__ = ["HeatmapNetwork", "check_image", "map_head"]

#: Smallest edge of an image: two grid cells at stride 32. A single cell leaves nothing to localize.
LEAST_SIZE = 64


def check_image(x: torch.Tensor, spatial_dims: int, in_channels: int) -> None:
    """Raise an error if an image does not fit the network.

    Nothing is checked while the network is traced, compiled or exported.

    Args:
        x: Image (N, C, *spatial).
        spatial_dims: Required number of spatial axes.
        in_channels: Required number of channels C.

    Raises:
        TypeError: If the image is not a tensor.
        ValueError: If axes or channels do not fit, an edge is shorter than 64, the batch is empty, or the values are
            integers.

    Example:
        >>> check_image(torch.zeros(1, 3, 64, 64), 2, 1)
        Traceback (most recent call last):
        ...
        ValueError: image must be of 1 channel, (N, C, H, W), but is Tensor of shape (1, 3, 64, 64), float32. ...
    """
    if not is_eager():
        return
    check_type(x, torch.Tensor, "image")
    shape = "(N, C, H, W)" if spatial_dims == 2 else "(N, C, X, Y, Z)"
    check(x.ndim == spatial_dims + 2, "image", f"of shape {shape}", x, "Add a batch axis to a single image: x[None].")
    check(x.shape[0] > 0, "image", "a batch of at least one image, (N, ...)", x)
    remedy = f"Convert the image, or make the network with in_channels={x.shape[1]}."
    plural = "s" if in_channels > 1 else ""
    check(x.shape[1] == in_channels, "image", f"of {in_channels} channel{plural}, {shape}", x, remedy)
    small = min(x.shape[2:]) < LEAST_SIZE
    check(not small, "image", f"at least {LEAST_SIZE} along every spatial axis", x, "Enlarge or pad it.")
    check(x.is_floating_point(), "image", "of floating point numbers", x, "Scale intensities first.")


def map_head(spatial_dims: int, in_channels: int, num_classes: int, kernel_size: int = 1) -> nn.Module:
    """Make the convolution that turns decoded features into one heatmap per label.

    No activation follows, so that the heatmap is signed.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels D of the decoded features (N, D, *grid).
        num_classes: Number of labels M.
        kernel_size: Size of the kernel, odd.

    Returns:
        Convolution with output (N, M, *grid).

    Raises:
        TypeError: If num_classes is not an integer.
        ValueError: If num_classes is not positive or the kernel size is even.

    Example:
        >>> map_head(2, 128, 14)
        Conv2d(128, 14, kernel_size=(1, 1), stride=(1, 1))
    """
    check_type(num_classes, int, "num_classes")
    check(num_classes > 0, "num_classes", "positive", num_classes)
    check(kernel_size % 2 == 1, "head_kernel_size", "odd", kernel_size)
    return Conv["conv", spatial_dims](in_channels, num_classes, kernel_size, padding=kernel_size // 2)


class HeatmapNetwork(nn.Module):
    """A network of encoder, decoder and head whose heatmaps are pooled into the logits.

    The heatmap is the explanation. With the default pooling, the global maximum, each logit is the largest value of its
    heatmap.

    Args:
        spatial_dims: 2 or 3.
        in_channels: Channels C of the image (N, C, *spatial).
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        make_decoder: Function from the encoder's channels, shallow to deep, to the decoder. The decoder turns the
            encoder's feature maps into one map (N, D, *grid) and has the attribute ``out_channels`` (D).
        head_kernel_size: Kernel size of the convolution that computes the heatmap, odd.
        pool: Module from the heatmap (N, M, *grid) to one value per label (N, M, ...). None is the global maximum,
            which sends the gradient of a tie to one cell.
        strides: Required strides of the encoder's feature maps. If the last stride is 16, a named encoder is dilated.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        frozen_stages: First stages of the encoder that are not trained, with their norms in evaluation mode; see
            :func:`~monai_pylon.networks.freezing.freeze_stages`.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the weights do not fit the network.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> isinstance(PYLON(encoder="resnet18"), HeatmapNetwork)
        True
    """

    def __init__(
        self,
        spatial_dims: int,
        in_channels: int,
        num_classes: int,
        encoder: str | nn.Module,
        make_decoder: Callable[[Sequence[int]], Any],
        head_kernel_size: int = 1,
        pool: nn.Module | None = None,
        strides: tuple[int, ...] = STRIDES,
        weights: str | Path | None = None,
        frozen_stages: int = 0,
    ) -> None:
        super().__init__()
        self.spatial_dims, self.in_channels = spatial_dims, in_channels
        self.encoder = as_encoder(encoder, spatial_dims, in_channels, strides)
        self.decoder = make_decoder(self.encoder.channels)
        self.head = map_head(spatial_dims, self.decoder.out_channels, num_classes, head_kernel_size)
        self.pool = Pool["adaptivemax", spatial_dims](1) if pool is None else pool
        if weights is not None:
            load_weights(self, weights)
        freeze_stages(self.encoder, frozen_stages)
        self.frozen_stages = frozen_stages
        hold_frozen_stages(self.encoder, frozen_stages)

    def train(self, mode: bool = True) -> HeatmapNetwork:
        """Set training or evaluation mode; frozen stages stay in evaluation mode."""
        super().train(mode)
        hold_frozen_stages(self.encoder, self.frozen_stages)
        return self

    def explain(self, x: torch.Tensor) -> Explanation:
        """Compute the logits (N, M) and heatmaps (N, M, *grid) of an image (N, C, *spatial) in one forward pass."""
        check_image(x, self.spatial_dims, self.in_channels)
        # Half precision has few digits, so cells would tie for the maximum and losses would be inexact.
        heatmap = at_least_float32(self.head(self.decoder(self.encoder(x))))
        return Explanation(self.pool(heatmap).flatten(1), heatmap)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, M) of an image (N, C, *spatial)."""
        return self.explain(x).logits
