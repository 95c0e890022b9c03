"""Box localization (PYLON, section 3.2): the overlap of the bright part of a map with the boxes of its class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from monai_pylon.metrics.instances import LocalizationMetric, join_boxes, localize
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.arrays import as_float64

__all__ = ["BoxLocalizationMetric", "box_localization"]

_CRITERIA = ("ior_or_iou", "ior", "iou")


def _check_options(threshold: float, overlap: float, criterion: str) -> None:
    check_choice(criterion, _CRITERIA, "criterion")
    check(0 <= threshold < 1, "threshold", "from 0 to below 1, a fraction of the map's maximum", threshold)
    check(0 <= overlap < 1, "overlap", "from 0 to below 1", overlap)


def _fill_boxes(maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
    """Fill the union of each instance's boxes (I, H, W), with x, y, width and height truncated to whole pixels."""
    # The margin of 1e-4 keeps a width of 10 that float32 coordinates turned into 9.9999996.
    whole = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2] + 1e-4], dim=1).trunc().long()
    first, last = whole[:, :2], whole[:, :2] + whole[:, 2:]
    filled = torch.zeros(maps.shape, dtype=torch.bool, device=maps.device)
    corners = torch.cat([first.clamp(min=0), last.clamp(min=0), owner[:, None]], dim=1)
    for x1, y1, x2, y2, instance in corners.tolist():
        filled[instance, y1:y2, x1:x2] = True
    return filled


def _box_hits(maps: Tensor, boxes: Tensor, owner: Tensor, threshold: float, overlap: float, criterion: str) -> Tensor:
    """Return for each map (I, H, W) whether its bright part overlaps its boxes by more than the overlap."""
    bright = maps / maps.amax(dim=(1, 2), keepdim=True) > threshold
    truth = _fill_boxes(maps, boxes, owner)
    # An area of 0 gives NaN. NaN exceeds no overlap, so it is a miss.
    both, found, true = (
        as_float64(m.flatten(1).sum(dim=1, dtype=torch.int32)) for m in (bright & truth, bright, truth)
    )
    hits = torch.zeros(len(maps), dtype=torch.bool)
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
    """Return for each class whether the bright part of its map overlaps its boxes enough (PYLON, section 3.2).

    The sigmoid of the map is upsampled to the image (bilinear, ``align_corners=False``), divided by its own maximum and
    thresholded. P are the pixels above the threshold. G is the union of the class's boxes, with x, y, width and height
    truncated to whole pixels as the authors do. Then IoR = \\|P ∩ G\\| / \\|P\\| and IoU = \\|P ∩ G\\| / \\|P ∪ G\\|.

    Args:
        heatmap_logits: One map per class (M, h, w).
        boxes: Boxes (K, 4) as [x1, y1, x2, y2] in pixels of the image. K may be 0.
        box_labels: Class of each box (K,), 0 to M - 1.
        image_size: Size of the image: one number, or (rows, columns).
        threshold: Fraction of the map's maximum above which (`>`) a pixel is bright.
        overlap: Overlap τ above which (`>`) a map is a hit. The paper uses 0.1, 0.25 and 0.5.
        criterion: Overlap to compare: "ior_or_iou" (either), "ior" or "iou".

    Returns:
        Hits (M,), float32: 1 hit, 0 miss, NaN for a class without a box.

    Raises:
        ValueError: If the criterion is unknown, an option is out of range, a map contains NaN, or a box is reversed,
            off the image or of an unknown class.

    Example:
        >>> maps = torch.full((2, 4, 4), -9.0)
        >>> maps[1, 3, 0] = 5  # lower left
        >>> box_localization(maps, torch.tensor([[0, 40, 24, 64]]), torch.tensor([1]), image_size=64)
        tensor([nan, 1.])
    """
    _check_options(threshold, overlap, criterion)
    remedy = "Give the maps of one image: explanation.attention[0]."
    check_type(heatmap_logits, Tensor, "heatmap_logits", remedy)
    check(heatmap_logits.ndim == 3, "heatmap_logits", "of shape (M, h, w)", heatmap_logits)
    is_hit = partial(_box_hits, threshold=threshold, overlap=overlap, criterion=criterion)
    return localize(heatmap_logits[None], [join_boxes(boxes, box_labels)], image_size, is_hit)[0]


class BoxLocalizationMetric(LocalizationMetric):
    """MONAI metric for :func:`box_localization`.

    Called with heatmap logits (N, M, h, w) and a list of N tensors (K, 5) [x1, y1, x2, y2, class], possibly (0, 5).

    Args:
        image_size: Size of the images to which the box coordinates refer: one number, or (rows, columns).
        threshold: Fraction of the map's maximum above which a pixel is bright.
        overlap: Overlap τ above which a map is a hit.
        criterion: Overlap to compare: "ior_or_iou" (either), "ior" or "iou".

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

    def is_hit(self, maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
        """Return for each map (I, H, W) whether it is a hit; see :meth:`LocalizationMetric.is_hit`."""
        return _box_hits(maps, boxes, owner, self.threshold, self.overlap, self.criterion)
