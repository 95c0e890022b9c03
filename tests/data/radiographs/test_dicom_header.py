"""What a header says about a radiograph: refused modalities, body parts and views, and the turn to the display."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from monai_pylon.data.radiographs.dicom_header import display_turn, other_than_frontal_chest
from monai_pylon.utils.image_orientation import turn_image


def dataset(**tags: object) -> Dataset:
    data = Dataset()
    for name, value in tags.items():
        setattr(data, name, value)
    return data


def coded(value: str, meaning: str) -> list[Dataset]:
    return [dataset(CodeValue=value, CodingSchemeDesignator="SCT", CodeMeaning=meaning)]


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {"Modality": "CR", "BodyPartExamined": "CHEST", "ViewPosition": "PA", "PatientOrientation": ["L", "F"]},
        {"Modality": "DX", "BodyPartExamined": "THORAX", "ViewPosition": "AP"},
        {"Modality": "OT", "BodyPartExamined": "", "ViewPosition": "", "PatientOrientation": ""},
        {"BodyPartExamined": "CHEST_TO_ABDOMEN", "ViewPosition": "AP SUPINE"},
        {"BodyPartExamined": "LUNG", "ViewPosition": "UNKNOWN", "ImageLaterality": "U"},
        {"ViewPosition": "PA", "ImageLaterality": "L"},
        {
            "AnatomicRegionSequence": coded("51185008", "Thorax"),
            "ViewCodeSequence": coded("272479007", "PA projection"),
        },
        {"AnatomicRegionSequence": coded("1", "Chest"), "ViewCodeSequence": coded("1", "antero-posterior")},
        {"AnatomicRegionSequence": coded("51185008", "Torse"), "ViewCodeSequence": coded("272479007", "Projektion")},
        {"AnatomicRegionSequence": coded("1", ""), "ViewCodeSequence": coded("1", "")},
        {"ImageLaterality": "L", "ViewCodeSequence": coded("272479007", "PA projection")},
        {"SOPClassUID": pydicom.uid.ComputedRadiographyImageStorage, "PatientPosition": "HFS"},
        {"SOPClassUID": pydicom.uid.DigitalXRayImageStorageForPresentation},
        {"SOPClassUID": pydicom.uid.SecondaryCaptureImageStorage},
    ],
)
def test_frontal_chest_radiographs_are_accepted(tags: dict) -> None:
    assert other_than_frontal_chest(dataset(**tags)) == []


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({"Modality": "CT"}, "Modality is CT"),
        ({"Modality": "MG"}, "Modality is MG"),
        ({"Modality": "US"}, "Modality is US"),
        ({"SOPClassUID": pydicom.uid.CTImageStorage}, "SOPClassUID is that of CT Image Storage"),
        (
            {"Modality": "DX", "SOPClassUID": pydicom.uid.DigitalMammographyXRayImageStorageForPresentation},
            "SOPClassUID is that of Digital Mammography X-Ray Image Storage - For Presentation",
        ),
        ({"BodyPartExamined": "HAND"}, "BodyPartExamined is HAND"),
        ({"BodyPartExamined": "ABDOMEN"}, "BodyPartExamined is ABDOMEN"),
        ({"BodyPartExamined": "TSPINE"}, "BodyPartExamined is TSPINE"),
        ({"BodyPartExamined": "THORACIC_SPINE"}, "BodyPartExamined is THORACIC SPINE"),
        ({"AnatomicRegionSequence": coded("85562004", "Hand")}, "AnatomicRegionSequence is HAND"),
        ({"AnatomicRegionSequence": coded("1", "Thoracic spine")}, "AnatomicRegionSequence is THORACIC SPINE"),
        ({"ViewPosition": "LATERAL"}, "ViewPosition is LATERAL"),
        ({"ViewPosition": "LL"}, "ViewPosition is LL"),
        ({"ViewPosition": "RLD"}, "ViewPosition is RLD"),
        ({"ViewPosition": "LAO"}, "ViewPosition is LAO"),
        ({"ViewPosition": "AP LLD"}, "ViewPosition is AP LLD"),
        ({"ViewPosition": "XTABLE LATERAL"}, "ViewPosition is XTABLE LATERAL"),
        ({"ViewCodeSequence": coded("399173006", "left lateral")}, "ViewCodeSequence is LEFT LATERAL"),
        ({"ViewCodeSequence": coded("1", "AP oblique")}, "ViewCodeSequence is AP OBLIQUE"),
        ({"ViewCodeSequence": coded("1", "tomogram")}, "ViewCodeSequence is TOMOGRAM"),
        ({"PatientOrientation": ["P", "F"]}, "PatientOrientation is P\\F, that of another view"),
        ({"PatientOrientation": ["L", "P"]}, "PatientOrientation is L\\P, that of another view"),
        ({"ImageLaterality": "R"}, "ImageLaterality is R, that of one side or of a lateral view"),
        ({"PatientPosition": "HFDL"}, "PatientPosition is HFDL, lying on a side"),
        ({"AnatomicalOrientationType": "QUADRUPED"}, "AnatomicalOrientationType is QUADRUPED"),
    ],
)
def test_other_images_are_refused_with_keyword_and_value(tags: dict, reason: str) -> None:
    assert other_than_frontal_chest(dataset(**tags)) == [reason]


def test_all_reasons_are_named() -> None:
    assert len(other_than_frontal_chest(dataset(Modality="CT", BodyPartExamined="HEAD", ViewPosition="LL"))) == 3


@pytest.mark.parametrize("horizontal", ["LR", "RL"])
@pytest.mark.parametrize("vertical", ["HF", "FH"])
@pytest.mark.parametrize("transposed", [False, True])
def test_every_frontal_orientation_is_turned_to_the_standard_display(
    horizontal: str, vertical: str, transposed: bool
) -> None:
    """Each pixel holds its own position in the patient as two letters; only the turn may move it."""
    stored = np.array([[a + b for b in horizontal] for a in vertical])  # rows along the body, columns across
    orientation = [horizontal[1], vertical[1]]
    if transposed:
        stored, orientation = stored.T, orientation[::-1]
    turn = display_turn(dataset(PatientOrientation=orientation))
    assert turn_image(stored, turn.orientation).tolist() == [["HR", "HL"], ["FR", "FL"]]
    assert turn.sides == "RL"


@pytest.mark.parametrize(
    ("orientation", "number", "sides"),
    [
        (["P", "F"], 1, "AP"),  # a lateral view keeps its direction
        (["A", "H"], 4, "PA"),  # and gets its head up
        (["F", "P"], 5, "AP"),
        (["L", "P"], 1, "RL"),  # axial
        (["P", "R"], 6, "RL"),
        (["LA", "FP"], 1, "RL"),  # the first letter is the main direction
        (["l", "f"], 1, "RL"),
        (["L", "L"], 1, ""),
        (["X", "F"], 1, ""),
        ("", 1, ""),
        (None, 1, ""),
    ],
)
def test_other_and_invalid_orientations(orientation: object, number: int, sides: str) -> None:
    class Header:
        PatientOrientation = orientation

    assert display_turn(Header()) == (number, sides)


def test_cosines_stand_in_for_a_missing_orientation() -> None:
    for cosines, expected in (
        ([1, 0, 0, 0, 0, -1], (1, "RL")),
        ([-1, 0, 0, 0, 0, -1], (2, "RL")),
        ([1, 0, 0, 0, 1, 0], (1, "")),  # written by programs that know no orientation
        ([0, 0, 0, 0, 0, -1], (1, "")),
        ([1, 0, 0, 0, 0, 0], (1, "")),
    ):
        assert display_turn(dataset(ImageOrientationPatient=cosines)) == expected
    damaged = SimpleNamespace(ImageOrientationPatient=[float("nan"), 0, 0, 0, 0, -1])
    assert display_turn(damaged) == (1, "")
    both = dataset(PatientOrientation=["L", "F"], ImageOrientationPatient=[-1, 0, 0, 0, 0, -1])
    assert display_turn(both).orientation == 1


def test_turns_of_the_detector_do_not_count() -> None:
    """They were applied before PatientOrientation was written."""
    for rotation, flip in itertools.product((0, 90), ("YES", "NO")):
        tags = {"FieldOfViewRotation": rotation, "FieldOfViewHorizontalFlip": flip}
        assert display_turn(dataset(**tags, PatientOrientation=["L", "F"])) == (1, "RL")
        assert display_turn(dataset(**tags)) == (1, "")
