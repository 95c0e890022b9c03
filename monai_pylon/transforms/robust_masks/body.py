"""Convex hull of the body on every axial slice, and the air that the body encloses.

The authors' program drops air that touches the border of a slice, and with it lungs cut off by the field of view. Here
air is outside air only if it reaches a point well outside the body's convex hull, which a lung at the border does not.
A box that cuts a lung at its side and back removes the corner of the hull, too, and at a round field of view a lung
borders on padding. There the HU and the share within the hull decide.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_pylon.transforms.robust_masks.block_mean import spread_blocks
from monai_pylon.transforms.robust_masks.convex_hulls import convex_hulls
from monai_pylon.transforms.robust_masks.morphology import dilate_by
from monai_pylon.utils.arrays import bounding_box

__all__ = ["body_hull", "component_centres", "enclosed_air", "label_slices", "largest_component"]

#: HU above which a voxel belongs to the body. Fat has about -100, the wall of a lung is denser.
_TISSUE_HU = -300

#: Distance from the hull, in mm, beyond which air is outside air. A lung cut off by a round field of view bulges by
#: about 10 mm over the chord that its hull draws.
_MARGIN_MM = 15.0

#: Least share within the hull, and least median HU, of air that reaches outside the hull and is a lung without its
#: chest wall. Lungs cut by a box mostly have 0.2 to 0.8 and -890 to -810 HU; outside air and foam do not.
_LUNG_SHARE, _LUNG_HU = 0.2, -940.0

#: Least share within the hull of a lung that borders on padding.
_PADDED_LUNG_SHARE = 0.5

#: Pixel size in mm on which hulls are drawn. Thanks to the margin their edges need not be exact.
_HULL_PIXEL_MM = 4.0

#: Neighbors by faces within an axial slice.
_IN_PLANE = np.zeros((3, 3, 3), dtype=bool)
_IN_PLANE[:, 1, 1] = _IN_PLANE[1, :, 1] = True


def label_slices(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the 4-connected components of every axial slice.

    Args:
        mask: (X, Y, Z) bool, axial slices on the last axis.

    Returns:
        Numbers (X, Y, Z) int32, 0 outside the components, and the highest number.

    Example:
        >>> label_slices(np.ones((2, 2, 3), dtype=bool))[1]
        3
    """
    return ndimage.label(mask, _IN_PLANE)


def component_centres(numbered: np.ndarray, count: int) -> np.ndarray:
    """Compute the center of every numbered component, in voxels.

    Args:
        numbered: (X, Y, Z), 0 outside the components.
        count: The highest number.

    Returns:
        (count + 1, 3), one row for each number; NaN for 0 and for numbers that do not occur.

    Example:
        >>> component_centres(np.array([[[1, 1, 0, 2]]]), 2)[1:].tolist()
        [[0.0, 0.0, 0.5], [0.0, 0.0, 3.0]]
    """
    indices = np.nonzero(numbered)  # few voxels belong to a component
    numbers = numbered[indices]
    sums = [np.bincount(numbers, index, count + 1) for index in indices]
    with np.errstate(invalid="ignore"):
        return np.stack(sums, axis=1) / np.bincount(numbers, minlength=count + 1)[:, None]


def largest_component(mask: np.ndarray) -> np.ndarray:
    """Keep the largest 6-connected component of a mask; of equal ones the first.

    Args:
        mask: (X, Y, Z) bool.

    Returns:
        (X, Y, Z) bool, empty if the mask is empty.

    Example:
        >>> largest_component(np.array([[[True, False, True, True]]])).ravel().tolist()
        [False, False, True, True]
    """
    kept = np.zeros_like(mask)
    box = bounding_box(mask)
    if box is not None:
        numbered, _ = ndimage.label(mask[box])
        kept[box] = numbered == np.bincount(numbered[mask[box]]).argmax()
    return kept


def body_hull(ct: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Compute the convex hull of the body on each axial slice, on coarse pixels.

    Args:
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool; slices without body are empty.

    Example:
        >>> ct = np.full((20, 20, 1), -1000)
        >>> ct[5:9, 5:15] = ct[5:15, 5:9] = 40  # an L, whose hull bridges the corner
        >>> hull = body_hull(ct, (4.0, 4.0, 4.0))
        >>> bool(hull[10, 10, 0]), bool(hull[14, 14, 0])
        (True, False)
    """
    step = [max(1, round(_HULL_PIXEL_MM / spacing[axis])) for axis in (0, 1)]
    body = largest_component(ct[:: step[0], :: step[1]] > _TISSUE_HU)
    return spread_blocks(convex_hulls(body), (*step, 1), ct.shape)


def enclosed_air(
    ct: np.ndarray,
    air: np.ndarray,
    hull: np.ndarray,
    spacing: tuple[float, float, float],
    unscanned: np.ndarray | None = None,
) -> np.ndarray:
    """Find air that is not connected on its own slice with the air outside the body.

    Args:
        ct: (X, Y, Z) in HU.
        air: (X, Y, Z) bool.
        hull: (X, Y, Z) bool, from :func:`body_hull`.
        spacing: Voxel edges in mm.
        unscanned: (X, Y) bool, columns of padding.

    Returns:
        (X, Y, Z) bool: lungs, also where the field of view cuts off their chest wall, airway, gas of stomach and
        bowel, gaps in the table.

    Example:
        >>> air = np.ones((30, 30, 1), dtype=bool)
        >>> air[8:22, 8:22] = False
        >>> hull = ~air
        >>> air[12:18, 12:18] = True
        >>> int(enclosed_air(np.where(air, -1000.0, 40.0), air, hull, (4.0, 4.0, 4.0)).sum())
        36
    """
    # Measure distances within a slice, because the hull may jump from slice to slice, for example at the shoulders.
    far = ~dilate_by(hull, _MARGIN_MM, spacing[:2])
    border = np.zeros(air.shape[:2], dtype=bool)
    if unscanned is not None and unscanned.any():
        air = air & ~unscanned[:, :, None]
        border = ndimage.binary_dilation(unscanned)
    numbered, count = label_slices(air)
    enclosed = np.ones(count + 1, dtype=bool)
    numbers = numbered[air]
    enclosed[numbers[far[air]]] = False
    enclosed[numbered[border]] = False
    # A lung that a box cuts at two sides touches two faces that meet. Foam of a table touches both sides.
    least = np.full(count + 1, np.inf)
    least[numbered[border]] = _PADDED_LUNG_SHARE
    one_side = np.setxor1d(numbered[0], numbered[-1])
    least[np.intersect1d(one_side, numbered[:, [0, -1]])] = _LUNG_SHARE
    sizes = np.maximum(np.bincount(numbers, minlength=count + 1), 1)
    within = np.bincount(numbers[hull[air]], minlength=count + 1) >= least * sizes
    cut = np.flatnonzero(within & ~enclosed)
    cut = cut[cut > 0]
    if len(cut):
        chosen = np.isin(numbers, cut)  # the median sorts all values that it is given
        enclosed[cut] = np.asarray(ndimage.median(ct[air][chosen], numbers[chosen], cut)) > _LUNG_HU
    enclosed[0] = False
    return enclosed[numbered]
