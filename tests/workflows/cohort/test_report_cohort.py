"""Cohort of scans and reports, with a runner that writes text files instead of masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from monai.data import Dataset
from monai.inferers import SimpleInferer

from monai_pylon.utils import read_rows, write_rows
from monai_pylon.workflows.cohort import CohortRunner, ReportCohort
from monai_pylon.workflows.cohort.report_cohort import ReportCohortSummary


class WriteMasks:
    """Postprocessing that writes empty files and takes the lung volume from the content of the scan."""

    columns = ("ok", "reasons", "heuristic", "right_lung_ml")

    def __init__(self, output: Path) -> None:
        self.output = output

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        volume = float(Path(item["image"]).read_text())
        files = [f"{item['scan']}.nii.gz", f"{item['scan']}_organs.nii.gz"]
        for name in files:
            (self.output / name).touch()
        row = {"ok": volume > 0, "reasons": "" if volume else "no_lungs", "heuristic": False, "right_lung_ml": volume}
        return {**item, "row": row, "files": files}


def cohort(root: Path, rows: list[tuple[str, str, str]], **options: Any) -> ReportCohort:
    """Create a cohort of the scans good, empty (no organ), broken (unreadable) and extra (no report)."""
    items = []
    for name, content in {"good": "2000", "empty": "0", "broken": "?", "extra": "1000"}.items():
        (root / f"{name}.nii").write_text(content)
        items.append({"scan": name, "image": str(root / f"{name}.nii")})
    write_rows(root / "reports.csv", [{"id": i, "report": text, "patient": patient} for i, text, patient in rows])
    output = root / "out"
    runner = CohortRunner(Dataset(items), dict, SimpleInferer(), WriteMasks(output), output, progress=False)
    return ReportCohort(runner, options.pop("reports", root / "reports.csv"), progress=False, **options)


def test_labels_scans_with_masks_and_lists_the_others(tmp_path: Path) -> None:
    rows = [("good", "Left pleural effusion.", "7"), ("empty", "Mass.", "8"), ("broken", "Mass.", "9")]
    run = cohort(tmp_path, rows)
    assert run.run() == ReportCohortSummary(scans=4, reports=3, ready=1, left_out=3, failed=1)
    (row,) = read_rows(tmp_path / "out" / "labels.csv")
    assert (row["scan"], row["patient"], row["pleural effusion*left lung"]) == ("good", "7", "1")
    lines = {line["scan"]: (line["state"], line["remark"]) for line in read_rows(tmp_path / "out" / "matches.csv")}
    assert lines["good"] == ("matched", "")
    assert lines["empty"] == ("no masks", "no organ was found: no_lungs")
    assert lines["broken"][0] == "no masks"
    assert lines["extra"] == ("no report", "")
    with pytest.raises(SystemExit, match=r"masks or regions failed: 1.*summary.html says why"):
        run.finish()


def test_report_without_labels_has_its_reason(tmp_path: Path) -> None:
    run = cohort(tmp_path, [("good", "Left pleural effusion.", ""), ("extra", "IMPRESSION:", "")])
    assert run.run().ready == 1
    states = {line["scan"]: line["state"] for line in read_rows(tmp_path / "out" / "matches.csv")}
    assert states["extra"] == "no labels"
    assert "patient" not in read_rows(tmp_path / "out" / "labels.csv")[0]


def test_no_scan_with_labels_and_masks_is_an_error_with_a_page(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"No scan has both labels and masks \(1 reports, 4 scans\)"):
        cohort(tmp_path, [("empty", "Left pleural effusion.", "")]).run()
    assert "no organ was found" in (tmp_path / "out" / "summary.html").read_text()


def test_rejects_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="duplicates must be one of"):
        cohort(tmp_path, [], duplicates="keep")
    with pytest.raises(ValueError, match="silent must be one of"):
        cohort(tmp_path, [], silent="keep")
    with pytest.raises(TypeError, match="reports must be of type str"):
        cohort(tmp_path, [], reports=None).run()
    with pytest.raises(ValueError, match="labels must be None if reports are given"):
        cohort(tmp_path, [], labels="labels.csv").run()
    cohort(tmp_path, []).finish()
