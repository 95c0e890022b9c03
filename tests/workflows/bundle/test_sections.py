"""Sections and folders of datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.workflows.bundle import absolute_dataset_dir
from monai_pylon.workflows.bundle.sections import dataset_folder, phantoms_of_section


def test_no_two_sections_share_a_phantom() -> None:
    ranges = [
        range(seed, seed + count)
        for count, seed in (phantoms_of_section(s, 900) for s in ("training", "validation", "test"))
    ]
    assert [len(seeds) for seeds in ranges] == [900, 225, 225]
    assert len(set().union(*ranges)) == 1350
    assert phantoms_of_section("validation", 1)[0] == 4
    with pytest.raises(ValueError, match="section must be one of"):
        phantoms_of_section("tests", 1)


def test_a_dataset_folder_must_exist(tmp_path: Path) -> None:
    assert dataset_folder(tmp_path) == tmp_path
    with pytest.raises(FileNotFoundError, match="dataset_dir must be a folder or 'phantom'"):
        dataset_folder(tmp_path / "nothing")


def test_paths_of_datasets_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert absolute_dataset_dir("data") == str(tmp_path / "data")
    assert absolute_dataset_dir("phantom") == "phantom"
