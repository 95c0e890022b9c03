"""Tests of the tolerant reader: lines and rows, delimiters, quotes, encodings and limits."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from monai_pylon.utils.csv_rows import LONGEST_ROW, TOO_LONG_LINE, open_text, read_csv_rows, read_lines

BAD_QUOTES = "the quotes of this row do not fit"


def save(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "t.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(tmp_path: Path, content: str | bytes, comment: str = "") -> list[tuple]:
    return [(row.first, row.last, row.problem or row.cells) for row in read_csv_rows(save(tmp_path, content), comment)]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_recognized_by_its_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    path = save(tmp_path, "\ufeffGröße".encode(encoding))
    with open_text(path) as file:
        assert file.read() == "Größe"


def test_other_bytes_become_surrogates(tmp_path: Path) -> None:
    with open_text(save(tmp_path, b"\xef\xbb\xbfa\xf6")) as file:
        assert file.read() == "a\udcf6"


def test_lines_are_numbered_from_1_and_nul_becomes_a_space(tmp_path: Path) -> None:
    assert list(read_lines(save(tmp_path, "a\0b\r\n\rc"))) == [(1, "a b\n"), (2, "\n"), (3, "c")]


@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("end", ["\n", ""])
def test_line_above_the_limit_is_none(tmp_path: Path, extra: int, end: str) -> None:
    lines = list(read_lines(save(tmp_path, "x" * (LONGEST_ROW + extra) + end + "after")))
    if end:
        assert [(n, None if line is None else len(line)) for n, line in lines] == [
            (1, None if extra else LONGEST_ROW + 1),
            (2, 5),
        ]
    else:
        assert [(n, line) for n, line in lines] == [(1, None)]


def test_rest_of_a_long_line_is_skipped(tmp_path: Path) -> None:
    path = save(tmp_path, "x" * (2 * LONGEST_ROW) + "\nb\n")
    assert list(read_lines(path)) == [(1, None), (2, "b\n")]


@pytest.mark.parametrize(
    ("header", "cells"),
    [("a,b;c,d", 3), ("a;b,c;d", 3), ("a\tb\tc;d", 3), ("a", 1), ("", 0), ("\n \na;b", 2), ("a,b;c", 2), ("a;b\tc", 2)],
)
def test_delimiter_is_the_most_frequent_of_the_first_line(tmp_path: Path, header: str, cells: int) -> None:
    found = rows(tmp_path, header)
    assert [len(row[2]) for row in found] == ([cells] if cells else [])


def test_rows_have_their_lines_and_blank_ones_are_skipped(tmp_path: Path) -> None:
    assert rows(tmp_path, 'a,b\n\n , \n"1\n2",x\n3,\n') == [
        (1, 1, ["a", "b"]),
        (4, 5, ["1\n2", "x"]),
        (6, 6, ["3", ""]),
    ]


def test_only_the_line_of_an_open_quote_is_unreadable(tmp_path: Path) -> None:
    assert rows(tmp_path, 'a,b\n1,"2\n3,4\n5,"x"y\n6,7\n') == [
        (1, 1, ["a", "b"]),
        (2, 2, BAD_QUOTES),
        (3, 3, ["3", "4"]),
        (4, 4, BAD_QUOTES),
        (5, 5, ["6", "7"]),
    ]


def test_long_line_is_unreadable_and_long_row_is_split(tmp_path: Path) -> None:
    assert rows(tmp_path, "a,b\n" + "x" * (LONGEST_ROW + 1) + "\n1,2\n")[1:] == [
        (2, 2, TOO_LONG_LINE),
        (3, 3, ["1", "2"]),
    ]
    half = "x" * (LONGEST_ROW // 2)
    found = rows(tmp_path, f'a,b\n1,"{half}\n{half}\n{half}"\n2,3\n')
    assert found[1] == (2, 2, BAD_QUOTES)
    assert found[-1] == (5, 5, ["2", "3"])
    whole = rows(tmp_path, f'a,b\n1,"{half}"\n2,3\n')
    assert [row[:2] for row in whole] == [(1, 1), (2, 2), (3, 3)]


def test_row_may_have_the_longest_length(tmp_path: Path) -> None:
    (_, row) = rows(tmp_path, "a,b\n" + "x" * (LONGEST_ROW - 2) + ",y")
    assert len(row[2][0]) == LONGEST_ROW - 2


def test_comments_are_skipped_before_the_header_and_between_rows(tmp_path: Path) -> None:
    content = '# x;y;z\n\n#\na,b\n# "\n1,"2\n# 3"\n#end\n'
    assert rows(tmp_path, content, comment="#") == [(4, 4, ["a", "b"]), (6, 7, ["1", "2\n# 3"])]
    assert rows(tmp_path, content)[0] == (1, 1, ["# x", "y", "z"])
    assert rows(tmp_path, "a,b\n1,2\n# last", comment="#") == [(1, 1, ["a", "b"]), (2, 2, ["1", "2"])]


def test_comment_after_an_unreadable_line_is_skipped(tmp_path: Path) -> None:
    assert rows(tmp_path, 'a,b\n1,"2\n# 3\n4,5\n', comment="#") == [
        (1, 1, ["a", "b"]),
        (2, 2, BAD_QUOTES),
        (4, 4, ["4", "5"]),
    ]


def test_field_limit_of_the_csv_module_is_restored(tmp_path: Path) -> None:
    before = csv.field_size_limit(777)
    try:
        reader = read_csv_rows(save(tmp_path, "a,b\n" + "x" * 5000 + ",2\n"))
        assert [len(row.cells[0]) for row in reader] == [1, 5000]
        assert csv.field_size_limit() == 777
    finally:
        csv.field_size_limit(before)
