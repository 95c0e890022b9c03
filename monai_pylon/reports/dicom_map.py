"""Maps of evidence as DICOM Parametric Maps, on their own grid in the patient."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.dicom_header import RESEARCH_NOTE, make_object
from monai_pylon.reports.pixels import as_voxels
from monai_pylon.utils import check_affine

__all__ = ["frames_of_volume", "parametric_map"]

_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def frames_of_volume(volume: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn a volume into frames as DICOM orders them, along the normal of their rows and columns.

    Args:
        volume: Values (X, Y, Z).
        affine: (4, 4), voxel indices to RAS millimeters.

    Returns:
        Frames (Z, Y, X), and the matrix (4, 4) from (frame, row, column) to millimeters in LPS.

    Example:
        >>> frames, matrix = frames_of_volume(np.arange(2.0).reshape(1, 1, 2), np.diag([-1.0, -1.0, -2.0, 1.0]))
        >>> frames.ravel().tolist(), matrix[2].tolist()
        ([1.0, 0.0], [2.0, 0.0, 0.0, -2.0])
    """
    lps = _LPS @ check_affine(affine)
    frames = volume.transpose(2, 1, 0)
    if np.linalg.det(lps[:3, :3]) < 0:
        frames = frames[::-1]
        lps[:3, 3] += lps[:3, 2] * (len(frames) - 1)
        lps[:3, 2] *= -1
    return np.ascontiguousarray(frames), lps[:, [2, 1, 0, 3]]


def _placed(headers: Sequence[Any]) -> list[Any]:
    """Return headers with a position, as highdicom wants them: a radiograph gets the one that ITK assumes."""
    first = headers[0]
    if "ImagePositionPatient" in first or "PerFrameFunctionalGroupsSequence" in first:
        return list(headers)
    placed = copy.deepcopy(first)
    placed.ImagePositionPatient, placed.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    placed.SliceThickness = 1
    placed.PixelSpacing = getattr(first, "PixelSpacing", None) or getattr(first, "ImagerPixelSpacing", None) or [1, 1]
    return [placed]


def _window(values: np.ndarray) -> Any:
    """Return a display window that shows the whole range, with zero in its middle."""
    highdicom = optional_import("highdicom")[0]
    width = max(2 * float(np.abs(values).max()), 1e-6)
    return highdicom.VOILUTTransformation(
        window_center=0.0, window_width=float(f"{width:.6g}"), voi_lut_function="LINEAR_EXACT"
    )


def parametric_map(
    map: np.ndarray,
    affine: np.ndarray,
    headers: Sequence[Any],
    label: str,
    method: str = "HiResCAM",
    unit: str = "logits",
    number: int = 1,
) -> Any:
    """Make a DICOM Parametric Map of the evidence for a finding.

    The stored float values are the values of the map. DICOM has no code for logits: the unit is coded as "no units",
    and the description names it.

    Args:
        map: Signed map (X, Y, Z), finite, on its own grid.
        affine: Matrix (4, 4) from voxel indices of the map to RAS mm.
        headers: Headers of the source images, completed by :func:`complete_headers`.
        label: Name of the finding.
        method: Method that computed the map.
        unit: Unit of the values.
        number: Number of the series among the results of a case.

    Returns:
        The Parametric Map (highdicom), of 32-bit floats.

    Raises:
        ValueError: If the map is not 3D or not finite, or the affine is invalid.

    Example:
        >>> parametric_map(np.zeros((4, 4)), np.eye(4), [], "Mass")
        Traceback (most recent call last):
        ...
        ValueError: map must be of shape (X, Y, Z), not empty, but is ndarray of shape (4, 4), ...
    """
    values = as_voxels(map, "map").astype(np.float32)
    highdicom = optional_import("highdicom")[0]
    codes = optional_import("pydicom.sr.codedict", name="codes")[0]
    frames, matrix = frames_of_volume(values, affine)
    volume = highdicom.Volume(
        frames, matrix, coordinate_system="PATIENT", frame_of_reference_uid=headers[0].FrameOfReferenceUID
    )
    about = f"{label}: {method} in {unit}".replace("\\", "/")
    mapping = highdicom.pm.RealWorldValueMapping(
        lut_label=unit[:16],
        lut_explanation=about[:64],
        unit=codes.UCUM.NoUnits,
        value_range=(float(values.min()), float(values.max())),
        slope=1.0,
        intercept=0.0,
    )
    made = make_object(
        highdicom.pm.ParametricMap,
        number,
        f"{label}: {method}",
        source_images=_placed(headers),
        pixel_array=volume,
        contains_recognizable_visual_features=False,
        real_world_value_mappings=[mapping],
        voi_lut_transformations=[_window(values)],
        content_label=re.sub(r"[^A-Z0-9_]", "_", method.upper())[:16],
        content_description=about[:64],
    )
    made.ImageComments = f"{about}. {RESEARCH_NOTE}."
    return made
