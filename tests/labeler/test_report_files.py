"""Report readers: formats, encodings, and broken rows that do not affect the rows around them."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monai_pylon.labeler.report_files import count_reports, read_reports
from monai_pylon.utils import csv_rows
from monai_pylon.utils.csv_rows import LONGEST_ROW


def read(file: Path, content: str | bytes, **columns: str) -> list[tuple[str, str, str]]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(report.identifier, report.text, report.problem) for report in read_reports(file, **columns)]


def test_cells_with_line_ends(tmp_path: Path) -> None:
    text = 'id,report\na,"FINDINGS: Clear.\nIMPRESSION: Said ""normal""."\n\nb , Mass. \n'
    assert read(tmp_path / "r.csv", text) == [
        ("a", 'FINDINGS: Clear.\nIMPRESSION: Said "normal".', ""),
        ("b", " Mass. ", ""),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_determines_the_delimiter(tmp_path: Path, delimiter: str) -> None:
    rows = [["report", "study"], ["Left mass.", "007"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert read(tmp_path / "r.csv", text, id_column="study") == [("007", "Left mass.", "")]


def test_a_row_with_another_number_of_cells_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,report\na,Left, small.\nb,Mass.\nc\n")
    reports = read_reports(tmp_path / "r.csv")
    assert [(r.identifier, r.source, r.problem) for r in reports] == [
        ("", "line 2", "the row has 3 cells instead of 2"),
        ("b", "line 3", ""),
        ("", "line 4", "the row has 1 cells instead of 2"),
    ]


def test_a_missing_closing_quote_affects_one_row(tmp_path: Path) -> None:
    text = 'id,report\na,Mass.\nb,"Left\nc,Nodule.\nd,"Right\neffusion."\ne,Clear.\n'
    found = read(tmp_path / "r.csv", text)
    assert [name for name, _, problem in found if not problem] == ["a", "c", "d", "e"]
    assert ("", "", "the quotes of this row do not fit") in found
    assert ("d", "Right\neffusion.", "") in found


@pytest.mark.parametrize(
    ("raw", "text", "remark"),
    [
        ("Größe".encode(), "Größe", ""),
        (b"\xef\xbb\xbf" + "Größe".encode(), "Größe", ""),
        ("Größe".encode("cp1252"), "Größe", "not UTF-8: read as Windows-1252"),
        ("ä ".encode() + "ö".encode("cp1252"), "ä ö", "not UTF-8: read as Windows-1252"),
        (b"a\x81b", "a\ufffdb", "characters that cannot be read"),
        (b"a\0b", "a b", ""),
        ("Größe".encode("utf-16"), "Größe", ""),
    ],
)
def test_encodings_in_a_folder(tmp_path: Path, raw: bytes, text: str, remark: str) -> None:
    (tmp_path / "scan.txt").write_bytes(raw)
    (report,) = read_reports(tmp_path)
    assert (report.identifier, report.text, report.remark, report.problem) == ("scan", text, remark, "")


def test_a_row_in_another_encoding(tmp_path: Path) -> None:
    raw = "id,report\na,Größe\n".encode() + "b,Größe\n".encode("cp1252")
    assert read(tmp_path / "r.csv", raw) == [("a", "Größe", ""), ("b", "Größe", "")]


def test_json_lines(tmp_path: Path) -> None:
    lines = [
        json.dumps({"id": 7, "report": "Mass.", "patient": "p"}),
        "{",
        '["a"]',
        '{"report": "c"}',
        "",
        '{"id": "b"}',
        "[" * 5000,
        '{"id": "c", "report": [1]}',
    ]
    assert read(tmp_path / "r.jsonl", "\n".join(lines)) == [
        ("7", "Mass.", ""),
        ("", "", "the line is no JSON object"),
        ("", "", "the line is no JSON object"),
        ("", "", "the line has no 'id'"),
        ("b", "", "the report is empty"),
        ("", "", "the line is no JSON object"),
        ("c", "", "the value of 'report' is no text"),
    ]


def test_one_line_with_both_keys_is_enough(tmp_path: Path) -> None:
    lines = '{"id": "b"}\n{"id": "a", "report": "Mass."}\n'
    assert read(tmp_path / "r.jsonl", lines) == [("b", "", "the report is empty"), ("a", "Mass.", "")]


def test_counts(tmp_path: Path) -> None:
    cases = {
        "r.csv": ("id,report\na,Mass.\nb,c,d\n", 2),
        "header.csv": ("id,report\n", 0),
        "empty.csv": ("", 0),
        "r.jsonl": ('{"id": "a", "report": "Mass."}\n\n{"id": "b"}\n' + "x" * 1_000_001, 3),
    }
    for name, (text, count) in cases.items():
        (tmp_path / name).write_text(text)
        assert count_reports(tmp_path / name) == count, name
    (tmp_path / "folder").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "folder" / name).write_text("Mass.")
    assert count_reports(tmp_path / "folder") == 2


def test_subfolders_and_hidden_files(tmp_path: Path) -> None:
    for name in ("p1/ct.txt", "p2.TXT", ".hidden.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Clear lungs.")
    found = [(report.identifier, report.source) for report in read_reports(tmp_path)]
    assert found == [("p2", "p2.TXT"), ("p1/ct", str(Path("p1", "ct.txt")))]


@pytest.mark.parametrize(
    ("identifier", "text", "problem"),
    [
        ("", "Mass.", "no identifier"),
        ("a", " \n", "the report is empty"),
        ("a", "x" * 200_001, "the report has more than 200,000 characters"),
        ("x" * 201, "Mass.", "the identifier is no name but a text"),
    ],
)
def test_problems_of_a_report(tmp_path: Path, identifier: str, text: str, problem: str) -> None:
    (tmp_path / "r.csv").write_text(f'id,report\n{identifier},"{text}"\nz,Clear.\n')
    bad, good = read_reports(tmp_path / "r.csv")
    assert (bad.problem, good.problem) == (problem, "")


def test_patients_and_sections_are_read(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,report,section,patient\na,Mass.,train,p1\nb,Mass.,,\n")
    (tmp_path / "r.jsonl").write_text('{"id": "a", "report": "Mass.", "section": "train", "patient": "p1"}\n')
    for name in ("r.csv", "r.jsonl"):
        first = next(read_reports(tmp_path / name))
        assert (first.section, first.patient, first.problem) == ("train", "p1", "")


def lone_quote(rows: int) -> str:
    """Return a table with a missing closing quote in its third row, followed by some good rows."""
    return 'id,report\na,Mass.\nopen,"Left\n' + "".join(f"r{k},{'Clear lungs; no mass. ' * 16}\n" for k in range(rows))


def test_a_missing_closing_quote_affects_one_row_of_a_large_table(tmp_path: Path) -> None:
    """More text follows than the reader buffers, so it must give up, rewind and continue."""
    peaks = []
    for rows in (4_000, 8_000):
        (tmp_path / "r.csv").write_text(lone_quote(rows))
        tracemalloc.start()
        found = Counter(report.problem for report in read_reports(tmp_path / "r.csv"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found == {"": rows + 1, "the quotes of this row do not fit": 1}
        assert count_reports(tmp_path / "r.csv") == rows + 2
    assert peaks[1] < 1.1 * peaks[0], peaks
    assert peaks[1] < 24 * LONGEST_ROW


def test_a_very_long_row_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('id,report\na,"' + "Clear lungs without a mass.\n" * 40_000 + '"\nb,Clear.\n')
    found = [(report.identifier, report.problem) for report in read_reports(tmp_path / "r.csv")]
    assert found[0] == ("", "the quotes of this row do not fit")
    assert found[-1] == ("b", "")
    assert {problem for _, problem in found[1:-1]} <= {
        "the row has 1 cells instead of 2",
        "the quotes of this row do not fit",
    }


def test_json_lines_without_a_column_raise(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"study": "a", "reprot": "A secret mass."}\n')
    with pytest.raises(ValueError, match=r"^(?!.*secret).*Perhaps report_column is 'reprot'"):
        list(read_reports(tmp_path / "r.jsonl", "study"))


@pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
def test_a_very_long_line_is_skipped(tmp_path: Path, name: str) -> None:
    good = {"r.csv": "z,Clear.\n", "r.jsonl": '{"id": "z", "report": "Clear."}\n'}[name]
    head = "id,report\n" if name == "r.csv" else ""
    with (tmp_path / name).open("w") as file:
        file.write(head)
        for _ in range(40):
            file.write("a mass, " * 100_000)
        file.write("\n" + good)
    tracemalloc.start()
    bad, clear = read_reports(tmp_path / name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert bad.problem == "the line has more than 1,000,000 characters"
    assert (clear.identifier, clear.text) == ("z", "Clear.")
    assert peak < 12 * LONGEST_ROW  # the line has 32 million


def test_a_very_long_file_is_not_read_completely(tmp_path: Path) -> None:
    (tmp_path / "scan.txt").write_text("A mass. " * 500_000)
    tracemalloc.start()
    (report,) = read_reports(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    assert (report.identifier, report.text) == ("scan", "")
    assert report.problem == "the report has more than 200,000 characters"


def test_missing_closing_quotes_take_linear_time(tmp_path: Path) -> None:
    """The reader rewinds for each row; the number of lines read again must not accumulate."""
    lines = []
    for rows in (2_000, 4_000):
        (tmp_path / "r.csv").write_text("id,report\n" + 'a,"Left "mass"\nb\n' * rows)
        with counted_lines() as count:
            problems = [report.problem for report in read_reports(tmp_path / "r.csv")]
        assert len(problems) == 2 * rows
        assert all(problems)
        lines.append(count[0])
    assert lines[1] <= 2.1 * lines[0]
    assert lines[0] <= 4 * 2 * 2_000


@contextmanager
def counted_lines() -> Iterator[list[int]]:
    """Count the lines that the CSV reader reads, including repeated ones."""
    count, before = [0], csv_rows._Lines.__next__

    def counting(self: csv_rows._Lines) -> str:
        count[0] += 1
        return before(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_rows._Lines, "__next__", counting)
        yield count


def test_a_broken_row_is_named_by_all_its_lines(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('id,report\na,"Left\nmass",x\nb,Clear.\n')
    bad, good = read_reports(tmp_path / "r.csv")
    assert (bad.source, bad.problem) == ("lines 2 to 3", "the row has 3 cells instead of 2")
    assert (good.identifier, good.source) == ("b", "line 4")


def test_the_limit_of_the_csv_module_is_unchanged(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,report\na,Mass.\n")
    before = csv.field_size_limit(77_777)
    try:
        next(read_reports(tmp_path / "r.csv"))
        assert csv.field_size_limit() == 77_777
    finally:
        csv.field_size_limit(before)


def test_a_table_in_utf_16(tmp_path: Path) -> None:
    assert read(tmp_path / "r.csv", "id\treport\na\tGröße\n".encode("utf-16")) == [("a", "Größe", "")]


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"id": "a\\ud800", "report": "mass \\udc96 b"}\n')
    (report,) = read_reports(tmp_path / "r.jsonl")
    assert (report.identifier, report.text) == ("a\ufffd", "mass \u2013 b")


def write_parquet(path: Path, columns: dict[str, list], **options: int) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def test_parquet(tmp_path: Path) -> None:
    columns = {
        "id": ["a", None, "c"],
        "report": ["Mass.", "Clear.", None],
        "patient": ["p", "q", "r"],
        "age": [1, 2, 3],
    }
    file = write_parquet(tmp_path / "r.parquet", columns)
    found = [(report.identifier, report.source, report.patient, report.problem) for report in read_reports(file)]
    assert found == [
        ("a", "row 1", "p", ""),
        ("", "row 2", "q", "no identifier"),
        ("c", "row 3", "r", "the report is empty"),
    ]
    assert count_reports(file) == 3
    assert [report.identifier for report in read_reports(file, "age")] == ["1", "2", "3"]
    with pytest.raises(ValueError, match="Perhaps id_column is 'patient'"):
        list(read_reports(file, "patients"))


def test_a_broken_row_group_of_a_parquet_file_is_named(tmp_path: Path) -> None:
    texts = [f"{k:03} " + "mass " * 50 for k in range(30)]
    options = {"row_group_size": 10, "use_dictionary": False, "compression": "none", "write_page_checksum": True}
    file = write_parquet(tmp_path / "r.parquet", {"id": [str(k) for k in range(30)], "report": texts}, **options)
    raw = file.read_bytes()
    start = raw.index(b"010 mass") - 60
    file.write_bytes(raw[:start] + b"\xff" * 64 + raw[start + 64 :])
    reports = list(read_reports(file))
    assert [report.identifier for report in reports if not report.problem] == [
        str(k) for k in (*range(10), *range(20, 30))
    ]
    (bad,) = [report for report in reports if report.problem]
    assert bad.source == "rows 11 to 20"
    assert bad.problem.startswith("rows that cannot be read: ")


def test_a_file_that_is_not_parquet_raises(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    (tmp_path / "r.parquet").write_text("A secret mass.")
    with pytest.raises(ValueError, match=r"^(?!.*secret).*r\.parquet is not a Parquet file"):
        list(read_reports(tmp_path / "r.parquet"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv", "id,text\na,b\n", "column 'report'"),
        ("r.csv", "id,reprot\na,b\n", "Perhaps report_column is 'reprot'"),
        ("r.csv", "a,A secret mass.\n", "^(?!.*secret).*column 'id'"),
        ("r.csv", "", "column 'id'"),
    ],
)
def test_a_table_without_a_column_raises(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        list(read_reports(tmp_path / name))


def test_a_missing_source_or_one_of_another_kind_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.csv does not exist"):
        read_reports(tmp_path / "missing.csv")
    (tmp_path / "r.docx").touch()
    with pytest.raises(ValueError, match="source must be a file or folder of reports"):
        read_reports(tmp_path / "r.docx")
    with pytest.raises(TypeError, match="source must be of type"):
        read_reports(None)  # type: ignore[arg-type]
