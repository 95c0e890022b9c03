"""Point localization (PYLON, section 3.2): the highest pixel of a map against the boxes of its class."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from monai_pylon.metrics.instances import LocalizationMetric, in_boxes, join_boxes, localize
from monai_pylon.utils import check, check_type

__all__ = ["PointLocalizationMetric", "point_localization"]


def _point_hits(maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
    """Return for each map (I, H, W) whether its highest pixel lies in one of its boxes (B, 4), borders included.

    Box b belongs to map owner[b]; owner is (B,). Of equally high pixels the first counts.
    """
    highest = maps.flatten(1).argmax(dim=1).cpu()
    row, column = (highest // maps.shape[2])[owner], (highest % maps.shape[2])[owner]
    hits = torch.zeros(len(maps), dtype=torch.bool)
    hits[owner[in_boxes(row, column, boxes)]] = True
    return hits


def point_localization(
    heatmap_logits: Tensor, boxes: Tensor, box_labels: Tensor, image_size: int | Sequence[int]
) -> Tensor:
    """Return for each class whether the highest pixel of its map lies in a box of that class (PYLON, section 3.2).

    The sigmoid of the map is upsampled to the image (bilinear, ``align_corners=False``), as the authors do. The highest
    pixel (row, column) hits a box if x1 <= column <= x2 and y1 <= row <= y2.

    Args:
        heatmap_logits: One map per class (M, h, w).
        boxes: Boxes (K, 4) as [x1, y1, x2, y2] in pixels of the image. K may be 0.
        box_labels: Class of each box (K,), 0 to M - 1.
        image_size: Size of the image: one number, or (rows, columns).

    Returns:
        Hits (M,), float32: 1 hit, 0 miss, NaN for a class without a box.

    Raises:
        ValueError: If a map contains NaN, or a box is reversed, off the image or of an unknown class.

    Example:
        >>> maps = torch.zeros(2, 4, 4)
        >>> maps[1, 3, 0] = 5  # lower left
        >>> point_localization(maps, torch.tensor([[0, 48, 16, 64]]), torch.tensor([1]), image_size=64)
        tensor([nan, 1.])
    """
    remedy = "Give the maps of one image: explanation.attention[0]."
    check_type(heatmap_logits, Tensor, "heatmap_logits", remedy)
    check(heatmap_logits.ndim == 3, "heatmap_logits", "of shape (M, h, w)", heatmap_logits)
    return localize(heatmap_logits[None], [join_boxes(boxes, box_labels)], image_size, _point_hits)[0]


class PointLocalizationMetric(LocalizationMetric):
    """MONAI metric for :func:`point_localization`.

    Called with heatmap logits (N, M, h, w) and a list of N tensors (K, 5) [x1, y1, x2, y2, class], possibly (0, 5).

    Args:
        image_size: Size of the images to which the box coordinates refer: one number, or (rows, columns).

    Example:
        >>> metric = PointLocalizationMetric(image_size=8)
        >>> metric(torch.eye(4)[None, None], [torch.tensor([[0, 0, 3, 3, 0]])])
        tensor([[1.]])
        >>> metric.aggregate()
        {'per_class': tensor([1.]), 'macro': 1.0, 'weighted': 1.0}
    """

    def is_hit(self, maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
        """Return for each map (I, H, W) whether it is a hit; see :meth:`LocalizationMetric.is_hit`."""
        return _point_hits(maps, boxes, owner)
