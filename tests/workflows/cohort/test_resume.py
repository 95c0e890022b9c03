"""Resume logic: which changes make a scan unfinished."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_pylon.workflows.cohort.resume import _file_state, is_finished, output_hash, settings_hash


def test_hash_is_stable_and_ignores_the_order_of_keys() -> None:
    first = settings_hash({"image": "a.nii", "scan": "a"}, {"method": "paper", "size": 3})
    assert first == settings_hash({"scan": "a", "image": "a.nii"}, {"size": 3, "method": "paper"})
    assert len(first) == 12
    assert int(first, 16) >= 0


@pytest.mark.parametrize(
    ("item", "settings"), [({"series_uid": "1.2"}, {}), ({}, {"method": "paper"}), ({"scan": "b"}, {})]
)
def test_hash_depends_on_item_and_settings(item: dict, settings: dict) -> None:
    known = {"image": "absent.nii", "scan": "a"}
    assert settings_hash(known | item, settings) != settings_hash(known, {})


def test_hash_depends_on_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    before = settings_hash({"image": "a.nii"}, {})
    monkeypatch.setattr("monai_pylon.workflows.cohort.resume.__version__", "99")
    assert settings_hash({"image": "a.nii"}, {}) != before


def test_hash_depends_on_size_and_time_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a.nii"
    hashes = [settings_hash({"image": str(file)}, {})]
    for content, time in ((b"1", 1), (b"1", 2), (b"12", 2)):
        file.write_bytes(content)
        os.utime(file, ns=(time, time))
        hashes.append(settings_hash({"image": str(file)}, {}))
    assert len(set(hashes)) == 4


def test_hash_depends_on_the_files_of_a_folder(tmp_path: Path) -> None:
    item = {"image": str(tmp_path)}
    hashes = [settings_hash(item, {})]
    for name, content, time in (("1.dcm", b"1", 1), ("1.dcm", b"1", 2), ("2.dcm", b"", 1), ("2.dcm", b"2", 1)):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, ns=(time, time))
        hashes.append(settings_hash(item, {}))
    assert len(set(hashes)) == 5


def test_the_state_of_a_folder_is_that_of_its_files(tmp_path: Path) -> None:
    """Number, bytes and the latest time in nanoseconds."""
    assert _file_state(tmp_path) == [0, 0, 0]
    for name, content, time in (("1", b"12", 7), ("2", b"345", 5)):
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, ns=(time, time))
    assert _file_state(tmp_path) == [2, 5, 7]
    assert _file_state(tmp_path / "2") == [1, 3, 5]


def test_outputs_are_hashed_by_name_and_content(tmp_path: Path) -> None:
    for name, content in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).write_text(content)
    hashes = [output_hash(files, tmp_path) for files in ("", "a", "b", "c", "a; b")]
    assert len(set(hashes)) == 5
    assert hashes[0] == ""
    (tmp_path / "a").write_text("2")
    assert output_hash("a", tmp_path) != hashes[1]


@pytest.mark.parametrize(
    ("change", "finished"),
    [
        ({}, True),
        ({"error": "ValueError"}, False),
        ({"settings_hash": "another"}, False),
        ({"files": "a.txt; absent.txt"}, False),
        ({"files": ""}, True),
    ],
)
def test_finished_means_same_hash_no_error_and_all_files(tmp_path: Path, change: dict, finished: bool) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).touch()
    row = {"error": "", "settings_hash": "hash", "files": "a.txt; b.txt", **change}
    assert is_finished(row, "hash", tmp_path) is finished
