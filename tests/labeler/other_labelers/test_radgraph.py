"""Label tables from RadGraph and RadGraph-XL."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.labeler import radgraph_labels
from monai_pylon.taxonomy import CHEST_CT_LABELS

RIGHT, MIDDLE, LEFT = 0, 1, 2


def cell_names(cells: np.ndarray) -> set[tuple[str, int]]:
    return {(CHEST_CT_LABELS[m], int(organ)) for m, organ in zip(*cells.nonzero(), strict=True)}


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
    assert cell_names(table.present[0]) == {("pleural effusion", LEFT), ("cardiomegaly", MIDDLE)}
    assert table.reports == ["a", "b"]
    assert table.unmatched == {"widget": 1}
    for content, message in [
        ([], "report 'a' must be an object, but is list"),
        ({}, "report 'a' must have \"entities\""),
        ({"entities": []}, "entities that are no object"),
        ({"entities": {"1": {"tokens": "mass"}}}, 'entity 1 must have "tokens" and "label"'),
        (
            {"entities": {"1": {"tokens": "mass", "label": "OBS-DP", "relations": [["located_at", "9"]]}}},
            "relations to",
        ),
    ]:
        path.write_text(json.dumps({"a": content}))
        with pytest.raises(ValueError, match=message):
            radgraph_labels(path)


def test_two_annotators(tmp_path: Path) -> None:
    path = tmp_path / "test.json"
    first = {"1": {"tokens": "mass", "label": "OBS-DP", "start_ix": 0, "end_ix": 0, "relations": []}}
    second = {"1": {"tokens": "mass", "label": "OBS-U", "start_ix": 0, "end_ix": 0, "relations": []}}
    content = {"text": "mass", "labeler_1": {"entities": first}, "labeler_2": {"entities": second}}
    path.write_text(json.dumps({"a.txt": content}))
    assert cell_names(radgraph_labels(path).present[0]) == {("lung mass", RIGHT), ("lung mass", LEFT)}
    table = radgraph_labels(path, annotator="labeler_2")
    assert not table.present.any()
    np.testing.assert_array_equal(table.values[0, CHEST_CT_LABELS.index("lung mass")], [np.nan, 0, np.nan])
    with pytest.raises(ValueError, match="annotator must be labeler_1 or labeler_2"):
        radgraph_labels(path, annotator="labeler_3")


def test_json_lines_of_radgraph_xl(tmp_path: Path) -> None:
    path = tmp_path / "xl.jsonl"
    lines = [
        {
            "doc_key": "r1",
            "sentences": [["No", "mass", "."], ["Small", "left", "effusion", "."], ["New", "metal", "widget", "."]],
            "ner": [
                [[1, 1, "Observation::definitely absent"]],
                [
                    [3, 3, "Observation::definitely present"],
                    [4, 4, "Anatomy::definitely present"],
                    [5, 5, "Observation::definitely present"],
                ],
                [[8, 9, "Observation::definitely present"]],
            ],
            "relations": [[], [[3, 3, 5, 5, "modify"], [5, 5, 4, 4, "located_at"]]],
        },
        {"doc_key": "r2", "sentences": [["Clear", "."]], "ner": [[]], "relations": [[]]},
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    table = radgraph_labels(path)
    assert table.reports == ["r1", "r2"]
    assert cell_names(table.present[0]) == {("pleural effusion", LEFT)}
    assert not table.present[1].any()
    assert table.unmatched == {"metal widget": 1}
    lines[0]["relations"] = [[[9, 9, 5, 5, "modify"]]]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(ValueError, match="report 'r1' has spans that do not fit"):
        radgraph_labels(path)


def test_reports_by_their_keys_or_numbers(tmp_path: Path) -> None:
    """Entities need a text and a kind only."""
    mass, node = ({"entities": {"1": {"tokens": word, "label": "OBS-DP"}}} for word in ("mass", "nodule"))
    path = tmp_path / "list.json"
    path.write_text(json.dumps([mass, {**node, "doc_key": "x", "id": "y"}, {**node, "id": "z"}]))
    table = radgraph_labels(path)
    assert table.reports == ["0", "x", "z"]
    lungs = [[("lung mass", RIGHT), ("lung mass", LEFT)], *[[("lung nodule", RIGHT), ("lung nodule", LEFT)]] * 2]
    assert [sorted(cell_names(one)) for one in table.present] == [sorted(names) for names in lungs]
    path.write_text(json.dumps(mass))
    assert radgraph_labels(path).reports == ["0"]
    path.write_text(json.dumps([{**mass, "id": "a"}, {**mass, "id": "a"}]))
    with pytest.raises(ValueError, match="reports of different names"):
        radgraph_labels(path)
