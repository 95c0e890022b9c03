"""Orientation, spacing and voxel volume from an affine, and volumes viewed in RAS orientation.

An affine (4, 4) maps voxel indices (x, y, z, 1) to millimeters in RAS: the first coordinate increases towards the
patient's right, the second towards the front (anterior), the third towards the head (superior).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from nibabel.orientations import aff2axcodes, apply_orientation, inv_ornt_aff, io_orientation

from monai_pylon.utils.arrays import as_array
from monai_pylon.utils.checks import check, check_type

__all__ = ["RASView", "axis_codes", "check_affine", "ras_view", "voxel_spacing", "voxel_volume_ml"]

#: Largest cosine between two axes without shear (about 87 degrees).
_SHEAR_TOLERANCE = 0.05


def check_affine(affine: np.ndarray, argument: str = "affine") -> np.ndarray:
    """Check an affine and convert it to float64.

    Args:
        affine: (4, 4), voxel indices to RAS millimeters; an array, tensor or nested list.
        argument: Name of the argument in the error.

    Returns:
        The affine as a float64 array (4, 4).

    Raises:
        TypeError: If it is no array.
        ValueError: If it is not (4, 4), not finite, singular or sheared.

    Example:
        >>> check_affine(np.eye(3))
        Traceback (most recent call last):
        ...
        ValueError: affine must be of shape (4, 4), but is ndarray of shape (3, 3), float64. ...
    """
    remedy = "It maps voxel indices to RAS millimeters: take it from the image's header (MetaTensor.affine)."
    if not hasattr(affine, "__array__"):  # tensors have it too
        check_type(affine, (np.ndarray, list, tuple), argument, remedy)
    matrix = as_array(affine).astype(np.float64)
    check(matrix.shape == (4, 4), argument, "of shape (4, 4)", affine, remedy)
    check(bool(np.isfinite(matrix).all()), argument, "finite", matrix.tolist(), remedy)
    check(np.allclose(matrix[3], (0, 0, 0, 1)), argument, "a matrix with last row (0, 0, 0, 1)", matrix[3].tolist())
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    check(
        bool((lengths > 1e-6).all()), argument, "invertible (every column longer than 0 mm)", lengths.tolist(), remedy
    )
    cosines = matrix[:3, :3] / lengths
    worst = float(np.abs(cosines.T @ cosines - np.eye(3)).max())
    check(
        worst <= _SHEAR_TOLERANCE,
        argument,
        "without shear (columns at right angles)",
        f"off by a cosine of {worst:.3f}",
        "A CT with gantry tilt must be resampled to a rectangular grid first.",
    )
    return matrix


def voxel_spacing(affine: np.ndarray) -> tuple[float, float, float]:
    """Return the edge lengths of a voxel.

    Args:
        affine: (4, 4), voxel indices to RAS millimeters.

    Returns:
        (x, y, z) in mm, along the axes of the array.

    Example:
        >>> voxel_spacing(np.diag([-0.8, -0.8, 2.0, 1.0]))
        (0.8, 0.8, 2.0)
    """
    x, y, z = np.linalg.norm(as_array(affine).astype(np.float64)[:3, :3], axis=0).tolist()
    return x, y, z


def voxel_volume_ml(affine: np.ndarray) -> float:
    """Return the volume of a voxel.

    Args:
        affine: (4, 4), voxel indices to RAS millimeters.

    Returns:
        The volume in mL.

    Example:
        >>> round(voxel_volume_ml(np.diag([-0.8, -0.8, -0.8, 1.0])) * 1_000_000)
        512
    """
    return float(abs(np.linalg.det(as_array(affine).astype(np.float64)[:3, :3]))) / 1000.0


def axis_codes(affine: np.ndarray) -> str:
    """Return the anatomical direction of each voxel axis.

    Args:
        affine: (4, 4), voxel indices to RAS millimeters.

    Returns:
        Three letters among R/L, A/P and S/I: the direction in which the index increases.

    Example:
        >>> axis_codes(np.diag([-0.8, -0.8, 0.8, 1.0]))
        'LPS'
    """
    return "".join(aff2axcodes(as_array(affine)))


class RASView(NamedTuple):
    """View of a volume with its axes in RAS order, without a copy.

    Attributes:
        array: (R, A, S), a view of the input with axes flipped and permuted.
        affine: (4, 4) of the view.
        forward: (3, 2), orientation array of nibabel, from the input to the view.

    Example:
        >>> volume = np.arange(24).reshape(2, 3, 4)
        >>> view = ras_view(volume, np.diag([-1.0, -1.0, 1.0, 1.0]))
        >>> bool((view.restore(view.array) == volume).all())
        True
    """

    array: np.ndarray
    affine: np.ndarray
    forward: np.ndarray

    def restore(self, array: np.ndarray) -> np.ndarray:
        """Return an array (R, A, S) of the view with the axes (X, Y, Z) of the input, without a copy."""
        back = np.empty_like(self.forward)
        for axis, (target, flip) in enumerate(self.forward):
            back[int(target)] = (axis, flip)
        return apply_orientation(array, back)


def ras_view(array: np.ndarray, affine: np.ndarray) -> RASView:
    """View a volume with its axes flipped and permuted to the nearest of right, anterior, superior.

    Args:
        array: (X, Y, Z).
        affine: (4, 4) of the array. Oblique scans are not resampled.

    Returns:
        The view, its affine, and the orientation array to restore the input's axes.

    Raises:
        ValueError: If the array is not 3D, or the affine is invalid.

    Example:
        >>> view = ras_view(np.zeros((2, 3, 4)), np.diag([-1.0, -1.0, 1.0, 1.0]))
        >>> axis_codes(view.affine)
        'RAS'
    """
    matrix = check_affine(affine)
    volume = as_array(array)
    check(volume.ndim == 3, "array", "a volume (X, Y, Z)", array, "Remove the channel axis first.")
    forward = io_orientation(matrix)
    turned = apply_orientation(volume, forward)
    return RASView(turned, matrix @ inv_ornt_aff(forward, volume.shape), forward)
