"""The command xray as a user types it."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

from monai_pylon.__main__ import main
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import file_hash, read_rows
from tests.reports.page.pages import page_data


def test_writes_maps_picture_findings_and_table(radiograph: Path, xray_model: Path, tmp_path: Path) -> None:
    options = ["--model", str(xray_model), "--top", "2", "--device", "cpu", "--no-progress"]
    assert main(["xray", str(radiograph), "-o", str(tmp_path), *options]) == 0
    (row,) = read_rows(tmp_path / "quality.csv")
    assert row["error"] == ""
    findings = json.loads((tmp_path / "b" / "b_findings.json").read_text())
    assert [findings["findings"][name] for name in CHEST_XRAY14_LABELS] == [float(row[n]) for n in CHEST_XRAY14_LABELS]
    assert len([name for name in findings["files"] if name.endswith(".nii.gz")]) == 2
    assert all((tmp_path / "b" / name).is_file() for name in findings["files"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "cuda:99"], "device must be one that this computer has"),
        (["--device", "gpu"], "device must be auto, cpu, or a device such as cuda:1"),
        (["--network", "axialnet"], "axialnet"),
    ],
)
def test_wrong_values_are_one_line(
    options: list[str],
    message: str,
    radiograph: Path,
    xray_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["--model", str(xray_model), "--device", "cpu", *options]
    assert main(["xray", str(radiograph), "-o", str(tmp_path), *arguments]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("monai-pylon: error: ")
    assert message in error


def test_debug_shows_the_traceback(radiograph: Path, xray_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="device must be auto"):
        main(["xray", str(radiograph), "-o", str(tmp_path), "--model", str(xray_model), "--device", "gpu", "--debug"])


def test_writes_a_reading_page(radiograph: Path, xray_model: Path, tmp_path: Path) -> None:
    options = ["--model", str(xray_model), "--page", "--no-pictures", "--no-maps", "--device", "cpu", "--no-progress"]
    assert main(["xray", str(radiograph), "-o", str(tmp_path), *options]) == 0
    html = (tmp_path / "b" / "b_page.html").read_text(encoding="utf-8")
    data = page_data(html)
    assert sorted(finding["name"].replace(" ", "_") for finding in data["findings"]) == sorted(CHEST_XRAY14_LABELS)
    assert all(finding["map"] for finding in data["findings"]), "every finding has its map"
    assert file_hash(xray_model) in html
    assert str(radiograph.parent) not in html, "no paths"


@pytest.mark.parametrize("any_view", [True, False])
def test_other_views_are_read_only_if_asked(
    any_view: bool, radiograph: Path, xray_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, object] = {}
    module = importlib.import_module("monai_pylon.workflows.commands.classify")
    monkeypatch.setattr(module, "run_bundle", lambda name, settings: seen.update(settings) or 0)
    options = ["--model", str(xray_model), "--device", "cpu", *(["--any-view"] if any_view else [])]
    assert main(["xray", str(radiograph), "-o", str(tmp_path), *options]) == 0
    assert seen["frontal_chest_only"] is not any_view
