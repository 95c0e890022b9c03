"""What both localization metrics share: the classes of an image that have a box, their maps at its size, the means.

One *instance* is one class in one image with at least one box of that class, however many boxes it has. Only the maps
of instances are ever upsampled: of 14 maps an image has a box for one or two.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from monai.metrics import CumulativeIterationMetric
from monai.utils import convert_to_tensor
from torch import Tensor
from torch.nn import functional

from monai_pylon.utils import check, check_type

__all__ = ["LocalizationMetric", "class_averages", "join_boxes", "localize", "size_pair"]

#: How many maps are upsampled at a time, in pixels: few enough to stay in the processor's cache.
_PIXELS_AT_A_TIME = 1 << 18

#: Says of maps (I, H, W) between 0 and 1 and the boxes (B, 4) of instance number owner (B,): hit or not, (I,) bool.
Judge = Callable[[Tensor, Tensor, Tensor], Tensor]


class _Instances(NamedTuple):
    """I instances: the image (I,) and class (I,) of each; their boxes (B, 4) and whose each box is (B,), in order."""

    image: Tensor
    label: Tensor
    boxes: Tensor
    owner: Tensor


def size_pair(image_size: int | Sequence[int]) -> tuple[int, int]:
    """An image's size as (rows, columns).

    Args:
        image_size: one number for a square, or (rows, columns).

    Returns:
        (rows, columns).

    Raises:
        TypeError: where a size is no integer.
        ValueError: where there are not two, or one is not positive.

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
    """Put boxes and their classes into one table.

    Args:
        boxes: (K, 4) of [x1, y1, x2, y2], K may be 0.
        box_labels: (K,) classes.

    Returns:
        (K, 5) of [x1, y1, x2, y2, class], float64.

    Raises:
        ValueError: where the shapes differ from these.

    Example:
        >>> join_boxes(torch.tensor([[1, 2, 3, 4]]), torch.tensor([7])).tolist()
        [[1.0, 2.0, 3.0, 4.0, 7.0]]
    """
    box = convert_to_tensor(boxes, dtype=torch.float64, track_meta=False)
    label = convert_to_tensor(box_labels, dtype=torch.float64, device=box.device, track_meta=False)
    box = box.reshape(0, 4) if box.numel() == 0 else box
    check(box.ndim == 2 and box.shape[1] == 4, "boxes", "of shape (K, 4): [x1, y1, x2, y2]", boxes)
    check(label.shape == (len(box),), "box_labels", f"of shape ({len(box)},), one class a box", box_labels)
    return torch.cat([box, label[:, None]], dim=1)


def _check_boxes(boxes: Tensor, num_classes: int, size: tuple[int, int]) -> None:
    """Raise unless the rows [image, x1, y1, x2, y2, class] are boxes of that many classes on an image of that size."""
    x1, y1, x2, y2, label = boxes[:, 1:].unbind(1)
    check(bool(boxes.isfinite().all()), "boxes", "finite", boxes)
    order = (x2 >= x1) & (y2 >= y1)
    remedy = "In memory boxes are [x1, y1, x2, y2, class]: add x and width, y and height."
    check(bool(order.all()), "boxes", "with x1 <= x2 and y1 <= y2", boxes[~order][:1, 1:].tolist(), remedy)
    known = (label >= 0) & (label < num_classes) & (label == label.round())
    check(bool(known.all()), "box_labels", f"whole numbers from 0 to {num_classes - 1}", boxes[~known][:1, -1].tolist())
    outside = (x1 >= size[1]) | (y1 >= size[0]) | (x2 < 0) | (y2 < 0)
    remedy = "They count in pixels of the image: scale them with it."
    check(not bool(outside.any()), "boxes", f"on the image {size}", boxes[outside][:1, 1:].tolist(), remedy)


def _find_instances(heatmaps: Tensor, boxes: Sequence[Tensor], size: tuple[int, int]) -> _Instances:
    num_classes, device = heatmaps.shape[1], heatmaps.device
    rows = []
    for number, some in enumerate(boxes):
        box = convert_to_tensor(some, dtype=torch.float64, device=device, track_meta=False)
        box = box.reshape(0, 5) if box.numel() == 0 else box
        check(box.ndim == 2 and box.shape[1] == 5, "y", "(K, 5) of [x1, y1, x2, y2, class] for each image", box)
        rows.append(torch.cat([box.new_full((len(box), 1), number), box], dim=1))
    table = torch.cat(rows)
    _check_boxes(table, num_classes, size)
    key, owner = torch.unique((table[:, 0] * num_classes + table[:, 5]).long(), return_inverse=True)
    order = owner.argsort(stable=True)
    return _Instances(key // num_classes, key % num_classes, table[order, 1:5], owner[order])


def localize(heatmaps: Tensor, boxes: Sequence[Tensor], image_size: int | Sequence[int], judge: Judge) -> Tensor:
    """Judge the map of each class that has a box: sigmoid, then bilinear to the image (``align_corners=False``).

    Args:
        heatmaps: (N, M, h, w) logits; computed in float32, in float64 where they come in it.
        boxes: for each of N images (K, 5) of [x1, y1, x2, y2, class] in pixels of the image, possibly (0, 5).
        image_size: of the image, one number or (rows, columns).
        judge: says hit or not: (maps (I, H, W), boxes (B, 4), owner (B,)) -> (I,).

    Returns:
        (N, M) float32: 1 hit, 0 miss, NaN where the class has no box in the image.

    Raises:
        ValueError: for NaN in a map, boxes that are reversed, off the image or of no class.

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
    step = max(1, _PIXELS_AT_A_TIME // (size[0] * size[1]))
    for first in range(0, len(found.image), step):
        image, label = found.image[first : first + step], found.label[first : first + step]
        maps = heatmaps[image, label]
        check(not bool(maps.isnan().any()), "heatmaps", "without NaN", maps, "The network gave NaN: see its training.")
        maps = maps if maps.dtype == torch.float64 else maps.float()
        maps = functional.interpolate(maps.sigmoid()[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        mine = slice(*torch.searchsorted(found.owner, torch.tensor([first, first + step], device=maps.device)).tolist())
        hits[image, label] = judge(maps, found.boxes[mine], found.owner[mine] - first).to(hits)
    return hits


def class_averages(values: Tensor) -> dict[str, Any]:
    """Average values over images, and then over classes or over instances; NaN is left out.

    Args:
        values: (N, M), NaN where a class has no value in an image.

    Returns:
        per_class (M,), the mean of each class (NaN without values); macro, the mean of those that have one; weighted,
        the mean of all values.

    Example:
        >>> class_averages(torch.tensor([[1.0, torch.nan], [1.0, 0.0]]))
        {'per_class': tensor([1., 0.]), 'macro': 0.5, 'weighted': 0.666...}
    """
    values = convert_to_tensor(values, dtype=torch.float64, track_meta=False)
    per_class = values.nanmean(dim=0)
    return {
        "per_class": per_class.float(),
        "macro": per_class.nanmean().item(),
        "weighted": values.nanmean().item(),
    }


class LocalizationMetric(CumulativeIterationMetric):
    """A MONAI metric of maps and boxes: what is counted as a hit is up to its subclasses.

    Called with `y_pred`, heatmap logits (N, M, h, w) or a list of (M, h, w), and `y`, a list of (K, 5) tensors
    [x1, y1, x2, y2, class] in pixels of the input image, it returns and keeps (N, M) of 1, 0 and NaN; see
    :func:`localize`. Over several processes it gathers them as every MONAI metric does.

    Args:
        image_size: of the images in which the boxes count, one number or (rows, columns).

    Example:
        >>> issubclass(LocalizationMetric, CumulativeIterationMetric)
        True
    """

    def __init__(self, image_size: int | Sequence[int]) -> None:
        super().__init__()
        self.image_size = size_pair(image_size)

    @abstractmethod
    def judge(self, maps: Tensor, boxes: Tensor, owner: Tensor) -> Tensor:
        """Which of the maps (I, H, W) hit: boxes (B, 4) belong to instance number owner (B,); returns (I,) bool."""

    def _compute_list(self, y_pred: Any, y: Any = None, **kwargs: Any) -> Tensor:
        check(y is not None, "y", "a list of (K, 5) tensors, one for each image", y)
        if not isinstance(y_pred, Tensor):
            maps = [convert_to_tensor(one, track_meta=False) for one in y_pred]
            same = len({one.shape for one in maps}) == 1
            check(same, "y_pred", "maps (M, h, w) of one shape", [tuple(one.shape) for one in maps])
            y_pred = torch.stack(maps)
        return localize(y_pred.detach(), y, self.image_size, self.judge)

    def _compute_tensor(self, y_pred: Tensor, y: Tensor | None = None, **kwargs: Any) -> Tensor:
        return self._compute_list(y_pred, y)

    def aggregate(self) -> dict[str, Any]:
        """The averages over all images since `reset`: per_class (M,), macro, weighted; see :func:`class_averages`."""
        values = self.get_buffer()
        check(values is not None, "the metric", "called with maps and boxes before aggregate()", values)
        return class_averages(values)
