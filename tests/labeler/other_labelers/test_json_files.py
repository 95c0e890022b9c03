"""JSON files of other programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.other_labelers.json_files import labels_of_phrase, read_json


def test_a_file_with_one_value_per_line_is_a_list(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}\n\n{"b": 2}\n', encoding="utf-8")
    assert read_json(tmp_path / "a.json") == [{"a": 1}, {"b": 2}]
    (tmp_path / "a.json").write_text('[{"a": 1, "a": 2}]', encoding="utf-8")
    with pytest.raises(ValueError, match="has the key 'a' twice"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("text", "line"),
    [("A report", 1), ('{"a": 1,\n"b" 2}', 2), ('{"a": 1}\n{"b": 2}\n{"c": }', 3), ('{"a": 1}\n\n{"b": 2', 3)],
)
def test_an_error_names_the_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=f"a.json line {line} is not JSON"):
        read_json(tmp_path / "a.json")


def test_labels_and_free_text() -> None:
    labeler = ReportLabeler()
    cases = [
        ("lung nodule", ["left lung"], [False, False, True]),
        ("lung nodule", ["right lung", "left lung"], [True, False, True]),
        ("lung nodule", ["lingula"], [False, False, True]),  # no organ, so free text
        ("lung nodule", [], [True, False, True]),
        ("nodules", ["both lungs"], [True, False, True]),
        ("enlarged", ["heart"], [False, True, False]),
        ("no effusion", ["left lung"], [False, False, False]),
        ("no effusion but mass", ["lingula"], [False, False, True]),  # the place follows, as the words do in a report
    ]
    for name, places, organs in cases:
        assert labels_of_phrase(labeler, name, places).any(axis=0).tolist() == organs, name
