"""Findings of a case as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
    assert json.loads((tmp_path / "new" / "ward a" / "ward a_findings.json").read_text()) == {
        "case": "ward a",
        "findings": {"ok": False, "left_lung_ml": None},
        "files": ["ward a_organs.nii.gz"],
        "software": {"name": "monai_pylon", "version": monai_pylon.__version__},
        "note": "For research. Not a medical device.",
    }
