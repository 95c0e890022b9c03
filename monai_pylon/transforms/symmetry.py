"""The patient's plane of symmetry in a chest CT, and mirrored masks: how a lung should look, told by the other one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from monai_pylon.utils import check

__all__ = ["SymmetryPlane", "find_symmetry_plane", "mirror_mask"]

#: HU above which a voxel is bone for this purpose: ribs, sternum and spine are nearly symmetric, organs are not.
_BONE_HU = 200

#: Cell size in mm on which the plane is sought, and the smoothing in cells.
_CELL_MM, _SMOOTH = 4.0, 1.5

#: A patient turned further than this many degrees lies on the side: left and right are then no longer mirror images.
_MOST_TURNED = 40

#: How far from the bones' own middle, in mm, the plane may lie.
_MOST_ASIDE_MM = 80.0


class SymmetryPlane(NamedTuple):
    """An upright plane that parts a patient into right and left.

    Attributes:
        angle: radians by which its normal is turned from the right-left axis towards the front.
        offset: where it lies along its normal, mm from the centre of voxel 0.

    Example:
        >>> SymmetryPlane(0.0, 100.0).distances((3, 1), (80.0, 80.0))[:, 0].tolist()  # voxels 0, 1 and 2
        [-100.0, -20.0, 60.0]
    """

    angle: float
    offset: float

    @property
    def normal(self) -> np.ndarray:
        """(2,): the direction of the patient's right."""
        return np.array([np.cos(self.angle), np.sin(self.angle)])

    def _along(self, direction: np.ndarray, shape: tuple[int, int], spacing: tuple[float, ...]) -> np.ndarray:
        x, y = np.ogrid[: shape[0], : shape[1]]
        return x * spacing[0] * direction[0] + y * spacing[1] * direction[1]

    def distances(self, shape: tuple[int, int], spacing: tuple[float, ...]) -> np.ndarray:
        """(X, Y): mm to the patient's right of the plane, negative on the left."""
        return self._along(self.normal, shape, spacing) - self.offset

    def heights(self, shape: tuple[int, int], spacing: tuple[float, ...]) -> np.ndarray:
        """(X, Y): mm along the plane from the patient's back to the front, from an arbitrary zero."""
        return self._along(np.array([-np.sin(self.angle), np.cos(self.angle)]), shape, spacing)


def _best_shift(flat: np.ndarray, spectrum: np.ndarray, size: int, degrees: int) -> tuple[float, float]:
    """How well a picture agrees with its mirror image about planes of one angle: agreement and the best plane's place
    along the normal, in cells from the picture's middle."""
    normal = SymmetryPlane(np.deg2rad(degrees), 0.0).normal
    reflection = np.eye(2) - 2 * np.outer(normal, normal)
    middle = (np.array(flat.shape) - 1) / 2
    mirrored = ndimage.affine_transform(flat, reflection, middle - reflection @ middle, order=1)
    agreement = fft.irfft2(spectrum * np.conj(fft.rfft2(mirrored, (size, size))), (size, size))
    # To move the plane by s moves the mirror image by 2 s.
    shifts = np.arange(-2 * _MOST_ASIDE_MM / _CELL_MM, 2 * _MOST_ASIDE_MM / _CELL_MM + 0.25, 0.5)
    along = ndimage.map_coordinates(agreement, np.outer(normal, shifts) % size, order=1, mode="grid-wrap")
    best = int(along.argmax())
    return float(along[best]), float(shifts[best]) / 2


def find_symmetry_plane(ct: np.ndarray, spacing: tuple[float, float, float]) -> SymmetryPlane | None:
    """The plane about which the bones of a chest agree best with their mirror image.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        spacing: voxel edges in mm.

    Returns:
        the plane, or None where there are no bones.

    Raises:
        ValueError: where the volume is not three-dimensional.

    Example:
        >>> ct = np.zeros((50, 40, 10))
        >>> ct[[10, 34], 15:20] = ct[20:25, 5:8] = 700.0  # two ribs and a spine, symmetric about x = 22
        >>> plane = find_symmetry_plane(ct, (5.0, 5.0, 5.0))
        >>> round(plane.angle, 1), round(plane.offset / 5)
        (0.0, 22)
    """
    check(ct.ndim == 3, "ct", "a volume (X, Y, Z)", ct)
    bone = np.count_nonzero(ct > _BONE_HU, axis=2).astype(np.float32)
    if not bone.any():
        return None
    step = np.array([_CELL_MM / spacing[0], _CELL_MM / spacing[1]])
    # No rib counts more than another, and the spine no more than many ribs.
    flat = ndimage.gaussian_filter(np.minimum(bone, np.percentile(bone[bone > 0], 95)), _SMOOTH * step)
    shape = tuple(int(np.ceil(n / s)) for n, s in zip(flat.shape, step, strict=True))
    flat = ndimage.affine_transform(flat, step, output_shape=shape, order=1)
    size = fft.next_fast_len(2 * max(shape), real=True)
    spectrum = fft.rfft2(flat, (size, size))
    found = {d: _best_shift(flat, spectrum, size, d) for d in range(-_MOST_TURNED, _MOST_TURNED + 1, 4)}
    coarse = max(found, key=lambda d: found[d][0])
    found |= {d: _best_shift(flat, spectrum, size, d) for d in range(coarse - 3, coarse + 4) if d not in found}
    best = max(found, key=lambda d: found[d][0])
    plane = SymmetryPlane(float(np.deg2rad(best)), 0.0)
    middle = (np.array(shape) - 1) / 2
    return plane._replace(offset=float(middle @ plane.normal + found[best][1]) * _CELL_MM)


def mirror_mask(mask: np.ndarray, plane: SymmetryPlane, spacing: tuple[float, float, float]) -> np.ndarray:
    """Reflect a mask about a plane of symmetry.

    Args:
        mask: (X, Y, Z) bool, axes turned to RAS.
        plane: the plane.
        spacing: voxel edges in mm.

    Returns:
        (X, Y, Z) bool, on the same grid; what would fall outside it is lost.

    Example:
        >>> mask = np.zeros((5, 1, 1), dtype=bool)
        >>> mask[0] = True
        >>> mirror_mask(mask, SymmetryPlane(0.0, 20.0), (10.0, 10.0, 10.0)).ravel().tolist()
        [False, False, False, False, True]
    """
    scale = np.diag(spacing[:2])
    reflection = np.eye(3)
    reflection[:2, :2] = np.linalg.solve(scale, (np.eye(2) - 2 * np.outer(plane.normal, plane.normal)) @ scale)
    shift = np.append(np.linalg.solve(scale, 2 * plane.offset * plane.normal), 0.0)
    return ndimage.affine_transform(mask.view(np.uint8), reflection, shift, order=0).astype(bool)
