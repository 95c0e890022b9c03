"""Inputs that cannot have DICOM results are refused before anything is computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.__main__ import main
from monai_pylon.workflows.commands.dicom_options import dicom_settings

OPTIONS = {"dicom": True, "deidentify": False, "burned_in_text": False, "names": False}


@pytest.mark.parametrize("command", ["xray", "organs"])
def test_a_file_that_is_no_dicom_is_refused_before_it_is_read(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"no image at all")
    assert main([command, str(file), "--output", str(tmp_path / "results"), "--dicom"]) == 2
    assert "INPUT must be DICOM for DICOM results, but is 'a.png'. Leave out --dicom." in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_phantom_is_refused_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xray", "phantom", "--output", str(tmp_path / "results"), "--dicom"]) == 2
    assert "Leave out --dicom." in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_folders_data_lists_and_dicom_files_are_taken(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "chest").write_bytes(bytes(128) + b"DICM")
    for taken in (tmp_path, tmp_path / "list.json", tmp_path / "chest", tmp_path / "removed.png"):
        assert dicom_settings(taken, OPTIONS)["dicom"] is True
    assert dicom_settings(tmp_path / "a.png", {**OPTIONS, "dicom": False})["dicom"] is False
