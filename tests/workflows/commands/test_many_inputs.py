"""A cohort of 500 good and damaged scans on two workers, of which one is killed after every 50 scans."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.__main__ import main
from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort.ledger import CohortLedger
from tests.data.damaged_files import damaged, outcome, prepared
from tests.workflows.commands.results import content
from tests.workflows.killing import killing

pytest.importorskip("psutil")
pytest.importorskip("distributed")

#: Scans, scans between two killed workers, and share of the scans that are damaged (one in so many).
COUNT, EVERY, DAMAGED = 500, 50, 4
KINDS = ("nifti", "nifti_gz", "nrrd", "mha", "npz", "dicom_series")


def write_inputs(folder: Path, spare: Path) -> dict[str, bool]:
    """Write scans, every fourth one a damaged file of another kind; return whether each one can be read, by name."""
    good = []
    for seed in range(4):
        phantom = phantom_chest_ct(seed, (30, 27, 27), (12.0, 12.0, 12.0))
        save_volume_nifti(spare / "good.nii.gz", np.rint(phantom.image), phantom.affine)
        good.append((spare / "good.nii.gz").read_bytes())
    kinds = {kind: prepared(spare / kind, kind) for kind in KINDS}
    readable = {}
    for number in range(COUNT):
        name = f"s{number:03d}"
        if number % DAMAGED:
            (folder / f"{name}.nii.gz").write_bytes(good[number % len(good)])
            readable[name] = True
            continue
        file, whole, read = kinds[KINDS[number // DAMAGED % len(KINDS)]]
        copy = folder / (name + "".join(file.suffixes))
        if file.parent.name == "series":
            shutil.copytree(file.parent, folder / name)
            copy = folder / name / file.name
        copy.write_bytes(damaged(whole, number // DAMAGED)[1])
        readable[name] = outcome(read, copy) == "read"
    return readable


@pytest.mark.slow
def test_every_input_is_accounted_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("in", "spare"):
        (tmp_path / name).mkdir()
    readable = write_inputs(tmp_path / "in", tmp_path / "spare")
    intact = COUNT - len(range(0, COUNT, DAMAGED))
    assert intact < sum(readable.values()) < COUNT, "some damaged files can be read, some cannot"
    given = ["organs", str(tmp_path / "in"), "--no-progress", "--no-pictures"]
    assert main([*given, "-o", str(tmp_path / "serial")]) == 1
    killed: list[int] = []
    monkeypatch.setattr(CohortLedger, "record", killing(CohortLedger.record, killed, EVERY, COUNT))
    output = tmp_path / "out"
    assert main([*given, "-o", str(output), "--workers", "2"]) == 1
    assert len(set(killed)) == (COUNT - 1) // EVERY
    files, rows = content(output)
    expected_files, expected_rows = content(tmp_path / "serial")
    assert rows == expected_rows
    assert files.keys() == expected_files.keys()
    assert [name for name in files if files[name] != expected_files[name]] == []
    by_scan = {row["scan"]: row for row in rows}
    assert by_scan.keys() == readable.keys()
    failed = {scan for scan, row in by_scan.items() if row["error"]}
    assert {scan for scan, ok in readable.items() if not ok} <= failed, "a file that cannot be read has no masks"
    assert not {scan for scan in failed if int(scan[1:]) % DAMAGED}, "an intact scan has masks"
    masks = {Path(name).name.removesuffix("_organs.nii.gz") for name in files if name.endswith("_organs.nii.gz")}
    assert masks == by_scan.keys() - failed
    with closing(sqlite3.connect(output / "cohort.sqlite")) as ledger:
        states = dict(ledger.execute("SELECT state, count(*) FROM items GROUP BY state"))
    assert states == {"done": COUNT - len(failed), "failed": len(failed)}
    assert all(row["error"] == "" for row in read_rows(output / "quality.csv") if row["scan"] in masks)
    manifest = {row["scan"]: row for row in read_rows(output / "manifest.csv")}
    assert {scan: row["error"] for scan, row in manifest.items()} == {s: row["error"] for s, row in by_scan.items()}
    assert {scan for scan, row in manifest.items() if row["output_hash"]} == masks
