"""Findings as a DICOM structured report (TID 1500, Measurement Report) that refers to the other results."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.reports.dicom_header import MANUFACTURER, RESEARCH_NOTE, make_object
from monai_pylon.reports.dicom_segmentation import organ_codes
from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.utils import __version__, check

__all__ = ["finding_group", "measurement_report", "organ_group", "quality_group"]

#: Coding scheme of this package's own codes.
_SCHEME = "99MONAIPYLON"
_PROCEDURES = {"CT": ("169069000", "CT of chest"), "radiograph": ("399208008", "Plain chest X-ray")}
_MILLILITERS = ("mL", "milliliter")
#: Longest text of a code's meaning.
_LONGEST_MEANING = 64


def _own_code(text: str) -> Any:
    """Return a code of this package for a text: the text itself if it is a valid code value, else its hash."""
    value = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    if value != text.replace(" ", "_") or len(value) > 16:
        value = value[:9] + "_" + hashlib.sha256(text.encode()).hexdigest()[:6]
    return optional_import("highdicom.sr", name="CodedConcept")[0](
        value, _SCHEME, text[:_LONGEST_MEANING].replace("\\", "/")
    )


def _with_text(group: Any, text: str) -> Any:
    """Add a text to a measurement group if it is longer than the meaning of a code may be."""
    if len(text) > _LONGEST_MEANING:
        item = optional_import("highdicom.sr", name="TextContentItem")[0]
        codes = optional_import("pydicom.sr.codedict", name="codes")[0]
        group[0].ContentSequence.append(item(codes.DCM.Comment, text, relationship_type="CONTAINS"))
    return group


def finding_group(label: str, probability: float, method: str, sources: Sequence[Any] = ()) -> Any:
    """Make the measurement group (TID 1501) of a finding and its probability.

    Args:
        label: Name of the finding; its code is one of this package.
        probability: From 0 to 1, as the network states it; it is not calibrated.
        method: Network that states it.
        sources: Images that the probability comes from: the radiograph, and the map, whose maximum or sum is the score.
            Empty for a CT series, which the report lists as evidence.

    Returns:
        The group (highdicom).

    Raises:
        ValueError: If the probability is not from 0 to 1.

    Example:
        >>> finding_group("Mass", float("nan"), "PYLON")
        Traceback (most recent call last):
        ...
        ValueError: probability must be from 0 to 1, but is nan.
    """
    check(bool(0 <= probability <= 1), "probability", "from 0 to 1", probability)
    sr = optional_import("highdicom.sr")[0]
    codes = optional_import("pydicom.sr.codedict", name="codes")[0]
    images = [sr.SourceImageForMeasurementGroup(one.SOPClassUID, one.SOPInstanceUID) for one in sources]
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(identifier=label),
        finding_type=_own_code(label),
        measurements=[sr.Measurement(name=_own_code("Probability"), value=float(probability), unit=codes.UCUM.NoUnits)],
        method=_own_code(method),
        source_images=images or None,
    )


def organ_group(organ: str, volume_ml: float, segmentation: Any, verdict: str, source_series: str) -> Any:
    """Make the measurement group (TID 1411) of an organ: its segment, volume and quality.

    Args:
        organ: One of `ORGANS`.
        volume_ml: Volume in mL.
        segmentation: The Segmentation with the organ.
        verdict: Verdict of the quality control.
        source_series: SeriesInstanceUID of the CT.

    Returns:
        The group (highdicom).

    Raises:
        ValueError: If the volume is negative or not finite.

    Example:
        >>> organ_group("left lung", float("nan"), None, "ok", "1.2")
        Traceback (most recent call last):
        ...
        ValueError: volume_ml must be 0 or more, but is nan.
    """
    check(bool(np.isfinite(volume_ml) and volume_ml >= 0), "volume_ml", "0 or more", volume_ml)
    sr = optional_import("highdicom.sr")[0]
    codes = optional_import("pydicom.sr.codedict", name="codes")[0]
    concept, side = organ_codes(organ)
    segment = next(s for s in segmentation.SegmentSequence if s.SegmentNumber == ORGAN_VALUES[organ])
    group = sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=segment.TrackingUID, identifier=organ),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=ORGAN_VALUES[organ],
            source_series=sr.SourceSeriesForSegmentation(source_series),
        ),
        finding_type=concept,
        finding_sites=[sr.FindingSite(anatomic_location=concept, laterality=side)],
        measurements=[
            sr.Measurement(
                name=codes.SCT.Volume,
                value=float(volume_ml),
                unit=sr.CodedConcept(_MILLILITERS[0], "UCUM", _MILLILITERS[1]),
            )
        ],
        qualitative_evaluations=[sr.QualitativeEvaluation(_own_code("Quality control"), _own_code(verdict))],
    )
    return _with_text(group, verdict)


def quality_group(subject: str, verdict: str) -> Any:
    """Make a measurement group (TID 1501) that holds a verdict only, for a case in which nothing was found.

    Args:
        subject: What was judged.
        verdict: Verdict of the quality control.

    Returns:
        The group (highdicom).

    Example:
        >>> len(quality_group("Organ masks", "check by eye: no lungs"))
        1
    """
    sr = optional_import("highdicom.sr")[0]
    group = sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(identifier=subject),
        qualitative_evaluations=[sr.QualitativeEvaluation(_own_code("Quality control"), _own_code(verdict))],
    )
    return _with_text(group, verdict)


def _described(image: Any) -> Any:
    """Return the header of a result without the geometry that highdicom expects of slices."""
    dataset = optional_import("pydicom", name="Dataset")[0]()
    for keyword in ("SOPClassUID", "SOPInstanceUID", "FrameOfReferenceUID", "Rows", "Columns", "Modality"):
        if keyword in image:
            dataset[keyword] = image[keyword]
    return dataset


def measurement_report(
    groups: Sequence[Any], headers: Sequence[Any], results: Mapping[str, Any], procedure: str = "CT"
) -> Any:
    """Make the structured report of a case.

    Args:
        groups: Measurement groups of its findings.
        headers: Headers of the source images, completed by :func:`complete_headers`.
        results: Other DICOM results of the case by name: Segmentation, Parametric Maps and Secondary Capture. The
            report lists pictures in its image library, and all as evidence.
        procedure: "CT" or "radiograph".

    Returns:
        The Comprehensive SR (highdicom): complete, unverified and preliminary.

    Raises:
        KeyError: If there is no such procedure.

    Example:
        >>> measurement_report([], [], {}, "MR")
        Traceback (most recent call last):
        ...
        KeyError: 'MR'
    """
    value, meaning = _PROCEDURES[procedure]
    highdicom = optional_import("highdicom")[0]
    sr = highdicom.sr
    codes = optional_import("pydicom.sr.codedict", name="codes")[0]
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=highdicom.UID(), name=MANUFACTURER, manufacturer_name=MANUFACTURER,
        model_name=f"{MANUFACTURER} {__version__}. {RESEARCH_NOTE}"[:64],
    )  # fmt: skip
    observer = sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    pictures = [_described(result) for result in results.values() if result.SOPClassUID.name.startswith("Secondary")]
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=observer),
        procedure_reported=sr.CodedConcept(value, "SCT", meaning),
        imaging_measurements=list(groups),
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=pictures or None,
    )
    report = make_object(
        sr.ComprehensiveSR,
        99,
        "Findings",
        evidence=[*headers, *results.values()],
        content=content[0],
        is_complete=True,
        is_final=False,
    )
    scheme = optional_import("pydicom", name="Dataset")[0]()
    scheme.CodingSchemeDesignator, scheme.CodingSchemeName = _SCHEME, "Findings of monai_pylon by their names"
    scheme.CodingSchemeResponsibleOrganization = MANUFACTURER
    report.CodingSchemeIdentificationSequence = [scheme]
    return report
