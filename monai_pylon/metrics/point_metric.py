"""Point localization (PYLON, section 3.2): does the highest point of a map lie in a box of its class?"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from monai_pylon.metrics.instances import LocalizationMetric, join_boxes, localize
from monai_pylon.utils import check

__all__ = ["PointLocalizationMetric", "point_localization"]


def _point_hits(maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
    """Which of the maps (I, H, W) are highest in one of their boxes (B, 4), borders included; of equals the first."""
    highest = maps.flatten(1).argmax(dim=1)
    row, column = (highest // maps.shape[2])[owner], (highest % maps.shape[2])[owner]
    x1, y1, x2, y2 = boxes.unbind(1)
    inside = (x1 <= column) & (column <= x2) & (y1 <= row) & (row <= y2)
    hits = torch.zeros(len(maps), dtype=torch.bool, device=maps.device)
    hits[owner[inside]] = True
    return hits


def point_localization(
    heatmap_logits: Tensor, boxes: Tensor, box_labels: Tensor, image_size: int | Sequence[int]
) -> Tensor:
    """Whether the highest pixel of each class's map lies in any box of that class (PYLON, section 3.2).

    The map goes through the sigmoid and is then upsampled to the image (bilinear, ``align_corners=False``), as the
    authors do; its highest pixel (row, column) hits a box where x1 <= column <= x2 and y1 <= row <= y2.

    Args:
        heatmap_logits: (M, h, w), one map a class.
        boxes: (K, 4) of [x1, y1, x2, y2] in pixels of the image, K may be 0.
        box_labels: (K,) class of each box, 0 to M - 1.
        image_size: of the image, one number or (rows, columns).

    Returns:
        (M,) float32: 1 hit, 0 miss, NaN for a class without a box.

    Raises:
        ValueError: for NaN in a map, boxes that are reversed, off the image or of no class.

    Example:
        >>> maps = torch.zeros(2, 4, 4)
        >>> maps[1, 3, 0] = 5  # lower left
        >>> point_localization(maps, torch.tensor([[0, 48, 16, 64]]), torch.tensor([1]), image_size=64)
        tensor([nan, 1.])
    """
    check(heatmap_logits.ndim == 3, "heatmap_logits", "of shape (M, h, w)", heatmap_logits)
    return localize(heatmap_logits[None], [join_boxes(boxes, box_labels)], image_size, _point_hits)[0]


class PointLocalizationMetric(LocalizationMetric):
    """:func:`point_localization` as a MONAI metric.

    Args:
        image_size: of the images in which the boxes count, one number or (rows, columns).

    Called with heatmap logits (N, M, h, w) and a list of N tensors (K, 5) [x1, y1, x2, y2, class], possibly (0, 5).

    Example:
        >>> metric = PointLocalizationMetric(image_size=8)
        >>> metric(torch.eye(4)[None, None], [torch.tensor([[0, 0, 3, 3, 0]])])
        tensor([[1.]])
        >>> metric.aggregate()
        {'per_class': tensor([1.]), 'macro': 1.0, 'weighted': 1.0}
    """

    def judge(self, maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
        """Which of the maps (I, H, W) are highest in one of their boxes; see :meth:`LocalizationMetric.judge`."""
        return _point_hits(maps, boxes, owner)
