"""Tests of the rows of public tables: every bad cell is an error that names file, line, column and remedy."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from monai_pylon.data.datasets.rows import DatasetRow, dataset_rows, find_table, warn_of_repeated_rows


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "t.csv"
    file.write_text('name,x,list,flag,kind\na,1.5,"[0.7, 0.8]",1,Mass\nb,nan,0.7,2,Masss\n,inf,[1],,\n')
    return file


def row(table: Path, number: int) -> DatasetRow:
    return list(dataset_rows(table, ["name"], "X"))[number]


def test_cells_are_converted(table: Path) -> None:
    first, last = row(table, 0), row(table, 2)
    assert (first.text("name"), first.number("x"), first.numbers("list", 2)) == ("a", 1.5, [0.7, 0.8])
    assert first.binary("flag") == 1
    assert DatasetRow(table, 2, {"flag": "0"}).binary("flag") == 0
    assert math.isnan(last.binary("flag"))
    assert first.choice("kind", ["mass", "Nodule"]) == "mass"


@pytest.mark.parametrize(
    ("number", "read", "message"),
    [
        (1, lambda r: r.number("x"), "line 3: x must be a number, but is 'nan'. Download"),
        (2, lambda r: r.number("x"), "line 4: x must be a number, but is 'inf'"),
        (1, lambda r: r.numbers("list", 2), "line 3: list must be a list of 2 numbers"),
        (2, lambda r: r.numbers("list", 2), "line 4: list must be a list of 2 numbers"),
        (1, lambda r: r.binary("flag"), "line 3: flag must be 0, 1 or empty, but is '2'"),
        (2, lambda r: r.text("name"), "line 4: name must be filled"),
        (1, lambda r: r.choice("kind", ["Mass", "Nodule"]), "line 3: kind must be one of Mass, Nodule.*mean 'Mass'"),
        (2, lambda r: r.choice("kind", ["Mass"]), "line 4: kind must be one of Mass.*version"),
    ],
)
def test_a_bad_cell_names_line_and_remedy(table: Path, number: int, read, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(row(table, number))


def test_tables_are_checked(table: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone.csv must exist. Download it with X"):
        next(dataset_rows(table.with_name("gone.csv"), [], "X"))
    with pytest.raises(ValueError, match=r"line 1 must be a header with a column 'names'.*Rename the column 'name'"):
        next(dataset_rows(table, ["names"], "X"))
    with pytest.raises(ValueError, match=r"line 1 must be a header with a column 'zzz'.*Download X again"):
        next(dataset_rows(table, ["zzz"], "X"))
    with pytest.raises(ValueError, match="line 4: name must be filled"):
        list(dataset_rows(table, ["name"], "X", key="name"))
    table.write_text("name\na\nb\na\n")
    with pytest.raises(ValueError, match=r"line 4: name must be different from that of line 2.*Keep one of the two"):
        list(dataset_rows(table, ["name"], "X", key="name"))
    table.write_text("name\n")
    with pytest.raises(ValueError, match="must have rows, but has none"):
        list(dataset_rows(table, ["name"], "X"))


def test_a_repeated_box_is_logged_with_its_line(table: Path, caplog: pytest.LogCaptureFixture) -> None:
    table.write_text("name,x\na,1\na,2\na,1\n")
    warn_of_repeated_rows(list(dataset_rows(table, ["name"], "X")), ["name", "x"])
    assert "line 4: the box is that of line 2 too" in caplog.text
    assert "line 3" not in caplog.text


def test_of_several_versions_the_newest_table_is_found(tmp_path: Path) -> None:
    for version in ("1.0.0", "1.1.0"):
        (tmp_path / f"v{version}.csv").touch()
    assert find_table(tmp_path, ("gone", "."), "v*.csv") == tmp_path / "v1.1.0.csv"
    assert find_table(tmp_path, (".",), "v1.0.*.csv") == tmp_path / "v1.0.0.csv"
    assert find_table(tmp_path, (".",), "w*.csv") is None
