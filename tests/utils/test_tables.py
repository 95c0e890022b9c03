"""Tests of the tables: reading with named lines, rows replaced in place, columns that may grow, atomic writing."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.utils import read_rows, write_rows
from monai_pylon.utils.tables import csv_writers, open_table, read_cells, update_rows


def save(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_update_replaces_by_key_and_keeps_the_order(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for scan, ml in (("b", 1.0), ("a", 2.0), ("b", 3.0)):
        update_rows(table, {"scan": scan, "ml": ml}, key="scan")
    assert table.read_text() == "scan,ml\nb,3\na,2\n"


def test_update_finds_the_key_as_it_is_written(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    for ml in (1, 2):
        update_rows(table, {"scan": 1.5, "ml": ml}, key="scan")
    assert read_rows(table) == [{"scan": "1.5", "ml": "2"}]


def test_cells_of_each_type(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    values = {"scan": "x", "yes": True, "no": False, "nan": float("nan"), "none": None, "n": 3, "f": 1234.5678901}
    update_rows(table, {**values, "numpy": np.float64(0.1), "text": 'a "quoted", line\nand more; ü'}, key="scan")
    (row,) = read_rows(table)
    assert row == {
        **{"scan": "x", "yes": "yes", "no": "no", "nan": "", "none": "", "n": "3", "f": "1234.56789"},
        **{"numpy": "0.1", "text": 'a "quoted", line\nand more; ü'},
    }


def test_floats_keep_ten_digits(tmp_path: Path) -> None:
    write_rows(tmp_path / "t.csv", [{"x": 1 / 3}])
    assert (tmp_path / "t.csv").read_text() == "x\n0.3333333333\n"


def test_new_columns_are_added_on_the_right(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    update_rows(table, {"scan": "a", "x": 1}, key="scan")
    update_rows(table, {"scan": "b", "y": 2}, key="scan")
    assert table.read_text() == "scan,x,y\na,1,\nb,,2\n"


def test_a_failed_write_keeps_the_old_table(tmp_path: Path) -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    table = tmp_path / "t.csv"
    update_rows(table, {"scan": "a"}, key="scan")
    with pytest.raises(KeyboardInterrupt):
        update_rows(table, {"scan": "b", "x": Unprintable()}, key="scan")
    assert read_rows(table) == [{"scan": "a"}]
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_files_written_together_appear_together(tmp_path: Path) -> None:
    paths = (tmp_path / "new" / "a.csv", tmp_path / "new" / "b.csv")
    with pytest.raises(csv.Error), csv_writers(*paths) as (first, _):
        first.writerow(None)
    assert list((tmp_path / "new").iterdir()) == []
    with csv_writers(*paths) as (first, second):
        first.writerow(["a", "ü"])
        second.writerow(["b", "two\nlines"])
        assert not paths[0].exists()
    assert [path.read_text(encoding="utf-8") for path in paths] == ["a,ü\n", 'b,"two\nlines"\n']


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheet_formats_are_read(tmp_path: Path, encoding: str, delimiter: str) -> None:
    text = "\r\nscan , größe\r\n\r\na,1\r\n,\r\n".replace(",", delimiter)
    columns, rows = open_table(save(tmp_path, text.encode(encoding)), required=["größe"])
    assert columns == ["scan", "größe"]
    assert list(rows) == [(4, {"scan": "a", "größe": "1"})]


def test_short_rows_are_filled_and_long_rows_are_errors(tmp_path: Path) -> None:
    _, rows = open_table(save(tmp_path, "a,b\n1\n1,2, \n1,2,3\n"))
    assert [next(rows), next(rows)] == [(2, {"a": "1", "b": ""}), (3, {"a": "1", "b": "2"})]
    with pytest.raises(ValueError, match=r"t\.csv, line 4: the row has 3 cells for 2 columns\. Put"):
        next(rows)


def test_a_row_of_several_lines_has_the_number_of_its_first(tmp_path: Path) -> None:
    _, rows = open_table(save(tmp_path, 'a,b\n1,"two\nlines"\n3,4\n'))
    assert [line for line, _ in rows] == [2, 4]


def test_missing_columns_and_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"t\.csv, line 2: the header must have a column 'scan'\."):
        open_table(save(tmp_path, "\nsacn,x\n"), required=["scan"])
    with pytest.raises(ValueError, match=r"t\.csv, line 1: the header must have a column 'scan'"):
        open_table(save(tmp_path, ""), required=["scan"])
    with pytest.raises(FileNotFoundError, match=r"missing\.csv must be a CSV file that exists"):
        open_table(tmp_path / "missing.csv")
    assert read_rows(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\n1,"2\n', r"line 2: the quotes of this row do not fit\. Correct the line"),
        (b"a,b\n1,2\ngr\xf6sse,2\n", r"line 3: the text is not in UTF-8\. Save the file as CSV UTF-8"),
    ],
)
def test_unreadable_rows_are_errors_with_their_line(tmp_path: Path, content: bytes, message: str) -> None:
    rows = read_cells(save(tmp_path, content))
    assert next(rows) == (1, ["a", "b"])
    with pytest.raises(ValueError, match=message):
        list(rows)


def test_comments_are_skipped_between_rows_only(tmp_path: Path) -> None:
    path = save(tmp_path, '# a; comment; with; other; delimiters\n\na,b\n# "\n1,"\n# text"\n')
    assert list(read_cells(path, comment="#")) == [(3, ["a", "b"]), (5, ["1", "\n# text"])]
    assert next(read_cells(path))[1][0] == "# a"
    assert [row["b"] for _, row in open_table(path, required=["a"], comment="#")[1]] == ["\n# text"]


def test_cells_with_bytes_that_are_not_utf8_are_written_as_escapes(tmp_path: Path) -> None:
    """Names of files may hold such bytes; a table with them is still UTF-8."""
    table = tmp_path / "t.csv"
    update_rows(table, {"scan": "a\udce4", "n": 1}, key="scan")
    update_rows(table, {"scan": "a\udce4", "n": 2}, key="scan")
    assert read_rows(table) == [{"scan": "a\\udce4", "n": "2"}]
    with csv_writers(tmp_path / "u.csv") as [writer]:
        writer.writerow(["\udcff"])
    assert (tmp_path / "u.csv").read_bytes() == b"\\udcff\n"


def test_reads_a_table_that_a_german_excel_saved(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes('\ufeffscan;ok;error\r\na;yes;\r\nb;no;"x; y"\r\n'.encode())
    assert read_rows(tmp_path / "t.csv") == [
        {"scan": "a", "ok": "yes", "error": ""},
        {"scan": "b", "ok": "no", "error": "x; y"},
    ]
