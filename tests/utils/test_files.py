"""A file is there as a whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.utils import atomic_write


def test_the_file_appears_at_the_end_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.nii.gz"
    with atomic_write(path) as part:
        part.write_text("half")
        assert not path.exists()
        assert part.parent == path.parent, "another file system could not be moved from in one step"
        assert part.name.endswith("a.nii.gz"), "writers choose the format by the ending"
        assert part.name.startswith("."), "a search for scans must not see it"
        part.write_text("whole")
    assert path.read_text() == "whole"
    assert [file.name for file in path.parent.iterdir()] == ["a.nii.gz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_old_file_outlives_a_failure(error: type[BaseException], tmp_path: Path) -> None:
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


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_write(tmp_path / "a.csv"):
        pass
