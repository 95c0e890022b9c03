"""Organ masks as DICOM Segmentation, on the slices of their CT series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.dicom_header import make_object
from monai_pylon.reports.organ_figure import ORGAN_COLORS
from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.utils import __version__, check
from monai_pylon.utils.arrays import as_array

__all__ = ["organ_codes", "organ_segmentation"]

#: SNOMED CT concept of each organ, and the side.
_CONCEPTS = {"right lung": ("Lung", "Right"), "mediastinum": ("Mediastinum", None), "left lung": ("Lung", "Left")}


def organ_codes(organ: str) -> tuple[Any, Any | None]:
    """Return the SNOMED CT codes of an organ.

    Args:
        organ: One of `ORGANS`.

    Returns:
        Code of the organ and of its side, or None without one.

    Example:
        >>> organ_codes("right lung")[0].value, organ_codes("right lung")[1].meaning
        ('39607008', 'Right')
    """
    concepts = optional_import("pydicom.sr.codedict", name="codes")[0].SCT
    organ_name, side = _CONCEPTS[organ]
    return getattr(concepts, organ_name), None if side is None else getattr(concepts, side)


def _description(organ: str, method: str) -> Any:
    """Describe a segment: number, codes, color and algorithm."""
    highdicom = optional_import("highdicom")[0]
    codes = optional_import("pydicom.sr.codedict", name="codes")[0]
    concept, side = organ_codes(organ)
    red, green, blue = (round(255 * part) for part in ORGAN_COLORS[organ])
    segment = highdicom.seg.SegmentDescription(
        segment_number=ORGAN_VALUES[organ],
        segment_label=organ,
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=concept,
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=f"PARTITION ({method})", family=codes.DCM.MorphologicalOperations, version=__version__
        ),
        tracking_uid=highdicom.UID(),
        tracking_id=organ,
        display_color=highdicom.color.CIELabColor.from_rgb(red, green, blue),
    )
    if side is not None:
        modifier = highdicom.sr.CodedConcept.from_code(side)
        segment.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = [modifier]
    return segment


def organ_segmentation(
    labels: np.ndarray, headers: Sequence[Any], slices: Sequence[int], method: str = "robust", heuristic: bool = False
) -> Any:
    """Make a binary DICOM Segmentation of the organ masks, with a segment for each organ.

    Args:
        labels: Organs (X, Y, Z): 0 background, 1 right lung, 2 mediastinum, 3 left lung. These are the segment numbers.
        headers: Headers of the CT series, completed by :func:`complete_headers`: one for each slice, in the order of
            the last axis, or a single one of a multi-frame file.
        slices: Index on the last axis for each frame of the headers, in their order.
        method: Method of PARTITION, for the algorithm's name.
        heuristic: Whether the masks are boxes instead of the organs' shapes, for the description.

    Returns:
        The Segmentation (highdicom). Each organ has a frame for every slice, empty ones too, so that every reader gets
        the grid of the CT.

    Raises:
        ValueError: If the labels do not fit the images, or a label is no organ.

    Example:
        >>> organ_segmentation(np.zeros((4, 4, 2), np.uint8), [], [0])
        Traceback (most recent call last):
        ...
        ValueError: labels must be of a volume with 1 slices, one for each frame of the source images, but is ...
    """
    highdicom = optional_import("highdicom")[0]
    organs = as_array(labels)
    whole = organs.ndim == 3 and np.issubdtype(organs.dtype, np.integer)
    check(whole, "labels", "integers of shape (X, Y, Z)", organs)
    requirement = f"of a volume with {len(slices)} slices, one for each frame of the source images"
    check(organs.shape[2] == len(slices), "labels", requirement, organs)
    known = bool(np.isin(organs, (0, *ORGAN_VALUES.values())).all())
    check(known, "labels", f"0 or one of the organs {ORGAN_VALUES}", organs)
    size = (int(headers[0].Columns), int(headers[0].Rows))
    check(organs.shape[:2] == size, "labels", f"of slices with {size[0]} columns and {size[1]} rows", organs)
    frames = np.ascontiguousarray(organs.transpose(2, 1, 0)[list(slices)], dtype=np.uint8)
    what = "Heuristic boxes, not the organs" if heuristic else "Organ masks"
    return make_object(
        highdicom.seg.Segmentation,
        0,
        what,
        source_images=list(headers),
        pixel_array=frames,
        segmentation_type="BINARY",
        segment_descriptions=[_description(organ, method) for organ in ORGAN_VALUES],
        omit_empty_frames=False,
        content_label="ORGANS",
        content_description=f"PARTITION: {what.lower()}",
    )
