"""Options of the commands xray and ct, and the checkpoint of the demo."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pydicom
import pytest
from click.testing import CliRunner

from monai_pylon.__main__ import main
from monai_pylon.workflows.commands.ct import ct
from monai_pylon.workflows.commands.xray import xray
from tests.workflows.commands.dicom_inputs import write_chest

NOTICE = "Trained on phantoms. Never use on patients."


@pytest.mark.parametrize("command", [xray, ct])
def test_help_lists_the_options_and_an_example(command) -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    for option in ("--output", "--model", "--top", "--device", "--maps", "--pictures", "--debug", "Example: "):
        assert option in text


@pytest.mark.parametrize(
    ("command", "case"), [("xray", "phantom_radiograph"), pytest.param("ct", "phantom_ct", marks=pytest.mark.slow)]
)
def test_the_demo_checkpoint_explains_a_phantom_and_says_what_it_is(
    command: str, case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", "demo", "--top", "1", "--page", "--no-progress", "--device", "cpu"]
    assert main([command, "phantom", "--output", str(tmp_path), *options]) == 0
    assert NOTICE in capsys.readouterr().err
    findings = json.loads((tmp_path / case / f"{case}_findings.json").read_text())
    assert findings["note"].startswith(NOTICE)
    assert NOTICE in (tmp_path / case / f"{case}_page.html").read_text(encoding="utf-8")
    assert all((tmp_path / case / name).is_file() for name in findings["files"])


def test_without_a_model_radiographs_are_read_by_the_research_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--top", "1", "--no-maps", "--no-progress", "--device", "cpu"]
    assert main(["xray", "phantom", "--output", str(tmp_path), *options]) == 0
    notice = "Research model, trained on 1,172 public radiographs. Not for clinical use."
    assert notice in capsys.readouterr().err
    findings = json.loads((tmp_path / "phantom_radiograph" / "phantom_radiograph_findings.json").read_text())
    assert findings["note"].startswith(notice)
    assert sum(isinstance(value, float) for value in findings["findings"].values()) == 8


def test_without_a_model_scans_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ct", "phantom", "--output", str(tmp_path)]) == 2
    assert "Missing option '--model'" in capsys.readouterr().err


def test_the_pictures_and_dicom_results_of_a_checkpoint_with_a_notice_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chest, results = write_chest(tmp_path / "chest.dcm"), tmp_path / "results"
    titles: list[str] = []
    module = importlib.import_module("monai_pylon.reports.radiograph_files")
    drawn = module.radiograph_overlay_figure
    monkeypatch.setattr(module, "radiograph_overlay_figure", lambda *args: titles.append(args[2]) or drawn(*args))
    options = ["--model", "demo", "--top", "1", "--dicom", "--deidentify", "--no-progress", "--device", "cpu"]
    assert main(["xray", str(chest), "--output", str(results), *options]) == 0
    assert titles == [NOTICE]
    written = [pydicom.dcmread(file) for file in sorted(results.glob("*/*.dcm"))]
    assert len(written) == 3
    assert all("Trained on phantoms." in made.SeriesDescription for made in written if made.Modality != "SR")
    assert all(made.ImageComments.endswith(NOTICE) for made in written if made.Modality != "SR")
    (report,) = (made for made in written if made.Modality == "SR")
    assert NOTICE in str(report)


def test_a_file_named_demo_has_precedence(radiograph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    module = importlib.import_module("monai_pylon.workflows.commands.classify")
    monkeypatch.setattr(module, "run_bundle", lambda name, settings: seen.update(settings) or 0)
    monkeypatch.chdir(tmp_path)
    for name, ending in (("demo", "pylon.pt"), ("demo", "demo")):
        assert main(["xray", str(radiograph), "-o", "out", "--model", name, "--device", "cpu"]) == 0
        assert str(seen["checkpoint"]).endswith(ending)
        Path("demo").touch()
    assert main(["xray", "absent.png", "-o", "out", "--model", "demo"]) == 2


def test_phantom_and_demo_are_no_names_elsewhere(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ct", str(scan), "-o", str(tmp_path), "--model", "demonstration"]) == 2
    assert main(["ct", "phantoms", "-o", str(tmp_path), "--model", "demo"]) == 2
    assert capsys.readouterr().err.count("does not exist") == 2
