"""The demo as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from monai_pylon.workflows.demo import run
from monai_pylon.workflows.demo.checkpoints import demo_description
from monai_pylon.workflows.demo.phantoms import CT_FINDINGS

NOTICE = "Trained on phantoms. Never use on patients."


def test_help_describes_every_option() -> None:
    text = CliRunner().invoke(run.demo, ["--help"]).output
    assert all(option in text for option in ("--ct", "--output", "--debug"))


def test_a_missing_scan_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(run.demo, ["--ct", str(tmp_path / "no.nii.gz"), "--output", str(tmp_path)])
    assert "input must be a file or folder that exists" in result.output
    assert "Traceback" not in result.output


def test_opens_the_page_only_where_there_is_a_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(run.webbrowser, "open", opened.append)
    monkeypatch.setattr(run.sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    run._show(tmp_path / "demo.html")
    assert not opened
    monkeypatch.setenv("DISPLAY", ":0")
    run._show(tmp_path / "demo.html")
    assert opened == [(tmp_path / "demo.html").as_uri()]


@pytest.mark.slow
def test_shows_masks_and_both_explanations_beside_the_truth(tmp_path: Path) -> None:
    result = CliRunner().invoke(run.demo, ["--output", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert f"Open {tmp_path / 'demo.html'}" in result.output
    page = (tmp_path / "demo.html").read_text(encoding="utf-8")
    assert page.count(NOTICE) == 2
    assert page.count("Yes, as to what the network used") == 2
    for file in (
        "organs/phantom_ct/phantom_ct_overlay.png",
        "radiograph/phantom_radiograph/phantom_radiograph_page.html",
        "ct/phantom_ct/phantom_ct_page.html",
    ):
        assert file in page
        assert (tmp_path / file).stat().st_size > 10_000
    for folder, case in (("radiograph", "phantom_radiograph"), ("ct", "phantom_ct")):
        assert NOTICE in (tmp_path / folder / case / f"{case}_page.html").read_text(encoding="utf-8")
        assert json.loads((tmp_path / folder / case / f"{case}_findings.json").read_text())["note"].startswith(NOTICE)
    findings = json.loads((tmp_path / "ct" / "phantom_ct" / "phantom_ct_findings.json").read_text())["findings"]
    true = {CT_FINDINGS["pneumothorax"], CT_FINDINGS["effusion"]}
    known = demo_description("chest_ct_classification_axialnet")["network"]["labels"]
    assert all((findings[label] > 0.5) == (label in true) for label in known)
    assert result.output.count("on the finding") >= 4, "three findings of the radiograph, and one or two of the CT"
