"""Padding of a CT: voxels without a measured value, such as those outside a round field of view."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from monai_pylon.utils import check

__all__ = ["AIR_HU", "find_padding"]

#: HU that padding gets: nothing was measured there.
AIR_HU = -1024.0

#: HU beyond which no voxel is measured: scanners write -2000 and -3024, or 63536 where the sign was lost.
_LEAST_HU, _MOST_HU = -1500.0, 20_000.0

#: A constant region at a corner is air, and not padding, if its HU lie between these.
_AIR_HU = (-1100.0, -900.0)

#: Share of a slice above which a constant region at its corner is padding. Measured values have noise.
_SHARE = 0.005

#: Values are the same if they differ by at most this much (HU), for example after interpolation.
_SAME_HU = 0.25

#: Share of a slice with tissue (HU above the second value) that must remain, so that a drawn body is not padding.
_TISSUE_SHARE, _TISSUE_HU = 0.02, -300.0


def _corner_regions(plane: np.ndarray, unmeasured: np.ndarray) -> np.ndarray:
    """Return (X, Y) bool: the regions of constant value at the corners of a slice that are padding."""
    found = unmeasured.copy()
    corners = plane[:: max(1, plane.shape[0] - 1), :: max(1, plane.shape[1] - 1)]
    for value in np.unique(corners[np.isfinite(corners)]):
        if not _LEAST_HU <= value <= _MOST_HU or _AIR_HU[0] <= value <= _AIR_HU[1]:
            continue
        numbered, count = ndimage.label(np.abs(plane - value) <= _SAME_HU)
        at_corner = np.zeros(count + 1, dtype=bool)
        at_corner[numbered[:: max(1, plane.shape[0] - 1), :: max(1, plane.shape[1] - 1)]] = True
        at_corner[0] = False
        region = at_corner[numbered]
        if region.mean() > _SHARE:
            found |= region
    rest = plane[~found]
    drawn = rest.size > 0 and np.count_nonzero(rest > _TISSUE_HU) < _TISSUE_SHARE * plane.size
    return unmeasured if drawn else found


def find_padding(ct: np.ndarray) -> np.ndarray | None:
    """Find voxels without a measured value.

    Padding is: values that no scanner measures (below -1500 HU or above 20,000 HU), NaN and infinity connected with the
    border of an axial slice, and regions of one value at a corner of an axial slice, such as the 0 that resampling
    writes around a round field of view, with the voxels next to them. A whole slice of one value is padding.

    Args:
        ct: (X, Y, Z) in HU, axial slices on the last axis.

    Returns:
        (X, Y, Z) bool, or None without padding.

    Raises:
        ValueError: If a value inside the body is NaN or infinite.

    Example:
        >>> ct = np.random.default_rng(0).normal(-1000, 20, (64, 64, 1))
        >>> ct[20:40, 20:40] += 1040
        >>> find_padding(ct) is None
        True
        >>> x, y = np.ogrid[:64, :64]
        >>> ct[np.hypot(x - 31.5, y - 31.5) > 32] = 0
        >>> bool(find_padding(ct)[0, 0, 0]), bool(find_padding(ct)[32, 32, 0])
        (True, False)
    """
    low, high = float(ct.min()), float(ct.max())  # NaN if any value is
    finite = None if math.isfinite(low) and math.isfinite(high) else np.isfinite(ct)
    remedy = "Replace NaN by -1024 (air) where nothing was scanned."
    check(finite is None or bool(finite.any()), "ct", "finite", ct, remedy)
    if finite is not None:
        low, high = float(np.nanmin(ct)), float(np.nanmax(ct))
    corners = ct[:: max(1, ct.shape[0] - 1), :: max(1, ct.shape[1] - 1)]
    odd = ~((corners >= _AIR_HU[0]) & (corners <= _AIR_HU[1])).all(axis=(0, 1))
    if finite is None and low >= _LEAST_HU and high <= _MOST_HU and not odd.any():
        return None
    padding = np.zeros(ct.shape, dtype=bool)
    if low < _LEAST_HU or high > _MOST_HU:
        padding |= (ct < _LEAST_HU) | (ct > _MOST_HU)
    if finite is not None:
        padding &= finite
        padding |= _border_regions(~finite)
        check(bool((finite | padding).all()), "ct", "finite inside the body", ct, remedy)
    for z in np.flatnonzero(odd):
        padding[:, :, z] = _corner_regions(ct[:, :, z], padding[:, :, z])
    if not padding.any():
        return None
    grown = ndimage.binary_dilation(padding, ndimage.generate_binary_structure(3, 1)[:, :, 1:2])
    return np.asarray(grown)


def _border_regions(mask: np.ndarray) -> np.ndarray:
    """Return the regions (X, Y, Z) bool of a mask that reach the border of their axial slice."""
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[:, 1, 1] = in_plane[1, :, 1] = True
    numbered, count = ndimage.label(mask, in_plane)
    reached = np.zeros(count + 1, dtype=bool)
    for edge in (numbered[[0, -1]], numbered[:, [0, -1]]):
        reached[edge] = True
    reached[0] = False
    return reached[numbered]
