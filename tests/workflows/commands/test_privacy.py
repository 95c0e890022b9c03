"""No connection at run time, and nothing that identifies a patient in logs, ledger, tables, findings or pages."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pydicom
import pytest

from monai_pylon.__main__ import main
from tests.workflows.commands.dicom_inputs import SECRETS, write_chest, write_series
from tests.workflows.offline import refuse_connections

#: Texts to look for: parts of the secrets too, and in any case.
WORDS = [word.casefold() for word in (*SECRETS, "Änne", "Marcus")]


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    return refuse_connections(monkeypatch)


def test_no_command_opens_a_connection(
    offline: list[object], scan: Path, radiograph: Path, xray_model: Path, ct_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "reports.csv").write_text("id,report\na,Left pleural effusion.\n")
    quiet, model = ["--no-progress", "--page"], ["--device", "cpu", "--top", "1", "--model"]
    assert main(["organs", str(scan), "-o", str(tmp_path / "o"), *quiet]) == 0
    assert main(["xray", str(radiograph), "-o", str(tmp_path / "x"), *quiet, *model, str(xray_model)]) == 0
    assert main(["ct", str(scan), "-o", str(tmp_path / "c"), *quiet, *model, str(ct_model)]) == 0
    assert main(["labels", str(tmp_path / "reports.csv"), "-o", str(tmp_path / "l.csv"), "--no-progress"]) == 0
    assert offline == []
    for page in tmp_path.rglob("*_page.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert 'href="http' not in text


def test_nothing_identifies_the_patient(
    xray_model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also of files that fail: one without pixels, a series without a slice, a file cut within its header."""
    series, chests = tmp_path / "in" / "a", tmp_path / "chests"
    chests.mkdir()
    series.parent.mkdir()
    write_series(series)
    shutil.copytree(series, tmp_path / "in" / "b")
    sorted((tmp_path / "in" / "b").iterdir(), key=lambda file: pydicom.dcmread(file).InstanceNumber)[5].unlink()
    write_chest(chests / "c.dcm")
    chest = pydicom.dcmread(chests / "c.dcm")
    del chest.PixelData
    chest.save_as(chests / "d.dcm")
    content = (chests / "c.dcm").read_bytes()
    (chests / "e.dcm").write_bytes(content[:900])
    write_chest(chests / "f.dcm", BodyPartExamined="KNEE")
    with caplog.at_level(logging.DEBUG):
        quiet = ["--no-progress", "--page", "--debug"]
        assert main(["organs", str(tmp_path / "in"), "-o", str(tmp_path / "o"), *quiet]) == 1
        model = ["--model", str(xray_model), "--device", "cpu", "--top", "1"]
        assert main(["xray", str(chests), "-o", str(tmp_path / "x"), *quiet, *model]) == 1
    shown = capfd.readouterr()
    texts = {"log": caplog.text, "output": shown.out + shown.err}
    results = [file for folder in "ox" for file in (tmp_path / folder).rglob("*") if file.is_file()]
    for file in sorted(results):
        texts[file.name] = file.name + file.read_bytes().decode("latin-1") + file.read_bytes().decode("utf-8", "ignore")
    assert {
        "cohort.sqlite",
        "quality.csv",
        "manifest.csv",
        "a_page.html",
        "a_findings.json",
        "c_page.html",
    } <= texts.keys()
    found = {(name, word) for name, text in texts.items() for word in WORDS if word in text.casefold()}
    assert not found
