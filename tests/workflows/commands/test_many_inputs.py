"""A cohort of 500 good and damaged scans on two workers, of which one is killed after every 50 scans."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from monai_pylon.__main__ import main
from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports.nifti import save_volume_nifti
from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort.ledger import CohortLedger
from tests.data.damaged_files import damaged, outcome, prepared

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")

COUNT, EVERY, DAMAGED = 500, 50, 4


def write_inputs(folder: Path, spare: Path) -> dict[str, bool]:
    """Write scans, every fourth one a damaged file of another kind; return whether each one can be read, by name."""
    phantoms = [phantom_chest_ct(seed, (30, 27, 27), (12.0, 12.0, 12.0)) for seed in range(4)]
    good = []
    for seed, phantom in enumerate(phantoms):
        save_volume_nifti(spare / f"{seed}.nii.gz", phantom.image, phantom.affine)
        good.append((spare / f"{seed}.nii.gz").read_bytes())
    kinds = {}
    for kind in ("nifti", "nifti_gz", "nrrd", "mha", "npz"):
        (spare / kind).mkdir()
        kinds[kind] = prepared(spare / kind, kind)
    readable = {}
    for number in range(COUNT):
        name = f"s{number:03d}"
        if number % DAMAGED:
            (folder / f"{name}.nii.gz").write_bytes(good[number % len(good)])
            readable[name] = True
        else:
            file, content, read = list(kinds.values())[number // DAMAGED % len(kinds)]
            damaged_file = folder / (name + "".join(file.suffixes))
            damaged_file.write_bytes(damaged(content, number // DAMAGED)[1])
            readable[name] = outcome(read, damaged_file) == "read"
    return readable


@pytest.mark.slow
def test_every_input_is_accounted_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("in", "spare"):
        (tmp_path / name).mkdir()
    readable = write_inputs(tmp_path / "in", tmp_path / "spare")
    assert 380 < sum(readable.values()) < COUNT - 30
    record, killed, count = CohortLedger.record, [], 0

    def record_and_kill(self: CohortLedger, *row: Any) -> None:
        nonlocal count
        record(self, *row)
        count += 1
        if count % EVERY == 0 and count < COUNT:
            children = psutil.Process().children(recursive=True)
            workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
            victim = max(workers, key=lambda worker: worker.cpu_times().user)
            victim.kill()
            killed.append(victim.pid)

    monkeypatch.setattr(CohortLedger, "record", record_and_kill)
    output = tmp_path / "out"
    given = ["--workers", "2", "--no-progress", "--no-pictures"]
    assert main(["organs", str(tmp_path / "in"), "-o", str(output), *given]) == 1
    assert len(set(killed)) == COUNT // EVERY - 1
    rows = {row["scan"]: row for row in read_rows(output / "quality.csv")}
    assert rows.keys() == readable.keys()
    masks = {file.name.removesuffix("_organs.nii.gz") for file in output.glob("*_organs.nii.gz")}
    assert masks == {scan for scan, row in rows.items() if not row["error"]}
    unread = {scan for scan, row in rows.items() if row["error"]}
    assert {scan for scan, ok in readable.items() if not ok} <= unread
    intact = {f"s{number:03d}" for number in range(COUNT) if number % DAMAGED}
    assert not intact & unread, [rows[scan]["error"] for scan in intact & unread]
    connection = sqlite3.connect(output / "cohort.sqlite")
    states = dict(connection.execute("SELECT state, count(*) FROM items GROUP BY state"))
    connection.close()
    assert states == {"done": COUNT - len(unread), "failed": len(unread)}
