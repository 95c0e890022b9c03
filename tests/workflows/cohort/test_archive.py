"""Tests of the inputs of a cohort: an archive as it is given, or phantoms."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.workflows.cohort import archive
from monai_pylon.workflows.cohort.archive import scans_and_reports


def test_an_archive_is_passed_on(tmp_path: Path) -> None:
    assert scans_and_reports("scans", None, tmp_path) == ("scans", None)
    assert not list(tmp_path.iterdir())


def test_phantoms_are_written_with_their_reports(tmp_path: Path) -> None:
    scans, reports = scans_and_reports("phantom", "ignored.csv", tmp_path, phantoms=1)
    assert [file.name for file in Path(scans).iterdir()] == ["phantom_0.nii.gz"]
    assert Path(reports).is_file()


def test_twelve_phantoms_are_written_unless_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "write_phantom_archive", lambda *given: given)
    assert scans_and_reports("phantom", None, "folder") == ("folder", 12)
