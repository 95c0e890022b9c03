"""Shared parts of the point and box localization metrics.

An *instance* is one class in one image with at least one box of that class. Only the maps of instances are upsampled:
an image typically has boxes for one or two of 14 classes.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from monai.metrics import CumulativeIterationMetric
from monai.utils import convert_to_tensor
from torch import Tensor
from torch.nn import functional

from monai_pylon.utils import check, check_type
from monai_pylon.utils.arrays import as_float64
from monai_pylon.utils.outputs import attention_of

__all__ = ["LocalizationMetric", "check_classes", "class_averages", "in_boxes", "join_boxes", "localize", "size_pair"]

#: Pixels to upsample at a time, few enough to stay in the processor's cache.
_PIXELS_AT_A_TIME = 1 << 18

#: Function of maps (I, H, W) between 0 and 1, boxes (B, 4) and the instance number of each box (B,) to hits (I,), bool.
#: Only the maps may be on a device: boxes are float64, which some devices do not have.
HitFunction = Callable[[Tensor, Tensor, Tensor], Tensor]


class _Instances(NamedTuple):
    """Table of I instances and their B boxes, sorted by instance, on the CPU.

    Attributes:
        image: Image number of each instance (I,).
        label: Class of each instance (I,).
        boxes: Boxes (B, 4) as [x1, y1, x2, y2].
        owner: Instance number of each box (B,).
    """

    image: Tensor
    label: Tensor
    boxes: Tensor
    owner: Tensor


def in_boxes(row: Any, column: Any, boxes: Any) -> Any:
    """Return whether points lie in boxes, borders included.

    Args:
        row: Rows of the points; array or tensor that broadcasts with those of the boxes.
        column: Columns of the points.
        boxes: Boxes (..., 4) as [x1, y1, x2, y2].

    Returns:
        Bool, of the broadcast shape.

    Example:
        >>> in_boxes(torch.tensor([2, 9]), torch.tensor([4, 4]), torch.tensor([4, 0, 8, 8]))
        tensor([ True, False])
    """
    x1, y1, x2, y2 = (boxes[..., k] for k in range(4))
    return (x1 <= column) & (column <= x2) & (y1 <= row) & (row <= y2)


def size_pair(image_size: int | Sequence[int]) -> tuple[int, int]:
    """Return an image size as (rows, columns).

    Args:
        image_size: One number for a square image, or (rows, columns).

    Returns:
        (rows, columns).

    Raises:
        TypeError: If a size is not an integer.
        ValueError: If there are not two sizes, or one is not positive.

    Example:
        >>> size_pair(256)
        (256, 256)
    """
    pair = (image_size, image_size) if isinstance(image_size, int) else tuple(image_size)
    check(len(pair) == 2, "image_size", "one number or (rows, columns)", image_size)
    for size in pair:
        check_type(size, int, "image_size")
        check(size > 0, "image_size", "positive", image_size)
    return pair[0], pair[1]


def join_boxes(boxes: Tensor, box_labels: Tensor) -> Tensor:
    """Join boxes and their classes into one table.

    Args:
        boxes: Boxes (K, 4) as [x1, y1, x2, y2]. K may be 0.
        box_labels: Class of each box (K,).

    Returns:
        Rows (K, 5) of [x1, y1, x2, y2, class], float64, on the CPU.

    Raises:
        ValueError: If boxes or box_labels has another shape.

    Example:
        >>> join_boxes(torch.tensor([[1, 2, 3, 4]]), torch.tensor([7])).tolist()
        [[1.0, 2.0, 3.0, 4.0, 7.0]]
    """
    box, label = as_float64(boxes), as_float64(box_labels)
    box = box.reshape(0, 4) if box.numel() == 0 else box
    check(box.ndim == 2 and box.shape[1] == 4, "boxes", "of shape (K, 4) with rows [x1, y1, x2, y2]", boxes)
    check(label.shape == (len(box),), "box_labels", f"of shape ({len(box)},), one class per box", box_labels)
    return torch.cat([box, label[:, None]], dim=1)


def _check_boxes(boxes: Tensor, num_classes: int, size: tuple[int, int]) -> None:
    """Raise a ValueError unless all rows (B, 6) are valid boxes on an image of the given size.

    A row is [image, x1, y1, x2, y2, class].
    """
    x1, y1, x2, y2, label = boxes[:, 1:].unbind(1)
    check(bool(boxes.isfinite().all()), "boxes", "finite", boxes)
    order = (x2 >= x1) & (y2 >= y1)
    remedy = "Convert (x, y, width, height) to (x, y, x + width, y + height)."
    check(bool(order.all()), "boxes", "with x1 <= x2 and y1 <= y2", boxes[~order][:1, 1:].tolist(), remedy)
    known = (label >= 0) & (label < num_classes) & (label == label.round())
    check(bool(known.all()), "box_labels", f"whole numbers from 0 to {num_classes - 1}", boxes[~known][:1, -1].tolist())
    outside = (x1 >= size[1]) | (y1 >= size[0]) | (x2 < 0) | (y2 < 0)
    remedy = "Scale the boxes with the image: they are in pixels."
    check(not bool(outside.any()), "boxes", f"on the image {size}", boxes[outside][:1, 1:].tolist(), remedy)


def _find_instances(heatmaps: Tensor, boxes: Sequence[Tensor], size: tuple[int, int]) -> _Instances:
    """Find the classes with boxes in each image of heatmaps (N, M, h, w), and sort the boxes by instance."""
    num_classes, rows = heatmaps.shape[1], []
    for number, image_boxes in enumerate(boxes):
        box = as_float64(image_boxes)
        box = box.reshape(0, 5) if box.numel() == 0 else box
        fits = box.ndim == 2 and box.shape[1] == 5
        check(fits, "y", "of shape (K, 5) with rows [x1, y1, x2, y2, class] for each image", box)
        rows.append(torch.cat([box.new_full((len(box), 1), number), box], dim=1))
    table = torch.cat(rows)
    _check_boxes(table, num_classes, size)
    key, owner = torch.unique((table[:, 0] * num_classes + table[:, 5]).long(), return_inverse=True)
    order = owner.argsort(stable=True)
    return _Instances(key // num_classes, key % num_classes, table[order, 1:5], owner[order])


def localize(heatmaps: Tensor, boxes: Sequence[Tensor], image_size: int | Sequence[int], is_hit: HitFunction) -> Tensor:
    """Decide for each class with a box whether its map is a hit.

    The sigmoid of the map is upsampled to the image (bilinear, ``align_corners=False``) and passed to `is_hit`.

    Args:
        heatmaps: Logits (N, M, h, w). Computed in float32, or in float64 if given in it.
        boxes: For each of N images rows (K, 5) of [x1, y1, x2, y2, class] in pixels of the image, possibly (0, 5).
        image_size: Size of the image: one number, or (rows, columns).
        is_hit: Function (maps (I, H, W), boxes (B, 4), owner (B,)) -> hits (I,). Box b belongs to map owner[b].

    Returns:
        Hits (N, M), float32: 1 hit, 0 miss, NaN if the class has no box in the image.

    Raises:
        ValueError: If a map contains NaN, or a box is reversed, off the image or of an unknown class.

    Example:
        >>> boxes = [torch.tensor([[0, 0, 2, 2, 1]])]
        >>> localize(torch.zeros(1, 3, 2, 2), boxes, 4, lambda maps, boxes, owner: maps[:, 0, 0] == 0.5)
        tensor([[nan, 1., nan]])
    """
    size = size_pair(image_size)
    heatmaps = convert_to_tensor(heatmaps, track_meta=False)
    check(heatmaps.ndim == 4, "heatmaps", "of shape (N, M, h, w)", heatmaps)
    check(len(heatmaps) == len(boxes), "y", f"a list of {len(heatmaps)} tensors, one for each image", len(boxes))
    hits = torch.full(heatmaps.shape[:2], torch.nan, device=heatmaps.device)
    found = _find_instances(heatmaps, boxes, size) if len(boxes) else None
    if found is None or len(found.owner) == 0:
        return hits
    step = max(1, _PIXELS_AT_A_TIME // math.prod(size))
    for first in range(0, len(found.image), step):
        chosen = slice(first, first + step)
        image, label = found.image[chosen].to(heatmaps.device), found.label[chosen].to(heatmaps.device)
        maps = heatmaps[image, label]
        check(not bool(maps.isnan().any()), "heatmaps", "without NaN", maps, "Check the training of the network.")
        maps = maps if maps.dtype == torch.float64 else maps.float()
        maps = functional.interpolate(maps.sigmoid()[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        rows = slice(*torch.searchsorted(found.owner, torch.tensor([first, first + step])).tolist())
        hits[image, label] = is_hit(maps, found.boxes[rows], found.owner[rows] - first).to(hits)
    return hits


def class_averages(values: Tensor) -> dict[str, Any]:
    """Average values over images, classes and instances, ignoring NaN.

    Args:
        values: Values (N, M), NaN where a class has no value in an image.

    Returns:
        per_class (M,), the mean of each class (NaN without values); macro, the mean of per_class without NaN; weighted,
        the mean of all values.

    Example:
        >>> class_averages(torch.tensor([[1.0, torch.nan], [1.0, 0.0]]))
        {'per_class': tensor([1., 0.]), 'macro': 0.5, 'weighted': 0.666...}
    """
    values = as_float64(values)
    per_class = values.nanmean(dim=0)
    return {
        "per_class": per_class.float(),
        "macro": per_class.nanmean().item(),
        "weighted": values.nanmean().item(),
    }


def check_classes(buffers: Sequence[Sequence[Tensor]] | None, values: Tensor, argument: str) -> None:
    """Raise an error if a batch has another number of classes than the batches before.

    Args:
        buffers: Lists of the values that a metric keeps, one (M, ...) for each sample.
        values: Values of the new batch (N, M, ...).
        argument: Name of the argument for the error.

    Raises:
        ValueError: If the numbers of classes differ.

    Example:
        >>> check_classes([[torch.zeros(2)]], torch.zeros(4, 3), "y_pred")
        Traceback (most recent call last):
        ...
        ValueError: y_pred must be of 2 classes, as before, but is Tensor of shape (4, 3), float32. Call reset() first.
    """
    before = buffers[0][-1].shape[0] if buffers and buffers[0] else values.shape[1]
    check(values.shape[1] == before, argument, f"of {before} classes, as before", values, "Call reset() first.")


class LocalizationMetric(CumulativeIterationMetric):
    """Base class of MONAI metrics that compare maps with boxes, with hits defined by `is_hit`.

    Called with `y_pred`, heatmap logits (N, M, h, w), an explanation with them, or a list of either, and `y`, a list of
    (K, 5) tensors [x1, y1, x2, y2, class] in pixels of the input image. It returns and keeps (N, M) of 1, 0 and NaN;
    see :func:`localize`. Like every MONAI metric it gathers the values of several processes.

    Args:
        image_size: Size of the images to which the box coordinates refer: one number, or (rows, columns).

    Example:
        >>> issubclass(LocalizationMetric, CumulativeIterationMetric)
        True
    """

    def __init__(self, image_size: int | Sequence[int]) -> None:
        super().__init__()
        self.image_size = size_pair(image_size)

    @abstractmethod
    def is_hit(self, maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
        """Return for each map (I, H, W) whether it is a hit, (I,) bool; box b of (B, 4) belongs to map owner[b]."""

    def _compute_list(self, y_pred: Any, y: Any = None, **kwargs: Any) -> Tensor:
        check(y is not None, "y", "a list of (K, 5) tensors, one for each image", y)
        maps = attention_of(y_pred).detach()
        check_classes(self._buffers, maps, "y_pred")
        return localize(maps, y, self.image_size, self.is_hit)

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Tensor:
        return self._compute_list(y_pred, y)

    def aggregate(self) -> dict[str, Any]:
        """Average over all images since `reset`: per_class (M,), macro and weighted; see :func:`class_averages`."""
        values = self.get_buffer()
        check(values is not None, "the metric", "called with maps and boxes before aggregate()", values)
        return class_averages(values)
