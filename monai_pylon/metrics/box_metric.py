"""Localization accuracy (PYLON, section 3.2): does the bright part of a map overlap the boxes of its class enough?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from monai_pylon.metrics.instances import LocalizationMetric, join_boxes, localize
from monai_pylon.utils import check, check_choice

__all__ = ["BoxLocalizationMetric", "box_localization"]

_CRITERIA = ("ior_or_iou", "ior", "iou")


def _check_options(threshold: float, overlap: float, criterion: str) -> None:
    check_choice(criterion, _CRITERIA, "criterion")
    check(0 <= threshold < 1, "threshold", "from 0 to below 1, a fraction of the map's maximum", threshold)
    check(0 <= overlap < 1, "overlap", "from 0 to below 1", overlap)


def _fill_boxes(maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
    """(I, H, W) bool: the union of each instance's boxes, x, y, width and height truncated to whole pixels."""
    # A width of 10 that became 9.9999996 because x1 and x2 were stored as float32 still is 10.
    whole = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2] + 1e-4], dim=1).trunc().long()
    first, last = whole[:, :2], whole[:, :2] + whole[:, 2:]
    filled = torch.zeros(maps.shape, dtype=torch.bool, device=maps.device)
    corners = torch.cat([first.clamp(min=0), last.clamp(min=0), owner[:, None]], dim=1)
    for x1, y1, x2, y2, instance in corners.tolist():
        filled[instance, y1:y2, x1:x2] = True
    return filled


def _box_hits(maps: Tensor, boxes: Tensor, owner: Tensor, threshold: float, overlap: float, criterion: str) -> Tensor:
    bright = maps / maps.amax(dim=(1, 2), keepdim=True) > threshold
    truth = _fill_boxes(maps, boxes, owner)
    # Over an area of 0 the quotient is NaN, which exceeds nothing: no hit.
    both, found, true = (m.flatten(1).sum(dim=1, dtype=torch.int32).double() for m in (bright & truth, bright, truth))
    hits = torch.zeros(len(maps), dtype=torch.bool, device=maps.device)
    if criterion != "iou":
        hits |= both / found > overlap
    if criterion != "ior":
        hits |= both / (found + true - both) > overlap
    return hits


def box_localization(
    heatmap_logits: Tensor,
    boxes: Tensor,
    box_labels: Tensor,
    image_size: int | Sequence[int],
    threshold: float = 0.5,
    overlap: float = 0.25,
    criterion: str = "ior_or_iou",
) -> Tensor:
    """Whether the bright part of each class's map overlaps the boxes of that class enough (PYLON, section 3.2).

    The map goes through the sigmoid, is upsampled to the image (bilinear, ``align_corners=False``), divided by its own
    maximum and thresholded. With P the pixels above the threshold and G the union of the class's boxes, each with x, y,
    width and height truncated to whole pixels as the authors do, IoR = \\|P ∩ G\\| / \\|P\\| and
    IoU = \\|P ∩ G\\| / \\|P ∪ G\\|.

    Args:
        heatmap_logits: (M, h, w), one map a class.
        boxes: (K, 4) of [x1, y1, x2, y2] in pixels of the image, K may be 0.
        box_labels: (K,) class of each box, 0 to M - 1.
        image_size: of the image, one number or (rows, columns).
        threshold: fraction of the map's maximum above which (`>`) a pixel is bright.
        overlap: τ, the overlap above which (`>`) it is a hit; the paper's are 0.1, 0.25 and 0.5.
        criterion: which overlap counts: "ior_or_iou" (either), "ior" or "iou".

    Returns:
        (M,) float32: 1 hit, 0 miss, NaN for a class without a box.

    Raises:
        ValueError: for another criterion, NaN in a map, boxes that are reversed, off the image or of no class.

    Example:
        >>> maps = torch.full((2, 4, 4), -9.0)
        >>> maps[1, 3, 0] = 5  # lower left
        >>> box_localization(maps, torch.tensor([[0, 40, 24, 64]]), torch.tensor([1]), image_size=64)
        tensor([nan, 1.])
    """
    _check_options(threshold, overlap, criterion)
    check(heatmap_logits.ndim == 3, "heatmap_logits", "of shape (M, h, w)", heatmap_logits)
    judge = partial(_box_hits, threshold=threshold, overlap=overlap, criterion=criterion)
    return localize(heatmap_logits[None], [join_boxes(boxes, box_labels)], image_size, judge)[0]


class BoxLocalizationMetric(LocalizationMetric):
    """:func:`box_localization` as a MONAI metric.

    Args:
        image_size: of the images in which the boxes count, one number or (rows, columns).
        threshold: fraction of the map's maximum above which a pixel is bright.
        overlap: τ, the overlap above which it is a hit.
        criterion: which overlap counts: "ior_or_iou" (either), "ior" or "iou".

    Called with heatmap logits (N, M, h, w) and a list of N tensors (K, 5) [x1, y1, x2, y2, class], possibly (0, 5).

    Example:
        >>> metric = BoxLocalizationMetric(image_size=8, overlap=0.1)
        >>> metric(torch.eye(4)[None, None], [torch.tensor([[0, 0, 6, 6, 0]])])
        tensor([[1.]])
        >>> metric.aggregate()["weighted"]
        1.0
    """

    def __init__(
        self,
        image_size: int | Sequence[int],
        threshold: float = 0.5,
        overlap: float = 0.25,
        criterion: str = "ior_or_iou",
    ) -> None:
        _check_options(threshold, overlap, criterion)
        super().__init__(image_size)
        self.threshold, self.overlap, self.criterion = threshold, overlap, criterion

    def judge(self, maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
        """Which of the maps (I, H, W) overlap their boxes enough; see :meth:`LocalizationMetric.judge`."""
        return _box_hits(maps, boxes, owner, self.threshold, self.overlap, self.criterion)
