"""Reports from tables and folders: whatever is wrong with a row is named, and the rows around it are kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_pylon.workflows import ReportText, read_report_rows


def read(file: Path, content: str | bytes, **columns: str) -> list[tuple[str, str, str]]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return [(report.identifier, report.text, report.problem) for report in read_report_rows(file, **columns)]


def test_a_table_with_lines_in_its_cells(tmp_path: Path) -> None:
    text = 'id,report\na,"FINDINGS: Clear.\nIMPRESSION: Said ""normal""."\n\nb , Mass. \n'
    assert read(tmp_path / "r.csv", text) == [
        ("a", 'FINDINGS: Clear.\nIMPRESSION: Said "normal".', ""),
        ("b", " Mass. ", ""),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_headers(tmp_path: Path, delimiter: str) -> None:
    rows = [["report", "study"], ["Left mass.", "007"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert read(tmp_path / "r.csv", text, id_column="study") == [("007", "Left mass.", "")]


def test_a_row_of_another_width_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,report\na,Left, small.\nb,Mass.\nc\n")
    reports = read_report_rows(tmp_path / "r.csv")
    assert [(r.identifier, r.source, r.problem) for r in reports] == [
        ("", "line 2", "the row has 3 cells instead of 2"),
        ("b", "line 3", ""),
        ("", "line 4", "the row has 1 cells instead of 2"),
    ]


def test_a_quote_that_is_never_closed_takes_no_other_row_with_it(tmp_path: Path) -> None:
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
    (report,) = read_report_rows(tmp_path)
    assert (report.identifier, report.text, report.remark, report.problem) == ("scan", text, remark, "")


def test_one_row_of_another_encoding_leaves_the_others(tmp_path: Path) -> None:
    raw = "id,report\na,Größe\n".encode() + "b,Größe\n".encode("cp1252")
    assert read(tmp_path / "r.csv", raw) == [("a", "Größe", ""), ("b", "Größe", "")]


def test_json_lines(tmp_path: Path) -> None:
    lines = [json.dumps({"id": 7, "report": "Mass.", "patient": "p"}), "{", '["a"]', "", '{"id": "b"}']
    assert read(tmp_path / "r.jsonl", "\n".join(lines)) == [
        ("7", "Mass.", ""),
        ("", "", "the line is no JSON"),
        ("", "", "the line has no 'id'"),
        ("b", "", "the report is empty"),
    ]


def test_a_folder_below_a_folder_and_hidden_files(tmp_path: Path) -> None:
    for name in ("p1/ct.txt", "p2.TXT", ".hidden.txt", "notes.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("Clear lungs.")
    assert [report.identifier for report in read_report_rows(tmp_path)] == ["p1/ct", "p2"]


@pytest.mark.parametrize(
    ("identifier", "text", "problem"),
    [
        ("", "Mass.", "no identifier"),
        ("a", " \n", "the report is empty"),
        ("a", "x" * 200_001, "the report has 200001 characters, more than 200000"),
        ("x" * 201, "Mass.", "the identifier is no name but a text"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, identifier: str, text: str, problem: str) -> None:
    (tmp_path / "r.csv").write_text(f'id,report\n{identifier},"{text}"\nz,Clear.\n')
    bad, good = read_report_rows(tmp_path / "r.csv")
    assert (bad.problem, good.problem) == (problem, "")


def test_sections_and_patients_come_along(tmp_path: Path) -> None:
    text = "id,report,section,patient\na,Mass.,train,p1\nb,Mass.,,p1\nc,Mass.,Test,\nd,Mass.,other,p2\n"
    (tmp_path / "r.csv").write_text(text)
    a, b, c, d = read_report_rows(tmp_path / "r.csv")
    assert (a.section, a.patient, a.problem) == ("training", "p1", "")
    assert (c.section, c.patient, c.problem) == ("test", "", "")
    assert b.problem == "no section, where other rows have one"
    assert d.problem == "the section is none of training, validation, test"


def test_no_text_is_ever_printed() -> None:
    report = ReportText("scan", "The patient's secret.", "line 2")
    assert "secret" not in f"{report} {report!r} {[report]}"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("r.csv", "id,text\na,b\n", "column 'report'"),
        ("r.csv", "id,reprot\na,b\n", "Perhaps --report_column 'reprot'"),
        ("r.csv", "a,A secret mass.\n", "^(?!.*secret).*column 'id'"),
        ("r.csv", "id,report\n", "at least one report"),
        ("r.csv", "", "column 'id'"),
    ],
)
def test_a_source_that_is_none_is_an_error(tmp_path: Path, name: str, content: str, message: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message):
        read_report_rows(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="exists"):
        read_report_rows(tmp_path / "missing.csv")
