"""The command labels as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.__main__ import main
from monai_pylon.labeler import read_label_table
from monai_pylon.utils import read_rows


def test_labels_a_table(tmp_path: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("id,report\na,Left pleural effusion.\nb,No pneumonia.\n")
    assert main(["labels", str(file), "--output", str(tmp_path / "labels.csv"), "--no-progress"]) == 0
    table = read_label_table(tmp_path / "labels.csv")
    assert list(table.reports) == ["a", "b"]


def test_states_of_the_labels_of_the_rules(tmp_path: Path) -> None:
    file, output = tmp_path / "reports.csv", tmp_path / "labels.csv"
    file.write_text("id,report\na,Possible pneumonia. No edema.\n")
    words = ["--states", "rules", "--name-column", "image", "--no-progress"]
    assert main(["labels", str(file), "--output", str(output), *words]) == 0
    (row,) = read_rows(output)
    assert (row["image"], row["pneumonia"], row["pulmonary edema"], row["lung mass"]) == ("a", "-1", "0", "")


def test_code_1_if_a_report_could_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("id,report\na,Left pleural effusion.\nb,\n")
    assert main(["labels", str(file), "-o", str(tmp_path / "labels.csv"), "--no-progress"]) == 1


def test_a_missing_column_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reports.csv"
    file.write_text("name,text\na,Left pleural effusion.\n")
    assert main(["labels", str(file), "-o", str(tmp_path / "labels.csv"), "--no-progress"]) == 2
    assert capsys.readouterr().err.startswith("monai-pylon: error: ")


def test_workers_of_a_scheduler_write_the_same_table(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    file = tmp_path / "reports.csv"
    file.write_text("id,report\n" + "".join(f"r{number},Left pleural effusion.\n" for number in range(70)))
    assert main(["labels", str(file), "-o", str(tmp_path / "one.csv"), "--no-progress"]) == 0
    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(**options, protocol="tcp", silence_logs=50) as local:
        given = ["-o", str(tmp_path / "two.csv"), "--no-progress", "--scheduler", local.scheduler_address]
        assert main(["labels", str(file), *given]) == 0
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()
