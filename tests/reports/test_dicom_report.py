"""Structured reports: numbers, codes and references."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest

from monai_pylon.reports.dicom_header import complete_headers, save_dicom
from monai_pylon.reports.dicom_map import parametric_map
from monai_pylon.reports.dicom_picture import secondary_capture
from monai_pylon.reports.dicom_report import finding_group, measurement_report, organ_group, quality_group
from monai_pylon.reports.dicom_segmentation import organ_segmentation
from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from tests.reports.dicom_headers import slices

HEADERS = complete_headers(slices(6, 5, 3))


def items(dataset: Any) -> list[Any]:
    """Return all content items of a report."""
    own = list(dataset.get("ContentSequence", ()))
    return own + [below for item in own for below in items(item)]


def report(tmp_path: Path, groups: list[Any], results: dict[str, Any], procedure: str = "CT") -> Any:
    save_dicom(tmp_path / "sr.dcm", measurement_report(groups, HEADERS, results, procedure))
    return pydicom.dcmread(tmp_path / "sr.dcm")


def test_refers_to_masks_maps_and_picture(tmp_path: Path) -> None:
    masks = organ_segmentation(np.ones((6, 5, 3), np.uint8), HEADERS, [0, 1, 2])
    map = parametric_map(np.ones((2, 2, 2)), np.eye(4), HEADERS, "Mass")
    picture = secondary_capture(np.zeros((4, 4, 3), np.uint8), HEADERS[0])
    series = HEADERS[0].SeriesInstanceUID
    groups = [organ_group("right lung", 1234.5, masks, "ok", series), finding_group("Mass", 0.25, "axialnet", [map])]
    read = report(tmp_path, groups, {"masks": masks, "map": map, "picture": picture})
    references = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for item in items(read) if item.ValueType == "IMAGE"
    }
    assert references == {one.SOPInstanceUID for one in (masks, map, picture)}
    segments = [
        item.ReferencedSOPSequence[0].ReferencedSegmentNumber
        for item in items(read)
        if item.ValueType == "IMAGE" and "ReferencedSegmentNumber" in item.ReferencedSOPSequence[0]
    ]
    assert segments == [1]
    numbers = {
        item.ConceptNameCodeSequence[0].CodeMeaning: float(item.MeasuredValueSequence[0].NumericValue)
        for item in items(read)
        if item.ValueType == "NUM" and item.RelationshipType == "CONTAINS"
    }
    assert numbers == {"Volume": 1234.5, "Probability": 0.25}
    evidence = [
        one.ReferencedSOPInstanceUID
        for key in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        for study in read.get(key, ())
        for part in study.ReferencedSeriesSequence
        for one in part.ReferencedSOPSequence
    ]
    assert set(evidence) == references | {header.SOPInstanceUID for header in HEADERS}
    assert len(evidence) == len(set(evidence))
    assert (read.CompletionFlag, read.VerificationFlag, read.PreliminaryFlag) == (
        "COMPLETE",
        "UNVERIFIED",
        "PRELIMINARY",
    )
    assert highdicom.sr.srread(tmp_path / "sr.dcm").content.get_volumetric_roi_measurement_groups()


@pytest.mark.parametrize("length", [64, 65, 400])
def test_a_verdict_longer_than_a_code_is_there_in_full(tmp_path: Path, length: int) -> None:
    masks = organ_segmentation(np.ones((6, 5, 3), np.uint8), HEADERS, [0, 1, 2])
    verdict = ("check by eye: no trachea, lungs joined, " * 12)[:length].strip()
    series = HEADERS[0].SeriesInstanceUID
    groups = [quality_group("Network", verdict), organ_group("right lung", 1.0, masks, verdict, series)]
    read = report(tmp_path, groups, {"masks": masks})
    texts = [item.TextValue for item in items(read) if item.ValueType == "TEXT"]
    assert texts.count(verdict) == (2 if len(verdict) > 64 else 0)
    assert verdict[:64] in str(read)


def test_labels_have_codes_of_their_own(tmp_path: Path) -> None:
    labels = [*CHEST_CT_LABELS, *CHEST_XRAY14_LABELS, "größerer Herd", "größere Herde", "a_b", "a b"]
    read = report(tmp_path, [finding_group(label, 0.5, "pylon") for label in labels], {})
    found = [item.ConceptCodeSequence[0] for item in items(read) if item.ValueType == "CODE"]
    codes = {code.CodeMeaning: code.CodeValue for code in found if code.CodingSchemeDesignator == "99MONAIPYLON"}
    assert set(labels) <= set(codes)
    assert max(map(len, codes.values())) <= 16
    different = len({label.replace(" ", "_") for label in labels})
    assert len({codes[label] for label in labels}) == different
    assert read.CodingSchemeIdentificationSequence[0].CodingSchemeDesignator == "99MONAIPYLON"


def test_a_case_without_organs_still_has_a_verdict(tmp_path: Path) -> None:
    read = report(tmp_path, [quality_group("Organ masks", "check by eye: no lung")], {})
    meanings = [item.ConceptCodeSequence[0].CodeMeaning for item in items(read) if item.ValueType == "CODE"]
    assert "check by eye: no lung" in meanings


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability must be from 0 to 1"):
        finding_group("Mass", probability, "pylon")
