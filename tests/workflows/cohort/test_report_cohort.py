"""Cohort of scans and reports, with a runner that writes text files instead of masks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.data import Dataset
from monai.inferers import SimpleInferer

from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.utils import read_rows, write_rows
from monai_pylon.workflows.cohort import CohortRunner, ReportCohort, report_cohort
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
    return ReportCohort(runner, options.pop("reports", root / "reports.csv"), **{"progress": False} | options)


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


def test_regions_are_made_of_labeled_scans_with_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan whose regions fail has no labels in the end."""
    given: dict[str, Any] = {}

    class Regions:
        def __init__(self, dataset: Dataset, *arguments: Any, **options: Any) -> None:
            given.update({"items": dataset.data, "settings": arguments[-1], **options})
            self.table = arguments[-2] / options["table"]

        def run(self) -> None:
            row = {"error": "", "labels": "1", "allowed_nowhere": "0"}
            rows = [
                {"scan": "good", **row},
                {"scan": "extra", **row, "error": "ValueError: x"},
                {"scan": "other", **row},
            ]
            write_rows(self.table, rows)

    run = cohort(
        tmp_path,
        [("good", "Left pleural effusion.", "7"), ("extra", "Possible mass.", "7"), ("empty", "Mass.", "8")],
        region_transform=dict,
        settings={"resolution": 3},
        not_mentioned="unknown",
    )
    run.masks.settings = {"method": "robust"}
    monkeypatch.setattr(report_cohort, "CohortRunner", Regions)
    assert run.run() == ReportCohortSummary(scans=4, reports=3, ready=1, left_out=3, failed=2)
    first, second = given["items"]
    out = tmp_path / "out"
    assert (first["scan"], first["image"], first["organs"]) == (
        "good",
        str(out / "good.nii.gz"),
        str(out / "good_organs.nii.gz"),
    )
    effusion = CHEST_CT_LABELS.index("pleural effusion")
    assert first["locations"][effusion].tolist() == [False, False, True]
    np.testing.assert_array_equal(first["locations"], first["labels"] == 1)
    assert np.isnan(first["labels"]).any()
    assert second["scan"] == "extra"
    assert not second["locations"].any()
    assert given["settings"] == {"method": "robust", "resolution": 3}
    assert [row["scan"] for row in read_rows(out / "labels.csv")] == ["good"]
    lines = {line["scan"]: (line["state"], line["remark"]) for line in read_rows(out / "matches.csv")}
    assert lines["extra"] == ("no masks", "ValueError: x")


def test_the_bar_of_the_reports_fits_the_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cohort(tmp_path, [("good", "Left pleural effusion.", "7")]).run()
    assert "reports" not in capsys.readouterr().err, "switched off"
    widths = iter([100, *[50] * 99])
    monkeypatch.setattr("tqdm.std._screen_shape_wrapper", lambda: lambda file: (next(widths), 20))
    cohort(tmp_path, [("good", "Left pleural effusion.", "7")], progress=True).run()
    drawn = capsys.readouterr().err.strip().split("\r")
    assert "reports: 100%" in drawn[-1]
    assert len(drawn[-1].rstrip()) <= 50


@pytest.mark.parametrize(("patient", "patients"), [("7", 1), ("", 2)])
def test_the_page_counts_patients(patient: str, patients: int, tmp_path: Path) -> None:
    run = cohort(tmp_path, [("good", "Left pleural effusion.", patient), ("extra", "Right nodule.", patient)])
    (tmp_path / "extra.nii").write_text("0.5")  # mL: little is not nothing
    assert run.run().ready == 2
    assert f"<b>{patients}</b> patients with such scans" in (tmp_path / "out" / "summary.html").read_text()
