"""Plane of symmetry of the patient in a chest CT, and masks mirrored about it, such as one lung onto the other side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from monai_pylon.transforms.robust_masks.morphology import box_radii, dilate_box, erode_box
from monai_pylon.utils import check

__all__ = ["SymmetryPlane", "bone_without_blood", "find_symmetry_plane", "mirror_mask"]

#: HU above which a voxel is bone. Ribs, sternum and spine are nearly symmetric, organs are not.
_BONE_HU = 200

#: Bright regions more than twice this wide, in mm, are blood with contrast (or a vertebral body) and not ribs.
_BLOOD_MM = 8.0

#: Size in mm of the pixels on which the plane is searched, and the smoothing in pixels.
_PIXEL_MM, _SMOOTH = 4.0, 1.5

#: Largest rotation of the patient in degrees. A patient rotated further lies on the side, and the sides differ.
_MOST_TURNED = 40

#: Largest distance of the plane from the middle of the volume, in mm.
_MOST_ASIDE_MM = 80.0


class SymmetryPlane(NamedTuple):
    """Upright plane that divides a patient into right and left.

    Attributes:
        angle: Radians by which the normal is rotated from the right-left axis towards the front.
        offset: Distance of the plane from the center of voxel 0 along the normal, in mm.

    Example:
        >>> SymmetryPlane(0.0, 100.0).distances((3, 1), (80.0, 80.0))[:, 0].tolist()  # voxels 0, 1 and 2
        [-100.0, -20.0, 60.0]
    """

    angle: float
    offset: float

    @property
    def normal(self) -> np.ndarray:
        """The direction (2,) of the patient's right."""
        return np.array([np.cos(self.angle), np.sin(self.angle)])

    def _along(self, direction: np.ndarray, shape: tuple[int, int], spacing: tuple[float, ...]) -> np.ndarray:
        x, y = np.ogrid[: shape[0], : shape[1]]
        return x * spacing[0] * direction[0] + y * spacing[1] * direction[1]

    def distances(self, shape: tuple[int, int], spacing: tuple[float, ...]) -> np.ndarray:
        """Compute the distances (X, Y) from the plane in mm, positive on the patient's right."""
        return self._along(self.normal, shape, spacing) - self.offset

    def heights(self, shape: tuple[int, int], spacing: tuple[float, ...]) -> np.ndarray:
        """Compute the positions (X, Y) along the plane in mm, growing from back to front, with an arbitrary zero."""
        return self._along(np.array([-np.sin(self.angle), np.cos(self.angle)]), shape, spacing)


def _best_shift(flat: np.ndarray, spectrum: np.ndarray, size: int, degrees: int) -> tuple[float, float]:
    """Find the plane of one angle about which an image agrees best with its mirror image.

    Args:
        flat: (X, Y), the image.
        spectrum: Fourier transform of the image, padded to ``size`` x ``size``.
        size: Number of pixels of the padded image along each axis.
        degrees: Angle of the plane.

    Returns:
        The agreement, and the position of the plane along its normal, in pixels from the middle of the image.
    """
    normal = SymmetryPlane(np.deg2rad(degrees), 0.0).normal
    reflection = np.eye(2) - 2 * np.outer(normal, normal)
    middle = (np.array(flat.shape) - 1) / 2
    mirrored = ndimage.affine_transform(flat, reflection, middle - reflection @ middle, order=1)
    agreement = fft.irfft2(spectrum * np.conj(fft.rfft2(mirrored, (size, size))), (size, size))
    # A shift of the plane by s moves the mirror image by 2 s.
    shifts = np.arange(-2 * _MOST_ASIDE_MM / _PIXEL_MM, 2 * _MOST_ASIDE_MM / _PIXEL_MM + 0.25, 0.5)
    along = ndimage.map_coordinates(agreement, np.outer(normal, shifts) % size, order=1, mode="grid-wrap")
    best = int(along.argmax())
    return float(along[best]), float(shifts[best]) / 2


def bone_without_blood(ct: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """Mark bone: ribs, sternum, shoulder blades and spine.

    Heart and great vessels with contrast are as bright as bone but wider, and lie more on one side. In the rear half,
    where the vertebral bodies are, nothing is left out.

    Args:
        ct: (X, Y, Z) in HU.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool.

    Example:
        >>> ct = np.zeros((40, 40, 40))
        >>> ct[4:6], ct[12:36, 20:36, 12:36] = 500.0, 300.0  # a plate of bone, and a heart
        >>> thin = bone_without_blood(ct, (2.0, 2.0, 2.0))
        >>> bool(thin[4, 28, 20]), bool(thin[20, 28, 20])
        (True, False)
    """
    bright = ct > _BONE_HU
    radii = box_radii(_BLOOD_MM, spacing)
    # A box, because its erosion is many times faster than a ball's. The rim is two voxels.
    blood = dilate_box(erode_box(bright, radii, beyond=False), [radius + 2 for radius in radii])
    rows = np.flatnonzero(bright.any(axis=(0, 2)))
    if len(rows):
        blood[:, : (rows[0] + rows[-1]) // 2] = False
    return np.asarray(bright & ~blood)


def find_symmetry_plane(ct: np.ndarray, spacing: tuple[float, float, float]) -> SymmetryPlane | None:
    """Find the plane about which the bones of a chest agree best with their mirror image.

    Args:
        ct: (X, Y, Z) in HU, axes turned to RAS.
        spacing: Voxel edges in mm.

    Returns:
        The plane, or None if there are no bones.

    Raises:
        ValueError: If ct is not three-dimensional.

    Example:
        >>> ct = np.zeros((50, 40, 10))
        >>> ct[[10, 34], 15:20] = ct[20:25, 5:8] = 700.0  # two ribs and a spine, symmetric about x = 22
        >>> plane = find_symmetry_plane(ct, (5.0, 5.0, 5.0))
        >>> round(plane.angle, 1), round(plane.offset / 5)
        (0.0, 22)
    """
    check(ct.ndim == 3, "ct", "a volume (X, Y, Z)", ct)
    bone = np.count_nonzero(bone_without_blood(ct, spacing), axis=2).astype(np.float32)
    if not bone.any():
        return None
    step = np.array([_PIXEL_MM / spacing[0], _PIXEL_MM / spacing[1]])
    # Limit the weight of bones that pass through many slices, such as the spine.
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
    return plane._replace(offset=float(middle @ plane.normal + found[best][1]) * _PIXEL_MM)


def mirror_mask(mask: np.ndarray, plane: SymmetryPlane, spacing: tuple[float, float, float]) -> np.ndarray:
    """Reflect a mask about a plane of symmetry.

    Args:
        mask: (X, Y, Z) bool, axes turned to RAS.
        plane: The plane of symmetry.
        spacing: Voxel edges in mm.

    Returns:
        (X, Y, Z) bool, on the same grid. Parts that would lie outside the grid are lost.

    Example:
        >>> mask = np.zeros((5, 1, 1), dtype=bool)
        >>> mask[0] = True
        >>> mirror_mask(mask, SymmetryPlane(0.0, 20.0), (10.0, 10.0, 10.0)).ravel().tolist()
        [False, False, False, False, True]
    """
    scale = np.diag(spacing[:2])
    reflection = np.linalg.solve(scale, (np.eye(2) - 2 * np.outer(plane.normal, plane.normal)) @ scale)
    shift = np.linalg.solve(scale, 2 * plane.offset * plane.normal)
    # The plane is upright, so all slices are reflected alike: column by column, 0 for none.
    columns = np.arange(1, mask.shape[0] * mask.shape[1] + 1).reshape(mask.shape[:2])
    of = ndimage.affine_transform(columns, reflection, shift, order=0)
    return np.where((of > 0)[:, :, None], mask.reshape(-1, mask.shape[2])[of - 1], False)
