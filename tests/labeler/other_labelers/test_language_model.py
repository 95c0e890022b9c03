"""Label tables from the answers of language models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.labeler import language_model_labels
from monai_pylon.taxonomy import CHEST_CT_LABELS

RIGHT, MIDDLE, LEFT = 0, 1, 2


def cell_names(cells: np.ndarray) -> set[tuple[str, int]]:
    return {(CHEST_CT_LABELS[m], int(organ)) for m, organ in zip(*cells.nonzero(), strict=True)}


def test_language_model_labels(tmp_path: Path) -> None:
    path = tmp_path / "model.jsonl"
    findings = [
        {"abnormality": "lung nodule", "locations": ["right lung"]},
        {"abnormality": "enlarged heart"},
        {"abnormality": "collapse", "locations": "left lower lobe"},
        {"abnormality": "pneumonia", "present": False},
        {"abnormality": "flux capacitor"},
    ]
    path.write_text(
        json.dumps({"report": 7, "findings": findings}) + "\n" + json.dumps({"report": "b", "findings": []})
    )
    table = language_model_labels(path)
    assert table.reports == ["7", "b"]
    assert cell_names(table.present[0]) == {("lung nodule", RIGHT), ("cardiomegaly", MIDDLE), ("atelectasis", LEFT)}
    assert table.unmatched == {"flux capacitor": 1}
    path.write_text(json.dumps([{"report": "a"}]))
    with pytest.raises(ValueError, match='entry 0 must be an object with "report" and a list "findings"'):
        language_model_labels(path)
    for finding in ("pneumonia", {"abnormality": 3}):
        path.write_text(json.dumps([{"report": "a", "findings": [finding]}]))
        with pytest.raises(ValueError, match='entry 0, finding 0 is not an object with a text "abnormality"'):
            language_model_labels(path)
    path.write_text('{"report": "a", "findings": []}\nSecret Name\n')
    with pytest.raises(ValueError, match="line 2 is not JSON"):
        language_model_labels(path)
    path.write_text("Secret Name has pneumonia")
    with pytest.raises(ValueError, match="line 1 is not JSON") as error:
        language_model_labels(path)
    assert "Secret" not in str(error.value)


def test_language_model_labels_and_free_text(tmp_path: Path) -> None:
    findings = [
        {"abnormality": "lung nodulegr1cm", "locations": ["right lung"]},  # a label, not free text
        {"abnormality": "no effusion but mass", "locations": ["lingula"]},
    ]
    (tmp_path / "model.json").write_text(json.dumps({"report": "a", "findings": findings}))
    table = language_model_labels(tmp_path / "model.json")
    assert cell_names(table.present[0]) == {("lung nodulegr1cm", RIGHT), ("lung mass", LEFT)}


def test_an_answer_that_is_not_understood_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    cases = [
        (
            {"abnormality": "pneumonia", "present": "false"},
            r"entry 0, finding 0 has \"present\": 'false'. Write true, false",
        ),
        ({"abnormality": "pneumonia", "present": 0}, 'has "present": 0'),
        ({"abnormality": "pneumonia", "location": ["left lung"]}, "unknown key 'location'.*Did you mean 'locations'"),
        ({"abnormality": "pneumonia", "locations": {"left lung": True}}, "no list of texts"),
        ({"abnormality": "pneumonia", "locations": ["left lung", 3]}, "no list of texts"),
        ({"abnormality": "pneumonia", "locations": ["somewhere"]}, "location 'somewhere', which is not understood"),
        ({"abnormality": "pneumonia", "locations": [""]}, "no list of texts"),
        ({"abnormality": "lung nodule", "locations": ["mediastinum"]}, "mean no organ of its abnormality"),
        ({"abnormality": "cardiomegaly", "locations": ["liver"]}, "which lies outside lungs and mediastinum"),
    ]
    for finding, message in cases:
        path.write_text(json.dumps([{"report": "a", "findings": [finding]}]))
        with pytest.raises(ValueError, match=message):
            language_model_labels(path)
    for entry, message in [
        ({"report": "a", "findings": [], "status": "done"}, "entry 0 has the unknown key 'status'"),
        ({"report": "", "findings": []}, "entry 0 must be a name as report"),
        ({"report": None, "findings": []}, "entry 0 must be a name as report"),
    ]:
        path.write_text(json.dumps([entry]))
        with pytest.raises(ValueError, match=message):
            language_model_labels(path)
    path.write_text(json.dumps([{"report": "a", "findings": []}, {"report": "a", "findings": []}]))
    with pytest.raises(ValueError, match="entry 1 must be a report that no other entry has, but is 'a'"):
        language_model_labels(path)
    path.write_text('{"report": "a", "findings": [], "findings": []}')
    with pytest.raises(ValueError, match="has the key 'findings' twice"):
        language_model_labels(path)


def test_presence_may_be_unknown(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    finding = {"abnormality": "pneumonia", "locations": ["left lung"], "present": None}
    path.write_text(json.dumps([{"report": "a", "findings": [finding]}]))
    values = language_model_labels(path).values[0, CHEST_CT_LABELS.index("pneumonia")]
    np.testing.assert_array_equal(values, [0, 0, np.nan])
