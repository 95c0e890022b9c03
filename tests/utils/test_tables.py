"""The table of results: rows in place, columns that may grow, never half a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.utils import read_rows, update_rows


def test_rows_are_replaced_by_key_and_keep_their_order(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for scan, ml in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
        update_rows(table, {"scan": scan, "ml": ml}, key="scan")
    assert table.read_text() == "scan,ml\nb,3\na,2\n"


def test_cells(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    values = {"scan": "x", "yes": True, "no": False, "nan": float("nan"), "none": None, "n": 3, "f": 1234.5678901}
    update_rows(table, {**values, "numpy": np.float64(0.1), "text": 'a "quoted", line\nand more; ü'}, key="scan")
    (row,) = read_rows(table)
    assert row == {
        **{"scan": "x", "yes": "yes", "no": "no", "nan": "", "none": "", "n": "3", "f": "1234.56789"},
        **{"numpy": "0.1", "text": 'a "quoted", line\nand more; ü'},
    }


def test_new_columns_go_to_the_right_and_old_rows_stay_empty_there(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    update_rows(table, {"scan": "a", "x": 1}, key="scan")
    update_rows(table, {"scan": "b", "y": 2}, key="scan")
    with table.open(newline="") as file:
        assert list(csv.reader(file)) == [["scan", "x", "y"], ["a", "1", ""], ["b", "", "2"]]


def test_a_failure_leaves_the_table_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "t.csv"
    update_rows(table, {"scan": "a"}, key="scan")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(csv.DictWriter, "writerows", stop)
    with pytest.raises(KeyboardInterrupt):
        update_rows(table, {"scan": "b"}, key="scan")
    assert read_rows(table) == [{"scan": "a"}]
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]
