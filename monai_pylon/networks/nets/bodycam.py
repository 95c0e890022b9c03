"""BodyCAM (HiResCAM paper, section 7): AxialNet with a global average instead of its slice scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.slice_head import MappedLinear
from monai_pylon.networks.explanation import Explanation
from monai_pylon.networks.nets.slice_network import ReducedSliceNetwork, check_volume
from monai_pylon.networks.nets.volume_size import check_positive, head_cells
from monai_pylon.networks.tracing import is_eager
from monai_pylon.utils.precision import at_least_float32

__all__ = ["BodyCAM"]


class BodyCAM(ReducedSliceNetwork):
    """A classifier of chest CT with the CAM architecture: a global average of the features and one linear layer.

    Encoder and convolutions are AxialNet's. The average weighs all positions equally, so CAM, Grad-CAM and HiResCAM
    give the same map. This map is the attention. Its sum plus the bias is the logit.

    Args:
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        slices_per_group: Neighboring slices that are the channels of one image. Copies of the last slice fill an
            incomplete last group.
        reduction_channels: Channels after each of the 3x3 convolutions with ReLU that follow the encoder.
        reduction_padding: Padding of these convolutions. 0, as in the paper, removes a cell from each side at every
            convolution; 1 keeps the size.
        chunk_size: Groups that pass the encoder at once, as in :class:`~monai_pylon.networks.nets.AxialNet`.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.

    ``net(x)`` returns the logits (N, M) of volumes (N, 1, X, Y, Z) with any number of slices. Slices may have any size
    that leaves a grid cell: at least 257 x 257 with a ResNet and four unpadded convolutions. ``net.explain(x)`` also
    returns the attention (N, M, x, y, groups).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range.

    Example:
        >>> net = BodyCAM(encoder="resnet18", num_classes=4, reduction_padding=1).eval()
        >>> logits, attention, _ = net.explain(torch.zeros(1, 1, 64, 96, 8))
        >>> attention.shape, torch.allclose(attention.sum((2, 3, 4)) + net.head.bias, logits, atol=1e-6)
        (torch.Size([1, 4, 2, 3, 3]), True)
    """

    def __init__(
        self,
        num_classes: int = 80,
        encoder: str | nn.Module = "resnet18",
        slices_per_group: int = 3,
        reduction_channels: Sequence[int] = (64, 32, 16, 16),
        reduction_padding: int = 0,
        chunk_size: int | None = None,
        weights: str | Path | None = None,
    ) -> None:
        check_positive(num_classes=num_classes)
        super().__init__(encoder, slices_per_group, chunk_size, reduction_channels, reduction_padding)
        self.head = MappedLinear(self.reduced_channels, (1, 1), num_classes)
        self._fitting: set[tuple[int, ...]] = set()
        self.load(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, M) of volumes (N, 1, X, Y, Z)."""
        return self._logits(self.reduced(self.features(x)))

    def explain(self, x: torch.Tensor) -> Explanation:
        """Compute logits (N, M) and attention (N, M, x, y, groups) of volumes (N, 1, X, Y, Z)."""
        z = self.reduced(self.features(x))
        maps = self.head.maps(z.flatten(0, 1)).unflatten(0, z.shape[:2])  # (N, G, M, rows, columns)
        cells = z.shape[1] * z.shape[3] * z.shape[4]
        return Explanation(self._logits(z), maps.permute(0, 2, 4, 3, 1) / cells)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the deepest maps (N, G, C, rows, columns) of the slice groups of a volume (N, 1, X, Y, Z)."""
        check_volume(x)
        if is_eager() and tuple(x.shape[2:4]) not in self._fitting:
            head_cells(x.shape[2:4], self.plane_cells(), "volume", self.remedy)
            self._fitting.add(tuple(x.shape[2:4]))
        return super().features(x)

    def _logits(self, z: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, M) of reduced features (N, G, F, rows, columns)."""
        return self.head(at_least_float32(z).mean((1, 3, 4))[..., None, None])
