"""Label tables from the output of other programs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.labeler import (
    chexbert_labels,
    listed_labels,
    radgraph_labels,
)
from monai_pylon.taxonomy import CHEST_CT_LABELS

RIGHT, MIDDLE, LEFT = 0, 1, 2


def cell_names(cells: np.ndarray) -> set[tuple[str, int]]:
    return {(CHEST_CT_LABELS[m], int(organ)) for m, organ in zip(*cells.nonzero(), strict=True)}


def test_chexbert_labels(tmp_path: Path) -> None:
    path = tmp_path / "chexbert.csv"
    path.write_text("id,Atelectasis,Cardiomegaly,Support Devices,No Finding\ns,1,-1,1,\nt,,0.0,0,1\n")
    table = chexbert_labels(path, "id")
    assert table.reports == ["s", "t"]
    assert cell_names(table.cells[0]) == {("atelectasis", RIGHT), ("atelectasis", LEFT)}
    assert not table.cells[1].any()
    assert table.unknown == {"Support Devices": 1}
    assert ("cardiomegaly", MIDDLE) in cell_names(chexbert_labels(path, uncertain=True).cells[0])
    assert chexbert_labels(path).reports == ["0", "1"]
    path.write_text("id,Atelectasis\ns,2\n")
    with pytest.raises(ValueError, match=r"chexbert.csv line 2 must be 1, 0, -1 or empty, but is '2'"):
        chexbert_labels(path)
    path.write_text("id,text\ns,2\n")
    with pytest.raises(ValueError, match="CheXpert's classes as columns"):
        chexbert_labels(path)


def test_listed_labels(tmp_path: Path) -> None:
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
    table = listed_labels(path)
    assert table.reports == ["7", "b"]
    assert cell_names(table.cells[0]) == {("lung nodule", RIGHT), ("cardiomegaly", MIDDLE), ("atelectasis", LEFT)}
    assert table.unknown == {"flux capacitor": 1}
    path.write_text(json.dumps([{"report": "a"}]))
    with pytest.raises(ValueError, match='entry 0 must be an object with "report" and a list "findings"'):
        listed_labels(path)
    for finding in ("pneumonia", {"abnormality": 3}):
        path.write_text(json.dumps([{"report": "a", "findings": [finding]}]))
        with pytest.raises(ValueError, match='entry 0 has a finding that is not an object with a text "abnormality"'):
            listed_labels(path)
    path.write_text('{"report": "a", "findings": []}\nSecret Name\n')
    with pytest.raises(ValueError, match="line 2 is not JSON"):
        listed_labels(path)
    path.write_text("Secret Name has pneumonia")
    with pytest.raises(ValueError, match="line 1 is not JSON") as error:
        listed_labels(path)
    assert "Secret" not in str(error.value)


def test_listed_labels_and_free_text(tmp_path: Path) -> None:
    findings = [
        {"abnormality": "lung nodulegr1cm", "locations": ["right lung"]},  # a label, not free text
        {"abnormality": "no effusion but mass", "locations": ["lingula"]},
    ]
    (tmp_path / "model.json").write_text(json.dumps({"report": "a", "findings": findings}))
    table = listed_labels(tmp_path / "model.json")
    assert cell_names(table.cells[0]) == {("lung nodulegr1cm", RIGHT), ("lung mass", LEFT)}


def test_radgraph_labels(tmp_path: Path) -> None:
    entities = {
        "1": {"tokens": "effusion", "label": "OBS-DP", "relations": [["located_at", "2"]]},
        "2": {"tokens": "pleural", "label": "ANAT-DP", "relations": []},
        "3": {"tokens": "left", "label": "ANAT-DP", "relations": [["modify", "2"]]},
        "4": {"tokens": "pneumothorax", "label": "OBS-DA", "relations": []},
        "5": {"tokens": "small", "label": "OBS-DP", "relations": [["modify", "1"]]},
        "6": {"tokens": "Enlarged", "label": "OBS-DP", "relations": [["located_at", "7"]]},
        "7": {"tokens": "heart", "label": "ANAT-DP", "relations": []},
        "8": {"tokens": "widget", "label": "Observation::definitely present", "relations": []},
    }
    path = tmp_path / "graph.json"
    path.write_text(json.dumps({"a": {"entities": entities}, "b": {"entities": {}}}))
    table = radgraph_labels(path)
    assert cell_names(table.cells[0]) == {("pleural effusion", LEFT), ("cardiomegaly", MIDDLE)}
    assert table.reports == ["a", "b"]
    assert table.unknown == {"widget": 1}
    path.write_text(json.dumps({"a": []}))
    with pytest.raises(ValueError, match='reports with an object "entities"'):
        radgraph_labels(path)
