"""Boxes that follow their image through MONAI's affine spatial transforms.

Flips, rotations, crops, pads, zooms and resizes of MONAI record in the image's affine how they moved the pixels. A
single transform after all of them therefore moves the boxes by that affine, and no spatial transform needs a version
for boxes. A rotated box is replaced by the upright box around its visible part. Elastic deformations and distortions of
the grid have no affine and must not be used; neither must `Transpose`, which does not change the affine.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.data.utils import to_affine_nd
from monai.transforms import InvertibleTransform, MapTransform
from monai.utils import MetaKeys, TraceKeys, TransformBackends, convert_to_numpy

from monai_pylon.utils import check, check_type

__all__ = ["FollowBoxes", "FollowBoxesD", "FollowBoxesDict", "FollowBoxesd", "map_boxes", "pixel_moves"]

#: Indices of rows, columns and the shift in a (4, 4) affine.
_PIXEL_AXES = [0, 1, 3]


def _cut(polygon: np.ndarray, axis: int, border: float, sign: int) -> np.ndarray:
    """Cut a convex polygon (P, 2) to the part with sign * (coordinate - border) <= 0."""
    corners = []
    outside = sign * (polygon[:, axis] - border) > 0
    for k in range(len(polygon)):
        a, b = polygon[k - 1], polygon[k]
        if outside[k - 1] != outside[k]:
            corners.append(a + (border - a[axis]) / (b[axis] - a[axis]) * (b - a))
        if not outside[k]:
            corners.append(b)
    return np.array(corners).reshape(-1, 2)


def _area(polygon: np.ndarray) -> float:
    """Compute the area of a polygon (P, 2) by the shoelace formula."""
    y, x = polygon.T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def map_boxes(
    boxes: np.ndarray, matrix: np.ndarray, image_size: tuple[int, int], min_visibility: float = 0.5
) -> np.ndarray:
    """Move boxes to another pixel grid, clip them to the image and drop those that mostly leave it.

    The four corners of each box are mapped, and the resulting polygon is clipped at the image's border. The new box is
    the upright box around the clipped polygon. The visibility of a box is the share of its area that lies on the new
    image.

    Args:
        boxes: (K, 5) of [x1, y1, x2, y2, class], in pixel borders: pixel 0 reaches from 0 to 1.
        matrix: (3, 3), maps old to new indices (row, column, 1) of pixel centers.
        image_size: Rows and columns of the new image.
        min_visibility: Boxes with a lower visibility are dropped; 0 keeps all boxes that are visible at all.

    Returns:
        (K', 5) float32, the remaining boxes in their order.

    Raises:
        ValueError: If boxes or matrix has another shape, or min_visibility is not from 0 to 1.

    Example:
        >>> right_half = np.array([[1, 0, 0], [0, 1, -50], [0, 0, 1]])
        >>> map_boxes(np.array([[20, 0, 100, 10, 3], [20, 0, 60, 10, 3]]), right_half, (100, 50))
        array([[ 0.,  0., 50., 10.,  3.]], dtype=float32)
    """
    table, move = np.asarray(boxes, dtype=np.float64), np.asarray(matrix, dtype=np.float64)
    table = table.reshape(0, 5) if table.size == 0 else table
    check(table.ndim == 2 and table.shape[1] == 5, "boxes", "of shape (K, 5): [x1, y1, x2, y2, class]", boxes)
    check(move.shape == (3, 3), "matrix", "of shape (3, 3)", matrix)
    check(0 <= min_visibility <= 1, "min_visibility", "a share from 0 to 1", min_visibility)
    rows, columns = image_size
    kept = []
    for whole, label in zip(_corners(table, move), table[:, 4], strict=True):
        seen = whole
        for axis, border, sign in ((0, 0, -1), (0, rows, 1), (1, 0, -1), (1, columns, 1)):
            seen = _cut(seen, axis, border, sign)
        area = _area(seen)
        if area > 0 and area >= min_visibility * _area(whole):
            (top, left), (bottom, right) = seen.min(axis=0), seen.max(axis=0)
            kept.append([left, top, right, bottom, label])
    return np.array(kept, dtype=np.float32).reshape(-1, 5)


def _whole_affine(affine: Any) -> np.ndarray:
    """Return an affine as (4, 4) float64; MONAI's lazy transforms leave (3, 3) to 2D images."""
    return to_affine_nd(3, convert_to_numpy(affine).astype(np.float64))


def _corners(boxes: np.ndarray, move: np.ndarray) -> np.ndarray:
    """Return the moved corners (K, 4, 2) of boxes (K, 5), each (row, column) in pixel borders."""
    corners = boxes[:, [[1, 0], [1, 2], [3, 2], [3, 0]]] - 0.5
    return corners @ move[:2, :2].T + move[:2, 2] + 0.5


def _has_place(boxes: Any) -> bool:
    """Return whether boxes carry the affine of an image; MONAI's EnsureType gives any array the identity."""
    if not isinstance(boxes, MetaTensor):
        return False
    followed = any(step.get(TraceKeys.CLASS_NAME) == FollowBoxes.__name__ for step in boxes.applied_operations)
    return followed or not np.allclose(_whole_affine(boxes.affine), np.eye(4))


def _moves(image: Any, place: Any = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how the pixels of an image moved, (3, 3), its affine now, and its affine before: given, or as read."""
    check_type(image, MetaTensor, "image", "Load it with ReadRadiograph: its affine records where the pixels went.")
    check(image.ndim == 3, "image", "of shape (C, H, W)", image)
    names = {operation.get(TraceKeys.CLASS_NAME) for operation in image.applied_operations}
    remedy = "Transpose does not change the affine: use Rotate90 and Flip, or transpose before the boxes are known."
    check(not names & {"Transpose", "Transposed"}, "image", "moved by transforms that record it", names, remedy)
    new = _whole_affine(image.peek_pending_affine())
    old = _whole_affine(image.meta.get(MetaKeys.ORIGINAL_AFFINE, np.eye(4)) if place is None else place)
    move = np.linalg.inv(new) @ old
    in_plane = np.allclose(move[2, _PIXEL_AXES], 0) and np.allclose(move[_PIXEL_AXES, 2], 0)
    check(in_plane, "image", "moved within its plane only", move.round(3).tolist(), "Leave out 3D transforms.")
    return move[np.ix_(_PIXEL_AXES, _PIXEL_AXES)], new, old


def pixel_moves(image: MetaTensor) -> np.ndarray:
    """Return how MONAI's spatial transforms have moved the pixels of an image since it was read.

    Args:
        image: (C, H, W).

    Returns:
        (3, 3) float64, maps old to new indices (row, column, 1) of pixel centers.

    Raises:
        TypeError: If the image is not a MetaTensor.
        ValueError: If the image is not (C, H, W), was rotated out of its plane, or was transposed.

    Example:
        >>> from monai.transforms import Flip
        >>> pixel_moves(Flip(spatial_axis=1)(MetaTensor(torch.zeros(1, 64, 48)))) @ [10, 0, 1]
        array([10., 47.,  1.])
    """
    return _moves(image)[0]


class FollowBoxes(InvertibleTransform):
    """Boxes moved as MONAI's spatial transforms have moved their image; see :func:`map_boxes`.

    Called with boxes (K, 5) [x1, y1, x2, y2, class] and their image (C, H, W), a MetaTensor.

    The image's affine records how its pixels have moved since it was read, pending lazy transforms included. Boxes
    given without an affine of their own are in pixels of the image as it was read (``original_affine``, or the
    identity). The returned boxes carry the affine of their image, so that a second call changes nothing.

    The inverse moves boxes back to the pixels from which they came. Boxes that were dropped do not return, a box keeps
    the size to which it was clipped, and a box that was rotated is replaced by the upright box around it.

    Args:
        min_visibility: Boxes of which a smaller share is visible are dropped.

    Raises:
        TypeError: If the image is not a MetaTensor.
        ValueError: If the image is not (C, H, W), was rotated out of its plane, or was transposed.

    Example:
        >>> from monai.transforms import Flip
        >>> image = Flip(spatial_axis=1)(MetaTensor(torch.zeros(1, 64, 48)))
        >>> FollowBoxes()(np.array([[0, 10, 8, 20, 5]]), image).tolist()
        [[40.0, 10.0, 48.0, 20.0, 5.0]]
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, min_visibility: float = 0.5) -> None:
        check(0 <= min_visibility <= 1, "min_visibility", "a share from 0 to 1", min_visibility)
        self.min_visibility = min_visibility

    def __call__(self, boxes: np.ndarray | torch.Tensor, image: Any = None) -> torch.Tensor:
        """Move the boxes (K, 5) of an image (C, H, W)."""
        own = boxes.affine if isinstance(boxes, MetaTensor) and _has_place(boxes) else None
        move, new, old = _moves(image, own)
        rows, columns = (int(size) for size in image.peek_pending_shape())
        moved = torch.from_numpy(map_boxes(convert_to_numpy(boxes), move, (rows, columns), self.min_visibility))
        if not get_track_meta():
            return moved
        operations = boxes.applied_operations if isinstance(boxes, MetaTensor) else None
        result = MetaTensor(moved, affine=torch.from_numpy(new), applied_operations=operations)
        return self.push_transform(result, orig_size=tuple(np.shape(boxes)), extra_info={"affine": old.tolist()})

    def inverse(self, boxes: MetaTensor) -> torch.Tensor:
        """Move boxes (K, 5) back to the pixels from which they came."""
        check_type(boxes, MetaTensor, "boxes", "Keep the metadata with which FollowBoxes returned them.")
        old = np.array(self.pop_transform(boxes)[TraceKeys.EXTRA_INFO]["affine"])
        move = (np.linalg.inv(old) @ _whole_affine(boxes.affine))[np.ix_(_PIXEL_AXES, _PIXEL_AXES)]
        table = convert_to_numpy(boxes).astype(np.float64).reshape(-1, 5)
        corners = _corners(table, move)[:, :, ::-1]  # (column, row), as in boxes
        moved = np.concatenate([corners.min(axis=1), corners.max(axis=1), table[:, 4:]], axis=1)
        result = torch.from_numpy(moved.astype(np.float32))
        return MetaTensor(result, affine=torch.from_numpy(old), applied_operations=boxes.applied_operations)


class FollowBoxesd(MapTransform, InvertibleTransform):
    """Dictionary version of :class:`FollowBoxes`; put it after all spatial transforms of the image.

    Args:
        keys: Keys of boxes (K, 5).
        image_key: Key of their image (C, H, W).
        min_visibility: Boxes of which a smaller share is visible are dropped. The image's labels do not change.
        allow_missing_keys: Return items without a key unchanged.

    Example:
        >>> item = {"image": MetaTensor(torch.zeros(1, 64, 48)), "boxes": np.array([[0, 10, 8, 20, 5]])}
        >>> FollowBoxesd()(item)["boxes"].tolist()
        [[0.0, 10.0, 8.0, 20.0, 5.0]]
    """

    backend = FollowBoxes.backend

    def __init__(
        self,
        keys: KeysCollection = "boxes",
        image_key: str = "image",
        min_visibility: float = 0.5,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.image_key = image_key
        self.follow = FollowBoxes(min_visibility)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Move the boxes in a copy of the dictionary."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.follow(item[key], item[self.image_key])
        return item

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Move the boxes of an item back to the pixels from which they came."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.follow.inverse(item[key])
        return item


FollowBoxesD = FollowBoxesDict = FollowBoxesd
