"""Four states of each label and organ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.labeler import ReportLabeler, training_labels, write_states
from monai_pylon.labeler.states import label_states, report_states, state_cells
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.label_sets import label_set

LABELER = ReportLabeler()


def states(text: str, label: str) -> list[int]:
    return LABELER.states([text])[0, CHEST_CT_LABELS.index(label)].tolist()


@pytest.mark.parametrize(
    ("text", "label", "expected"),
    [
        ("Left effusion.", "pleural effusion", [-2, -2, 1]),
        ("No effusion.", "pleural effusion", [0, -2, 0]),
        ("No left effusion.", "pleural effusion", [-2, -2, 0]),
        ("Possible left pneumonia.", "pneumonia", [-2, -2, -1]),
        ("Probable left pneumonia.", "pneumonia", [-2, -2, -1]),
        ("Cough.", "pneumonia", [-2, -2, -2]),
        ("Evaluate for pneumonia.", "pneumonia", [-2, -2, -2]),
        ("HISTORY: pneumonia.", "pneumonia", [-2, -2, -2]),
        ("History of CABG.", "CABG", [-2, 1, -2]),
        ("No effusion. Small right effusion.", "pleural effusion", [1, -2, 0]),
        ("Possible right effusion. Right effusion.", "pleural effusion", [1, -2, -2]),
        ("Heart size is normal.", "cardiomegaly", [-2, 0, -2]),
        ("Heart size is not normal.", "cardiomegaly", [-2, -2, -2]),
        ("Renal cyst.", "lung cyst", [-2, -2, -2]),
    ],
)
def test_states_of_a_label(text: str, label: str, expected: list[int]) -> None:
    assert states(text, label) == expected


def test_present_states_are_in_the_label_matrix() -> None:
    texts = ["Left effusion, probable right pneumonia. Possible mass. No nodule.", "Cardiomegaly."]
    found = LABELER.states(texts)
    assert found.shape == (2, 80, 3)
    assert found.dtype == np.int8
    assert (LABELER.label_matrix(texts)[found == 1]).all()
    assert not (LABELER.label_matrix(texts) & ((found == 0) | (found == -2))).any()
    assert LABELER.states([]).shape == (0, 80, 3)


def test_label_sets() -> None:
    text = "Hiatal hernia. Old rib fractures. The mediastinum is widened. No pneumothorax. Possible edema."
    for name, expected in {
        "CheXpert-14": {
            "Fracture": 1,
            "Enlarged Cardiomediastinum": 1,
            "Pneumothorax": 0,
            "Edema": -1,
            "No Finding": 0,
        },
        "ChestX-ray14": {"Hernia": 1, "Pneumothorax": 0, "Edema": -1},
        "CT-RATE-18": {"Hiatal hernia": 1},
    }.items():
        labels = label_set(name).labels
        row = label_states(LABELER.states([text], name))[0]
        assert {label: int(value) for label, value in zip(labels, row, strict=True) if value != -2} == expected
    with pytest.raises(ValueError, match="Did you mean 'CheXpert-14'"):
        LABELER.states([text], "CheXpert14")


def test_no_finding() -> None:
    rows = label_states(
        LABELER.states(["No effusion.", "Effusion.", "Cough.", "No effusion. Pacemaker."], "CheXpert-14")
    )
    assert rows[:, 0].tolist() == [1, 0, -2, 1]


def test_concepts_are_no_labels_of_the_80() -> None:
    assert LABELER.label("Rib fracture. Hiatal hernia.") == []
    assert LABELER.trace("Rib fracture.") == []


def test_one_state_for_each_label() -> None:
    cells = np.array([[[1, 0, -1], [-1, 0, -2], [0, -2, -2], [-2, -2, -2]]], dtype=np.int8)
    assert label_states(cells).tolist() == [[1, -1, 0, -2]]
    assert state_cells(cells[0]) == ["1", "-1", "0", ""]


def test_values_for_training() -> None:
    given = np.array([1, 0, -1, -2])
    np.testing.assert_array_equal(training_labels(given), [1, 0, np.nan, 0])
    np.testing.assert_array_equal(training_labels(given, "unknown", "present"), [1, 0, 1, np.nan])
    np.testing.assert_array_equal(training_labels(given, "absent", "absent"), [1, 0, 0, 0])
    with pytest.raises(ValueError, match="not_mentioned must be 'absent' or 'unknown'"):
        training_labels(given, "present")


def test_evidence_for_other_labels_is_left_out() -> None:
    assert report_states(LABELER.trace("Left effusion."), ["pneumonia"]).tolist() == [[-2, -2, -2]]


def test_tables(tmp_path: Path) -> None:
    found = LABELER.states(["Left effusion. No pneumothorax.", "Cough."], "ChestX-ray14")
    labels = label_set("ChestX-ray14").labels
    write_states(tmp_path / "s.csv", ["a", "b"], found, labels, name_column="image")
    header, first, second = (tmp_path / "s.csv").read_text().splitlines()
    assert header.split(",") == ["image", *labels]
    assert first == "a,,,1,,,,,0,,,,,,"
    assert second == "b" + "," * 14
    write_states(tmp_path / "s.csv", ["a", "b"], found, labels, organs=True)
    header, first, _ = (tmp_path / "s.csv").read_text().splitlines()
    assert dict(zip(header.split(","), first.split(","), strict=True))["Effusion*left lung"] == "1"
    with pytest.raises(ValueError, match="states must be of shape"):
        write_states(tmp_path / "s.csv", ["a"], found, labels)
