"""Trivial baselines of point localization: what a network must beat before its maps say where a finding is.

Findings have typical places: the heart lies where the heart lies. A map that never looks at the image can therefore hit
many boxes. Each baseline answers one question about an *instance* (a class in an image with at least one box of it).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import Cumulative
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from monai_pylon.metrics.instances import in_boxes, size_pair
from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64
from monai_pylon.utils.outputs import attention_of

__all__ = ["BASELINES", "LocalizationBaselinesMetric", "class_points", "localization_baselines"]

#: Names of the results of :func:`localization_baselines` beside the network's.
BASELINES = ("random_point", "image_center", "class_point", "other_patients", "image_specific_gain")


def class_points(boxes: Tensor, num_classes: int, image_size: int | Sequence[int]) -> Tensor:
    """Return the pixel of each class that lies in most boxes of other images, such as those of the training patients.

    Of equally good pixels the one nearest to their mean is taken.

    Args:
        boxes: Boxes (K, 5) [x1, y1, x2, y2, class] of many images, in pixels of the image size.
        num_classes: Number of classes M.
        image_size: One number, or (rows, columns).

    Returns:
        Pixels (M, 2), (row, column); NaN for a class without boxes.

    Raises:
        ValueError: If the boxes have another shape.

    Example:
        >>> boxes = torch.tensor([[0.0, 0, 4, 4, 1], [2, 2, 6, 6, 1]])
        >>> class_points(boxes, 2, 8).tolist()
        [[nan, nan], [3.0, 3.0]]
    """
    rows, columns = size_pair(image_size)
    table = as_float64(boxes).numpy()
    check(table.ndim == 2 and table.shape[1] == 5, "boxes", "of shape (K, 5)", boxes)
    y, x = np.arange(rows)[:, None], np.arange(columns)[None, :]
    points = np.full((num_classes, 2), np.nan)
    for label in np.unique(table[:, 4]).astype(int):
        count = np.zeros((rows, columns))
        for box in table[table[:, 4] == label]:
            count += in_boxes(y, x, box)
        best = np.argwhere(count == count.max())
        points[label] = best[np.square(best - best.mean(0)).sum(1).argmin()]
    return torch.from_numpy(points)


def _inside(points: NDArray[Any], boxes: NDArray[Any], owner: NDArray[Any], count: int) -> NDArray[Any]:
    """Return for each instance whether its point (I, 2) lies in one of its boxes, borders included."""
    row, column = points[owner].T
    return np.bincount(owner, in_boxes(row, column, boxes), count) > 0


def _covered(boxes: NDArray[Any], size: tuple[int, int]) -> float:
    """Return the share of the pixels of an image that boxes (K, 4) cover together."""
    y, x = np.arange(size[0])[:, None], np.arange(size[1])[None, :]
    covered = np.zeros(size, dtype=bool)
    for box in boxes:
        covered |= in_boxes(y, x, box)
    return float(covered.mean())


def localization_baselines(
    points: Tensor,
    classes: Tensor,
    patients: Sequence[Any] | Tensor,
    boxes: Tensor,
    owner: Tensor,
    image_size: int | Sequence[int],
    fixed_points: Tensor | None = None,
) -> dict[str, NDArray[Any]]:
    """Compare the highest pixels of a network's maps with points that do not depend on the image.

    Args:
        points: Highest pixel of the map of each of I instances (I, 2), (row, column).
        classes: Class of each instance (I,).
        patients: Patient of each instance (I,).
        boxes: Boxes (B, 4) [x1, y1, x2, y2] in pixels of the image.
        owner: Instance of each box (B,).
        image_size: Size of the images: one number, or (rows, columns).
        fixed_points: One pixel for each class (M, 2), as :func:`class_points` makes them from boxes of *other*
            patients; None or NaN if there are none.

    Returns:
        For each name values (I,), float64:

        - "network": 1 if the point lies in a box of its instance, otherwise 0.
        - "random_point": share of the image that the boxes cover: the chance of a random pixel.
        - "image_center": 1 if the center of the image hits.
        - "class_point": 1 if the fixed point of the class hits; NaN without one.
        - "other_patients": share of the other patients with the same class whose point hits this image's boxes. It is
          the network's score if its maps are exchanged between patients. NaN if nobody else has the class.
        - "image_specific_gain": "network" less "other_patients", for each instance: what looking at *this* image adds.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
        >>> points = torch.tensor([[10, 10], [50, 50]])
        >>> boxes = torch.tensor([[0, 0, 20, 20], [40, 40, 60, 60]])
        >>> found = localization_baselines(points, torch.tensor([0, 0]), [1, 2], boxes, torch.tensor([0, 1]), 64)
        >>> found["network"].tolist(), found["other_patients"].tolist(), found["image_center"].tolist()
        ([1.0, 1.0], [0.0, 0.0], [0.0, 0.0])
    """
    size = size_pair(image_size)
    place, label = as_float64(points).numpy(), as_float64(classes).numpy().astype(int)
    corners, number = as_float64(boxes).numpy().reshape(-1, 4), as_float64(owner).numpy().astype(int)
    count, who = len(label), np.unique(np.asarray(patients), return_inverse=True)[1]
    check(place.shape == (count, 2), "points", f"of shape ({count}, 2), one for each instance", points)
    check(len(who) == count, "patients", f"{count}, one for each instance", len(who))
    fits = len(number) == len(corners) and set(number) == set(range(count))
    check(fits, "owner", "the instance of each box, with at least one box for each instance", owner)
    center = np.tile([(size[0] - 1) / 2, (size[1] - 1) / 2], (count, 1))
    fixed = np.full((count, 2), np.nan) if fixed_points is None else as_float64(fixed_points).numpy()[label]
    others = np.full(count, np.nan)
    for kind in np.unique(label):
        mine = np.flatnonzero(label == kind)
        for instance in mine:
            rest = mine[who[mine] != who[instance]]
            if len(rest):
                row, column = place[rest].T
                others[instance] = in_boxes(row, column, corners[number == instance][:, None]).any(0).mean()
    found = {
        "network": _inside(place, corners, number, count).astype(float),
        "random_point": np.array([_covered(corners[number == instance], size) for instance in range(count)]),
        "image_center": _inside(center, corners, number, count).astype(float),
        "class_point": np.where(np.isnan(fixed).any(1), np.nan, _inside(fixed, corners, number, count)),
        "other_patients": others,
    }
    return {**found, "image_specific_gain": found["network"] - others}


def highest_pixels(maps: Tensor, image_size: int | Sequence[int]) -> Tensor:
    """Return the pixel that point localization takes of each map.

    Args:
        maps: Logits (I, h, w).
        image_size: One number, or (rows, columns).

    Returns:
        (row, column) of the first of the highest pixels (I, 2), int64.

    Example:
        >>> highest_pixels(torch.tensor([[[0.0, 1.0], [0.0, 0.0]]]), 8)
        tensor([[0, 6]])
    """
    size = size_pair(image_size)
    large = functional.interpolate(maps.float().sigmoid()[:, None], size, mode="bilinear", align_corners=False)
    highest = large.flatten(1).argmax(1)
    return torch.stack([highest // size[1], highest % size[1]], 1)


class LocalizationBaselinesMetric(Cumulative):
    """MONAI metric for point localization beside points that do not depend on the image.

    Called with heatmap logits (N, M, h, w) or an explanation, a list of N tensors (K, 5) [x1, y1, x2, y2, class], and
    N patients as whole numbers. It gathers the values of several processes. The names of its values:

    - "network": 1 if the map's highest pixel lies in a box of the instance, otherwise 0.
    - "random_point": share of the image that the boxes cover: the chance of a random pixel.
    - "image_center": 1 if the center of the image hits.
    - "class_point": 1 if the fixed point of the class hits; NaN without one.
    - "other_patients": share of the other patients with the same class whose highest pixel hits this image's boxes;
      NaN if nobody else has the class.
    - "image_specific_gain": "network" less "other_patients": what looking at this image adds.

    Args:
        image_size: Size of the images to which the box coordinates refer: one number, or (rows, columns).
        fixed_points: One pixel for each class (M, 2), as :func:`class_points` makes them from boxes of *other*
            patients; None or NaN if there are none.

    Raises:
        ValueError: If it is asked for values before it was called.

    Example:
        >>> metric = LocalizationBaselinesMetric(image_size=8)
        >>> metric(torch.eye(4)[None, None], [torch.tensor([[0, 0, 3, 3, 0]])], [7])
        >>> found, classes, patients = metric.values()
        >>> found["network"], found["image_specific_gain"], classes, patients
        (array([1.]), array([nan]), array([0]), array([7]))
    """

    def __init__(self, image_size: int | Sequence[int], fixed_points: Tensor | None = None) -> None:
        super().__init__()
        self.image_size, self.fixed_points = size_pair(image_size), fixed_points

    def reset(self) -> None:
        """Forget all images."""
        super().reset()
        self._seen = 0

    def __call__(self, maps: Any, boxes: Sequence[Tensor], patients: Sequence[int]) -> None:
        """Add images: maps (N, M, h, w), N tables (K, 5) of boxes, and N patients."""
        maps = attention_of(maps).detach()
        rank = torch.distributed.get_rank() if torch.distributed.is_initialized() else 0
        rows = []
        for attention, table, patient in zip(maps, boxes, patients, strict=True):
            table = as_float64(table).reshape(-1, 5)
            if not len(table):  # a row all the same: MONAI cannot gather from processes without any
                rows.append(torch.full((11,), torch.nan))
            for label in table[:, 4].unique().long().tolist():
                point = highest_pixels(attention[label][None], self.image_size)[0].cpu().float()
                mine = table[table[:, 4] == label, :4]
                # The patient in two parts of 24 bits, which float32 holds exactly: some devices have no float64.
                head = torch.tensor([rank, self._seen, patient >> 24, patient % (1 << 24), label], dtype=torch.float32)
                rows += [torch.cat([head, point, box.float()]) for box in mine]
                self._seen += 1
        self.extend(torch.stack(rows).to(maps.device))

    def values(self) -> tuple[dict[str, NDArray[Any]], NDArray[Any], NDArray[Any]]:
        """Return each of the values (I,), and class and patient of each of the I instances (I,)."""
        kept = self.get_buffer()
        check(kept is not None, "the metric", "called with maps, boxes and patients before aggregate()", kept)
        table = kept.cpu().numpy()
        table = table[~np.isnan(table).all(1)]
        _, first, owner = np.unique(table[:, :2], axis=0, return_index=True, return_inverse=True)
        unique = table[first]
        patients = unique[:, 2].astype(np.int64) * (1 << 24) + unique[:, 3].astype(np.int64)
        classes = unique[:, 4].astype(int)
        parts = (unique[:, 5:7], classes, patients, table[:, 7:], owner.ravel())
        points, kinds, who, boxes, owners = (torch.from_numpy(np.ascontiguousarray(part)) for part in parts)
        found = localization_baselines(points, kinds, who, boxes, owners, self.image_size, self.fixed_points)
        return found, classes, patients

    def aggregate(self) -> dict[str, float]:
        """Average each value over all instances; NaN without instances."""
        return {name: torch.from_numpy(value).nanmean().item() for name, value in self.values()[0].items()}
