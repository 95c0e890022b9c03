"""Labels from elsewhere become the one table."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.labeler import (
    ReportLabeler,
    chexbert_labels,
    listed_labels,
    radgraph_labels,
    read_label_table,
    write_label_table,
)
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions

RIGHT, MIDDLE, LEFT = 0, 1, 2


def cell_names(cells: np.ndarray) -> set[tuple[str, int]]:
    return {(CHEST_CT_LABELS[m], int(organ)) for m, organ in zip(*cells.nonzero(), strict=True)}


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    texts = ["Left effusion and cardiomegaly.", "Normal.", "Nodules in both lungs."]
    cells = ReportLabeler().label_matrix(texts)
    write_label_table(tmp_path / "a.csv", ["a", "b, the second", "c"], cells)
    table = read_label_table(tmp_path / "a.csv")
    assert table.reports == ["a", "b, the second", "c"]
    assert np.array_equal(table.cells, cells)


def test_a_row_of_the_table_makes_allowed_regions(tmp_path: Path) -> None:
    write_label_table(tmp_path / "a.csv", ["a"], ReportLabeler().label_matrix(["Left effusion."]))
    organs = torch.zeros(4, 4, 4, dtype=torch.uint8)
    organs[2:] = 3
    regions = allowed_regions(organs, torch.from_numpy(read_label_table(tmp_path / "a.csv").cells[0]), (4, 4, 4))
    effusion = CHEST_CT_LABELS.index("pleural effusion")
    assert regions[effusion].sum() == 32
    assert regions.sum() == 32


def test_patients_and_sections_go_through_the_table(tmp_path: Path) -> None:
    cells = np.zeros((2, 80, 3))
    write_label_table(tmp_path / "t.csv", ["a", "b"], cells, patient=["p", "q"], section=["test", ""])
    facts = read_label_table(tmp_path / "t.csv").facts
    assert facts == {"a": {"patient": "p", "section": "test"}, "b": {"patient": "q", "section": ""}}
    with pytest.raises(ValueError, match="patient must be 2 cells"):
        write_label_table(tmp_path / "t.csv", ["a", "b"], cells, patient=["p"])
    with pytest.raises(ValueError, match="a further column must be patient or section, but is 'age'"):
        write_label_table(tmp_path / "t.csv", ["a", "b"], cells, age=["1", "2"])
    rows = "a,lung mass,1,0,0,p\na,pneumonia,1,0,0,q\n"
    (tmp_path / "t.csv").write_text(f"report,abnormality,right lung,mediastinum,left lung,patient\n{rows}")
    with pytest.raises(ValueError, match=r"t\.csv line 3 must be of one patient and section as before"):
        read_label_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,pneumona,1,0,0", r"t.csv line 2 must be .*'pneumona'. Did you mean 'pneumonia'"),
        ("a,pneumonia,1,1,0", "a place where 'pneumonia' can lie"),
        ("a,pneumonia,yes,0,0", "1, 0 or nothing for each organ"),
        (",pneumonia,1,0,0", "a report's name"),
        ("a,,1,0,0", "a label where an organ has 1"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(f"report,abnormality,right lung,mediastinum,left lung\n{row}\n")
    with pytest.raises(ValueError, match=message):
        read_label_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("report,label\n")
    with pytest.raises(ValueError, match=r"t\.csv, line 1: the header must have a column 'abnormality'"):
        read_label_table(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="path must be a CSV file"):
        read_label_table(tmp_path / "none.csv")


def test_chexbert(tmp_path: Path) -> None:
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
    path.write_text("Secret Name has pneumonia")
    with pytest.raises(ValueError, match="line 1 must be JSON") as error:
        listed_labels(path)
    assert "Secret" not in str(error.value)


def test_radgraph(tmp_path: Path) -> None:
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
