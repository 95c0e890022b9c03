"""Damaged files of every kind: each is read or refused; nothing hangs, ends the process or takes much memory."""

from __future__ import annotations

import json
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monai_pylon.data import read_volume
from monai_pylon.workflows.cohort import list_scans
from tests.data.damaged_files import DAMAGES, KINDS, MARK, damaged, outcome, prepared

#: Damaged copies of each kind in the long test, and seconds that one may take, and the start of a process.
COUNT, PATIENCE, START = 700, 60, 600
#: Places in a file among which hypothesis chooses.
PLACES = 1 << 16


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Leave out the thousands of lines that tifffile and pydicom log."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    file, content, read = prepared(tmp_path, kind)
    assert outcome(read, file) == "read", "the intact file"
    found = {}
    for seed in range(2 * len(DAMAGES)):
        name, changed = damaged(content, seed)
        file.write_bytes(changed)
        found[seed, name] = outcome(read, file)
    assert set(found.values()) <= {"read", "refused"}, found
    assert "refused" in found.values(), "the damages matter"


@settings(max_examples=60, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(kind=st.sampled_from(sorted(KINDS)), data=st.data())
def test_any_bytes_in_any_place(kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let hypothesis choose what is cut out of a file and what is put there.

    The place is a share of the file, because some files have another length each time they are written.
    """
    file, content, read = prepared(tmp_path_factory.mktemp("file"), kind)
    start = data.draw(st.integers(0, PLACES)) * len(content) // PLACES
    end = start + data.draw(st.integers(0, 64))
    file.write_bytes(content[:start] + data.draw(st.binary(max_size=64)) + content[end:])
    assert outcome(read, file) in ("read", "refused")


@pytest.mark.parametrize(
    ("kind", "seed"), [("nifti", 35), ("nifti", 108), ("nifti", 394), ("tiff", 254), ("checkpoint", 41), ("mha", 264)]
)
def test_copies_that_were_not_refused_once(kind: str, seed: int, tmp_path: Path) -> None:
    file, content, read = prepared(tmp_path, kind)
    file.write_bytes(damaged(content, seed)[1])
    assert outcome(read, file) == "refused"


class Reader:
    """Process that reads damaged copies under a limit of memory, with the lines that it prints."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.data.damaged_files", str(folder), "0", str(COUNT), *KINDS]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "env": {**os.environ, "OMP_NUM_THREADS": "1"}}
        self.process = subprocess.Popen(command, text=True, **quiet)  # type: ignore[call-overload]
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                if MARK in line:
                    self.lines.put(line.partition(MARK)[2])
        self.lines.put("")

    def line(self, patience: float = PATIENCE) -> str:
        """Return the next line, "" at the end, or "hangs"."""
        try:
            return self.lines.get(timeout=patience)
        except queue.Empty:
            self.process.kill()
            return "hangs"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process as Linux does")
def test_many_damaged_files_under_limits(tmp_path: Path) -> None:
    """A process that ends early (a crash in a library) or hangs fails the test, with the number of the copy."""
    reader, copy = Reader(tmp_path), None
    found: dict[tuple, str] = {}
    while (line := reader.line(PATIENCE if found else START)) not in ("", "hangs"):
        if copy is None:
            copy = tuple(json.loads(line))
        else:
            found[copy], copy = json.loads(line), None
    assert line == "", f"hangs at {copy}"
    assert reader.process.wait(timeout=PATIENCE) == 0, f"ended at {copy} with code {reader.process.returncode}"
    assert len(found) == COUNT * len(KINDS)
    short = {copy for copy, result in found.items() if result.startswith("MemoryError")}  # a row of a cohort says so
    left = {copy: result for copy, result in found.items() if copy not in short}
    assert not {copy: result for copy, result in left.items() if result not in ("read", "refused")}
    assert len(short) < COUNT / 20, "sizes are mostly checked before memory is allocated"
    for kind in KINDS:
        assert {result for (one, *_), result in left.items() if one == kind} == {"read", "refused"}


@pytest.mark.parametrize("target", ["/etc/hostname", "../../secret.raw", "..\\secret.raw"])
def test_a_header_cannot_name_a_file_elsewhere(target: str, tmp_path: Path) -> None:
    """Detached headers (NHDR, MHD) name the file of the voxels; one outside their folder is not read."""
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "secret.raw").write_bytes(bytes(4096))
    nhdr = "NRRD0004\ntype: int16\ndimension: 3\nsizes: 4 4 4\nspace: left-posterior-superior\nendian: little\n"
    nhdr += "space directions: (2,0,0) (0,2,0) (0,0,2)\nspace origin: (0,0,0)\nencoding: raw\n"
    (tmp_path / "in" / "deep" / "a.nhdr").write_text(f"{nhdr}data file: {target}\n\n")
    mhd = "ObjectType = Image\nNDims = 3\nDimSize = 4 4 4\nElementSpacing = 2 2 2\nElementType = MET_SHORT\n"
    mhd += "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nAnatomicalOrientation = RAI\n"
    (tmp_path / "in" / "deep" / "b.mhd").write_text(f"{mhd}ElementDataFile = {target}\n")
    for name in ("a.nhdr", "b.mhd"):
        with pytest.raises(ValueError, match="data file"):
            read_volume(tmp_path / "in" / "deep" / name)


def test_names_with_parent_folders_stay_in_the_output(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text('["../../etc/passwd.nii", "a/../../b.nii.gz", "/abs/c.nrrd"]')
    names = [item["scan"] for item in list_scans(tmp_path / "list.json")]
    assert len(set(names)) == 3
    assert all("/" not in name and "\\" not in name for name in names)
