"""Findings of a case as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import monai_pylon
from monai_pylon.workflows.cohort import FindingsWriter


class Writer:
    columns = ("ok", "left_lung_ml")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "ward a_organs.nii.gz").write_text("masks")
        return {**item, "row": {"ok": False, "left_lung_ml": float("nan")}, "files": ["ward a_organs.nii.gz"]}


def test_puts_the_row_and_the_files_of_a_case_into_its_folder(tmp_path: Path) -> None:
    writer = FindingsWriter(Writer(tmp_path / "new"), tmp_path / "new")
    item = writer({"scan": "ward a", "image": None})
    assert item["files"] == ["ward a/ward a_organs.nii.gz", "ward a/ward a_findings.json"]
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["ward a"]
    assert (tmp_path / "new" / item["files"][0]).read_text() == "masks"
    assert item["row"]["ok"] is False
    assert writer.columns == Writer.columns
    text = (tmp_path / "new" / "ward a" / "ward a_findings.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2) + "\n", "people read it too"
    assert json.loads(text) == {
        "case": "ward a",
        "findings": {"ok": False, "left_lung_ml": None},
        "files": ["ward a_organs.nii.gz"],
        "software": {"name": "monai_pylon", "version": monai_pylon.__version__},
        "note": "For research. Not a medical device.",
    }


def no_files(row: dict[str, Any]) -> Any:
    """Make a writer that writes nothing, so that no folder exists yet."""
    return lambda item: {**item, "row": row, "files": []}


def test_a_case_may_be_written_again(tmp_path: Path) -> None:
    for volume in (1.0, 2.0):
        item = FindingsWriter(no_files({"left_lung_ml": volume}), tmp_path / "a" / "b")({"scan": "s"})
        assert item["files"] == ["s/s_findings.json"]
        found = json.loads((tmp_path / "a" / "b" / "s" / "s_findings.json").read_text())
        assert found["findings"] == {"left_lung_ml": volume}


def test_numbers_that_json_does_not_have_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        FindingsWriter(no_files({"volumes": [float("nan")]}), tmp_path)({"scan": "s"})
