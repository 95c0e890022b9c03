"""Spine: the spinal canal, and the front of the vertebral bodies.

Blood with contrast is as bright as bone, so brightness alone cannot tell the heart from the spine. The spinal canal can
be told from both: it is soft tissue with bone on all four sides, and it runs through all slices. From there, the front
of the vertebral bodies is a steady drop in brightness at a depth that changes little from slice to slice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

__all__ = ["Spine", "behind_spine", "find_spine"]

#: HU above which a voxel is bone or blood with contrast, and the range of HU of the canal: fat to spinal cord. From
#: the second to the third value the canal is less and less likely; cancellous bone has 100 to 250.
_BONE_HU, _FAT_HU, _CORD_HU, _CANCELLOUS_HU = 200.0, -100.0, 100.0, 180.0

#: Distances in mm from the center of the canal within which there is bone on each side.
_WALL_MM = (4.0, 18.0)

#: Where the canal is searched, in mm: on each side of the middle of the lungs, and behind the lungs.
_ASIDE_MM, _BEHIND_MM = 60.0, 40.0

#: The canal is the rearmost such tube. This is deducted for each mm to the front; four sides of bone count 4.
_FRONT_PENALTY = 0.015

#: Mean number of sides with bone along the canal, below which there is no spine to be seen.
_LEAST_SIDES = 2.0

#: Half the width in mm over which the canal's sides are counted and its course is smoothed, along z.
_SMOOTH_MM = 10.0

#: Depths in mm of the front of the vertebral bodies, measured from the canal: at the lowest slice, its change for each
#: mm upwards (vertebrae become smaller), and the least.
_DEPTHS_MM = np.arange(18.0, 53.0)
_TAPERS = np.arange(-0.10, -0.015, 0.01)
_LEAST_DEPTH_MM = 14.0

#: Half the width of a vertebral body, and the depth of its rear end, in mm.
_HALF_WIDTH_MM, _REAR_MM = 24.0, 12.0


class Spine(NamedTuple):
    """Course of the spine through the slices of the lungs.

    Attributes:
        levels: (K,) z indices, one slice after the other.
        canal: (K, 2) center of the spinal canal in voxels (x, y).
        depth: (K,) distance in mm from the canal to the front of the vertebral body.

    Example:
        >>> Spine(np.array([4]), np.array([[10.0, 5.0]]), np.array([30.0])).levels.tolist()
        [4]
    """

    levels: np.ndarray
    canal: np.ndarray
    depth: np.ndarray


def _best_path(score: np.ndarray, steps: int) -> np.ndarray:
    """Return the path (K, D) of indices along the last axis with the highest sum, moving by at most ``steps``."""
    total = np.empty_like(score)
    total[..., 0] = score[..., 0]
    for k in range(1, score.shape[-1]):
        total[..., k] = score[..., k] + ndimage.maximum_filter(total[..., k - 1], 2 * steps + 1, mode="nearest")
    path = np.zeros((score.shape[-1], score.ndim - 1), dtype=int)
    path[-1] = np.unravel_index(total[..., -1].argmax(), total.shape[:-1])
    for k in range(len(path) - 2, -1, -1):
        low = np.maximum(path[k + 1] - steps, 0)
        window = total[tuple(slice(a, b) for a, b in zip(low, path[k + 1] + steps + 1, strict=True))][..., k]
        path[k] = low + np.unravel_index(window.argmax(), window.shape)
    return path


def _sides_with_bone(ct: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Count for every voxel on how many of its four sides there is bone within reach, weighted by its own HU."""
    bone = ct > _BONE_HU
    sides = np.zeros(ct.shape, dtype=np.float32)
    for axis in (0, 1):
        near, far = (max(1, round(distance / spacing[axis])) for distance in _WALL_MM)
        for ahead in (True, False):
            found = np.zeros_like(bone)
            for step in range(near, far + 1):
                first, last = (
                    tuple(part if a == axis else slice(None) for a in range(3))
                    for part in (slice(None, -step), slice(step, None))
                )
                here, there = (first, last) if ahead else (last, first)
                found[here] |= bone[there]
            sides += found
    canal = np.clip((_CANCELLOUS_HU - ct) / (_CANCELLOUS_HU - _CORD_HU), 0, 1) * (ct > _FAT_HU)
    length = 2 * round(_SMOOTH_MM / spacing[2]) + 1
    return np.asarray(ndimage.uniform_filter(sides * canal, (3, 3, length), mode="nearest"))


def _canal(
    ct: np.ndarray, lungs: np.ndarray, levels: np.ndarray, spacing: tuple[float, float, float]
) -> np.ndarray | None:
    """Return the center (K, 2) of the spinal canal on each level in voxels, or None if there is no spine."""
    x, y = (np.flatnonzero(lungs.any(axis=axes)) for axes in ((1, 2), (0, 2)))
    middle, aside = (x[0] + x[-1]) / 2, _ASIDE_MM / spacing[0]
    corner = np.array([max(0, int(middle - aside)), max(0, int(y[0] - _BEHIND_MM / spacing[1]))])
    window = ct[corner[0] : int(middle + aside) + 1, corner[1] : (y[0] + y[-1]) // 2 + 1, levels[0] : levels[-1] + 1]
    sides = _sides_with_bone(window, spacing)
    height = np.arange(window.shape[1])[:, None] * spacing[1]
    path = _best_path(sides - _FRONT_PENALTY * height, max(1, round(spacing[2] / max(spacing[:2]))))
    if sides[path[:, 0], path[:, 1], np.arange(len(path))].mean() < _LEAST_SIDES:
        return None
    return corner + ndimage.gaussian_filter1d(path.astype(float), _SMOOTH_MM / spacing[2], axis=0, mode="nearest")


def _drops(ct: np.ndarray, canal: np.ndarray, levels: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return (K, 64): by how many HU (0 to 150) brightness drops at each whole mm in front of the canal."""
    depth, aside = np.arange(69.0), 3.0 * np.arange(-3, 4)[:, None]
    x, y = np.broadcast_arrays(aside / spacing[0], depth / spacing[1])
    rays = np.stack(
        [
            ndimage.map_coordinates(ct[:, :, level], [center[0] + x, center[1] + y], order=1, mode="nearest")
            for level, center in zip(levels, canal, strict=True)
        ]
    )
    profiles = np.percentile(np.clip(rays, -100, 400), 30, axis=1)
    means = ndimage.uniform_filter1d(profiles, 6, axis=1, mode="nearest")  # of the 3 mm on each side
    drops = np.zeros((len(levels), 64))
    drops[:, 6:] = np.clip(means[:, 3:-8] - means[:, 9:-2], 0, 150)
    return drops


def _vertebral_depth(drops: np.ndarray, levels: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Return the depth (K,) in mm of the front of the vertebral bodies.

    A straight front of all slices is fitted first, so that an aorta or a heart against some vertebrae does not count.
    Then the front follows the drops near it.
    """
    heights = (levels - levels[0]) * spacing[2]
    lines = np.maximum(_DEPTHS_MM[:, None, None] + _TAPERS[:, None] * heights, _LEAST_DEPTH_MM).reshape(-1, len(levels))
    line = lines[drops[np.arange(len(levels)), np.rint(lines).astype(int)].mean(axis=1).argmax()]
    near = ndimage.gaussian_filter1d(drops, _SMOOTH_MM / spacing[2], axis=0, mode="nearest") / 150
    near -= 0.3 * ((np.arange(drops.shape[1]) - line[:, None]) / 15) ** 2
    return _best_path(near.T, max(1, round(0.3 * spacing[2])))[:, 0].astype(float)


def find_spine(ct: np.ndarray, lungs: np.ndarray, spacing: tuple[float, float, float]) -> Spine | None:
    """Find the spinal canal and the front of the vertebral bodies on the slices of the lungs.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS, at most about 5 mm in-plane. With or without contrast.
        lungs: (X, Y, Z) bool.
        spacing: Voxel edges in mm.

    Returns:
        The spine, or None if there are no lungs, or no tube with bone around it.

    Example:
        >>> x, y = np.ogrid[:60, :40]
        >>> spine = (np.hypot(x - 30, y - 14) < 5) | (np.hypot(x - 30, y - 6.5) < 5)  # a body and an arch
        >>> spine &= np.hypot(x - 30, y - 6.5) > 2.5  # the canal
        >>> ct = np.repeat(np.where(spine, 500.0, 40.0)[:, :, None], 30, axis=2)
        >>> lungs = np.zeros(ct.shape, dtype=bool)
        >>> lungs[5:22, 5:35] = lungs[38:55, 5:35] = True
        >>> found = find_spine(ct, lungs, (4.0, 4.0, 4.0))
        >>> found.canal[15].round().tolist(), abs(float(found.depth[15]) - 50) < 4  # 4 mm * (14 + 5 - 6.5) = 50 mm
        ([30.0, 6.0], True)
    """
    levels = np.flatnonzero(lungs.any(axis=(0, 1)))
    if not len(levels):
        return None
    levels = np.arange(levels[0], levels[-1] + 1)
    canal = _canal(ct, lungs, levels, spacing)
    if canal is None:
        return None
    return Spine(levels, canal, _vertebral_depth(_drops(ct, canal, levels, spacing), levels, spacing))


def behind_spine(spine: Spine, shape: tuple[int, ...], spacing: tuple[float, float, float]) -> np.ndarray:
    """Mark the vertebrae and everything behind them.

    The border is half an ellipse around each vertebral body. On its sides the aorta may lie; the border is there in
    front of the heads of the ribs.

    Args:
        spine: The spine.
        shape: (X, Y, Z) of the volume.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool, False on slices outside ``spine.levels``.

    Example:
        >>> spine = Spine(np.array([0]), np.array([[10.0, 2.0]]), np.array([30.0]))
        >>> behind = behind_spine(spine, (21, 12, 1), (5.0, 5.0, 5.0))
        >>> behind.sum(axis=1)[[0, 5, 10], 0].tolist()  # 2 voxels of 5 mm to the canal, and up to 30 mm beyond
        [5, 5, 8]
    """
    region = np.zeros(shape, dtype=bool)
    x, y = np.ogrid[: shape[0], : shape[1]]
    for level, (canal_x, canal_y), depth in zip(*spine, strict=True):
        aside, ahead = (x - canal_x) * spacing[0], (y - canal_y) * spacing[1]
        body = (depth - _REAR_MM) * np.sqrt(np.maximum(0, 1 - (aside / _HALF_WIDTH_MM) ** 2))
        region[:, :, level] = ahead < _REAR_MM + body
    return region
