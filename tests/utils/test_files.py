"""Tests of the atomic writes and the hashes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.utils import atomic_write, content_hash, file_hash
from monai_pylon.utils.files import file_parts, path_below, remove_leftovers


def test_file_appears_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "deeper" / "a.nii.gz"
    with atomic_write(path) as part:
        part.write_text("half")
        assert not path.exists()
        assert part.parent == path.parent, "a move within the folder is one step"
        assert part.name.endswith("-a.nii.gz"), "writers choose the format by the ending"
        assert part.name.startswith("."), "a search for scans skips hidden files"
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert [file.name for file in path.parent.iterdir()] == ["a.nii.gz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_old_file_stays_after_a_failure(error: type[BaseException], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def write() -> None:
        with atomic_write(path) as part:
            part.write_text("new, but")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.csv"]


def test_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.csv"):
        pass


@pytest.mark.parametrize("name", ["x" * 248 + ".nii.gz", "é" * 120 + ".nii.gz", "\udce4.nii.gz"])
def test_names_may_be_long_and_need_not_be_utf8(name: str, tmp_path: Path) -> None:
    with atomic_write(tmp_path / name) as part:
        assert part.name.endswith(".nii.gz")
        part.write_text("x")
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_content_reaches_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power failure a file is whole: its bytes come first, then its name, then the folder's entry."""
    steps = []
    kinds = {True: "folder", False: "file"}
    monkeypatch.setattr(os, "fsync", lambda fd: steps.append(kinds[stat.S_ISDIR(os.fstat(fd).st_mode)]))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (steps.append("replace"), replace(a, b)))
    with atomic_write(tmp_path / "a.csv") as part:
        part.write_text("x")
    assert steps == ["file", "replace", "folder"]


def test_writes_links_without_their_target(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "link") as part:
        part.symlink_to("/far/away")
    assert os.readlink(tmp_path / "link") == "/far/away"


def test_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    left = tmp_path / ".part-123-0a1b2c3d-a.csv"
    left.touch()
    (tmp_path / "b.csv").touch()
    assert remove_leftovers(tmp_path, min_age=3600) == 0
    os.utime(left, (0, 0))
    assert remove_leftovers(tmp_path, min_age=3600) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["b.csv"]
    assert remove_leftovers(tmp_path / "missing") == 0


def test_leftovers_of_the_future_are_removed_too(tmp_path: Path) -> None:
    """The clock may have gone back."""
    (tmp_path / ".part-1-a.csv").touch()
    os.utime(tmp_path / ".part-1-a.csv", (4e9, 4e9))
    assert remove_leftovers(tmp_path) == 1


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "x/../../a", "x/../../data2/a", ".."])
def test_paths_of_a_table_stay_in_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^t\.csv, line 3: must name a path below .*data'"):
        path_below(tmp_path / "data", name, "t.csv, line 3")


def test_paths_in_the_folder_are_accepted(tmp_path: Path) -> None:
    for name in ("a", "x/../a", str(tmp_path / "data" / "a"), "..a", "."):
        assert path_below(tmp_path / "data", name, "t") == tmp_path / "data" / name
    assert path_below("/", "etc", "t") == Path("/etc")


def test_file_hash_is_the_start_of_its_sha_256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_hash(tmp_path / "a") == "ba7816bf8f01"
    assert file_hash(tmp_path) == file_hash(tmp_path / "missing") == ""


def hashes(*values: object) -> int:
    """Count the different hashes of values."""
    return len({content_hash({"value": value}) for value in values})


def test_content_hash_depends_on_name_and_value_only() -> None:
    assert content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    assert content_hash({"a": 1}) != content_hash({"b": 1}) != content_hash({"b": 2})
    assert hashes({"x": 1, "y": 2}, {"y": 2, "x": 1}) == 1
    assert hashes(1, "1", 1.5, None, [1], {1: 2}) == 6
    assert len(content_hash({})) == 32


def test_content_hash_of_files_is_that_of_their_bytes(tmp_path: Path) -> None:
    for name, content in (("a", b"x"), ("b", b"x"), ("c", b"y")):
        (tmp_path / name).write_bytes(content)
    assert hashes(tmp_path / "a", str(tmp_path / "b")) == 1
    assert hashes(tmp_path / "a", tmp_path / "c", tmp_path / "missing") == 3


def test_content_hash_of_a_folder_includes_names_but_no_subfolders(tmp_path: Path) -> None:
    for folder, name in (("1", "a"), ("2", "a"), ("3", "b")):
        (tmp_path / folder / "sub").mkdir(parents=True)
        (tmp_path / folder / name).write_bytes(b"x")
    (tmp_path / "2" / "sub" / "more").touch()
    assert hashes(tmp_path / "1", tmp_path / "2") == 1
    assert hashes(tmp_path / "1", tmp_path / "3", tmp_path / "1" / "a") == 3


def test_content_hash_of_arrays_is_that_of_values_shape_and_affine() -> None:
    array = np.arange(6.0)
    assert (
        hashes(array, torch.arange(6.0, dtype=torch.float64), torch.arange(6.0, dtype=torch.float64).requires_grad_())
        == 1
    )
    assert hashes(array, array.reshape(2, 3), array.astype(np.float32), array[::-1]) == 4
    assert hashes(np.arange(12.0).reshape(3, 4).T, np.ascontiguousarray(np.arange(12.0).reshape(3, 4).T)) == 1
    image = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert hashes(image, *(MetaTensor(image, affine=np.diag([mm, 1, 1, 1.0])) for mm in (1.0, 2.0))) == 3


def test_every_label_gets_a_file_of_its_own() -> None:
    labels = ["Mass/nodule", "mass nodule", "mass-nodule ", "肺炎", "?", "!", "a_b"]
    expected = ["Mass_nodule", "mass_nodule_2", "mass_nodule_3", "肺炎", "finding", "finding_2", "a_b"]
    assert file_parts(labels) == expected
    assert file_parts([]) == []
