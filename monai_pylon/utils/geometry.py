"""What an affine says: orientation, spacing, the volume of a voxel; and the way to the RAS view and back.

An affine (4, 4) maps voxel indices (x, y, z, 1) to millimetres in RAS: the first coordinate grows towards the
patient's right, the second towards the front (anterior), the third towards the head (superior).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from nibabel.orientations import aff2axcodes, apply_orientation, inv_ornt_aff, io_orientation

from monai_pylon.utils.checks import check, check_type

__all__ = ["RASView", "axis_codes", "check_affine", "ras_view", "voxel_spacing", "voxel_volume_ml"]

#: Direction cosines further than this from a right angle (cosine of about 87 degrees) count as shear.
_SHEAR_TOLERANCE = 0.05


def check_affine(affine: np.ndarray, argument: str = "affine") -> np.ndarray:
    """An affine as float64 (4, 4), or an error that says what is wrong with it.

    Args:
        affine: (4, 4), voxel indices to RAS millimetres.
        argument: the name to use in the error.

    Returns:
        the affine as a float64 array (4, 4).

    Raises:
        TypeError: where it is missing.
        ValueError: where it is not (4, 4), not finite, singular, or sheared.

    Example:
        >>> check_affine(np.eye(3))
        Traceback (most recent call last):
        ...
        ValueError: affine must be of shape (4, 4), but is ndarray of shape (3, 3), float64. ...
    """
    remedy = "It maps voxel indices to RAS millimetres: take it from the image's header (MetaTensor.affine)."
    if not hasattr(affine, "__array__"):  # tensors are welcome too
        check_type(affine, (np.ndarray, list, tuple), argument, remedy)
    matrix = np.asarray(affine, dtype=np.float64)
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
    """The edge lengths of a voxel.

    Args:
        affine: (4, 4).

    Returns:
        (x, y, z) in mm, along the array's own axes.

    Example:
        >>> voxel_spacing(np.diag([-0.8, -0.8, 2.0, 1.0]))
        (0.8, 0.8, 2.0)
    """
    x, y, z = np.linalg.norm(np.asarray(affine, dtype=np.float64)[:3, :3], axis=0).tolist()
    return x, y, z


def voxel_volume_ml(affine: np.ndarray) -> float:
    """The volume of one voxel.

    Args:
        affine: (4, 4).

    Returns:
        the volume in mL.

    Example:
        >>> round(voxel_volume_ml(np.diag([-0.8, -0.8, -0.8, 1.0])) * 1_000_000)
        512
    """
    return float(abs(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3]))) / 1000.0


def axis_codes(affine: np.ndarray) -> str:
    """The anatomical direction in which each voxel axis grows.

    Args:
        affine: (4, 4).

    Returns:
        three letters out of R/L, A/P, S/I.

    Example:
        >>> axis_codes(np.diag([-0.8, -0.8, 0.8, 1.0]))
        'LPS'
    """
    return "".join(aff2axcodes(affine))


class RASView(NamedTuple):
    """A volume seen with its axes turned to RAS, without a copy.

    Attributes:
        array: (R, A, S), a view of the input: axes flipped and exchanged only.
        affine: (4, 4) of the view.
        forward: (3, 2), nibabel's orientation array, from the input to the view.

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
        """Turn an array (R, A, S) on the view's grid back to the input's axes (X, Y, Z), without a copy."""
        back = np.empty_like(self.forward)
        for axis, (target, flip) in enumerate(self.forward):
            back[int(target)] = (axis, flip)
        return apply_orientation(array, back)


def ras_view(array: np.ndarray, affine: np.ndarray) -> RASView:
    """See a volume with its axes turned to the nearest anatomical ones: right, anterior, superior.

    Args:
        array: (X, Y, Z).
        affine: (4, 4) of the array. Oblique scans are turned to the nearest axes, never resampled.

    Returns:
        the view, its affine and the way back.

    Raises:
        ValueError: where the array is not 3D, or the affine is no affine.

    Example:
        >>> view = ras_view(np.zeros((2, 3, 4)), np.diag([-1.0, -1.0, 1.0, 1.0]))
        >>> axis_codes(view.affine)
        'RAS'
    """
    matrix = check_affine(affine)
    volume = np.asarray(array)
    check(volume.ndim == 3, "array", "a volume (X, Y, Z)", array, "Take the channels off first.")
    forward = io_orientation(matrix)
    turned = apply_orientation(volume, forward)
    return RASView(turned, matrix @ inv_ornt_aff(forward, volume.shape), forward)
