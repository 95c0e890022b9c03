"""BodyCAM (HiResCAM paper, section 7): AxialNet with a global average in the place of its slice scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from monai_pylon.networks.blocks.slice_head import MappedLinear
from monai_pylon.networks.explanation import Explanation
from monai_pylon.networks.nets.slice_network import ReducedSliceNetwork, check_volume
from monai_pylon.networks.nets.volume_size import check_positive, head_cells, is_checked
from monai_pylon.utils import at_least_float32

__all__ = ["BodyCAM"]


class BodyCAM(ReducedSliceNetwork):
    """A classifier of chest CT of the CAM architecture: a global average of the features, one fully connected layer.

    Encoder and convolutions are AxialNet's. As the average forgets where a feature was, every place counts alike: CAM,
    Grad-CAM and HiResCAM are the same map, and that map is the attention. It sums to the logit less the bias.

    Args:
        num_classes: labels M.
        encoder: a name of :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        slices_per_group: neighbouring slices that are the channels of one image. An incomplete last group is filled by
            repeating the last slice.
        reduction_channels: after each of the convolutions (3x3, ReLU) behind the encoder.
        reduction_padding: of these, 0 or 1; with 0, as in the paper, each takes a cell off every side.
        chunk_size: groups that pass the encoder at once, as in :class:`~monai_pylon.networks.nets.AxialNet`.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or the whole network.

    ``net(x)`` takes volumes (N, 1, X, Y, Z) of any number of slices, and of any size in plane that leaves a cell (with
    ResNet and four unpadded convolutions 257 x 257); ``net.explain(x)`` gives the logits (N, M) and the attention
    (N, M, x, y, groups).

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where one is out of its range.

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
        """The logits (N, M) of volumes (N, 1, X, Y, Z)."""
        return self._logits(self.reduced(self.features(x)))

    def explain(self, x: torch.Tensor) -> Explanation:
        """Logits (N, M) and attention (N, M, x, y, groups) of volumes (N, 1, X, Y, Z)."""
        z = self.reduced(self.features(x))
        maps = self.head.maps(z.flatten(0, 1)).unflatten(0, z.shape[:2])  # (N, G, M, rows, columns)
        cells = z.shape[1] * z.shape[3] * z.shape[4]
        return Explanation(self._logits(z), maps.permute(0, 2, 4, 3, 1) / cells)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The deepest map of each group of a volume's slices: (N, 1, X, Y, Z) to (N, G, C, rows, columns)."""
        check_volume(x)
        if is_checked() and tuple(x.shape[2:4]) not in self._fitting:
            head_cells(x.shape[2:4], self.plane_cells(), "volume", self.remedy)
            self._fitting.add(tuple(x.shape[2:4]))
        return super().features(x)

    def _logits(self, z: torch.Tensor) -> torch.Tensor:
        """The logits (N, M) of reduced features (N, G, F, rows, columns)."""
        return self.head(at_least_float32(z).mean((1, 3, 4))[..., None, None])
