"""Command line of the demo; tests of the bundle run it to the end."""

from __future__ import annotations

import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.utils import write_rows
from monai_pylon.workflows.demo import run


def test_dice_by_organ() -> None:
    found, truth = np.array([[[1, 1, 1, 3, 0]]]), np.array([[[1, 0, 0, 3, 3]]])
    dice = run.dice_by_organ(found, truth)
    assert dice["right lung"] == 0.5
    assert np.isnan(dice["mediastinum"])
    assert dice["left lung"] == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="found must be of the truth's shape"):
        run.dice_by_organ(found, truth[..., :3])


def test_prints_verdict_files_and_dice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = nibabel.Nifti1Image(np.ones((2, 2, 2), np.uint8), np.eye(4))
    nibabel.save(image, tmp_path / "a_organs.nii.gz")
    files = "a_organs.nii.gz; a_overlay.png"
    rows = [
        {"scan": "a", "ok": "no", "reasons": "no_trachea", "error": "", "files": files},
        {"scan": "b", "ok": "yes", "reasons": "", "error": "", "files": ""},
        {"scan": "c", "ok": "", "reasons": "", "error": "ValueError: broken", "files": ""},
        {"scan": "earlier", "ok": "yes", "reasons": "", "error": "", "files": ""},
    ]
    write_rows(tmp_path / "quality.csv", rows)
    run._print_masks(tmp_path, {"a", "b", "c"}, tmp_path / "a_organs.nii.gz")
    printed = capsys.readouterr().out
    for text in ("a: check by eye (no_trachea)", "b: ok", "c: ValueError: broken", "a_overlay.png", "right lung 1.000"):
        assert text in printed
    assert "earlier" not in printed


def test_prints_empty_cells_for_missing_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    run._print_table([{"network": "PYLON", "AUROC": 0.75}, {"network": "a random point"}])
    header, first, second = capsys.readouterr().out.strip("\n").split("\n")
    assert header.split() == ["AUROC"]
    assert first.split() == ["PYLON", "0.75"]
    assert second.split() == ["a", "random", "point"]
    assert len(header) == len(first) == len(second)


def test_help_describes_every_option(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["demo", "--help"])
    with pytest.raises(SystemExit):
        run.run_demo()
    text = capsys.readouterr().out
    assert text.startswith("usage: python -m monai_pylon.workflows.demo")
    assert all(option in text for option in ("--ct", "--output", "--steps", "--epochs"))
