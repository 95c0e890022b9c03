"""Archives of reports: every format the same, nothing lost, oddities named, no text told."""

from __future__ import annotations

import csv
import json
import tracemalloc
from pathlib import Path

import pytest

from monai_pylon.labeler import (
    ReportLabeler,
    ReportSummary,
    count_reports,
    label_reports,
    read_label_table,
    read_reports,
    report_problems,
)

TEXTS = {
    "a": "Left pleural effusion.\nHeart: Enlarged.",
    "b": 'No acute disease, "normal".',
    "c": "A 12 mm nodule in the right lower lobe; no effusion",
}


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_csv(path: Path, reports: list[tuple[str, str]], header: tuple[str, str] = ("report", "text")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *reports])
    return path


def write_folder(path: Path, reports: list[tuple[str, str]]) -> Path:
    path.mkdir()
    for name, text in reports:
        (path / f"{name}.txt").write_text(text, encoding="utf-8")
    return path


def write_lines(path: Path, reports: list[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"report": name, "text": text}) + "\n" for name, text in reports))
    return path


def test_every_format_reads_the_same(tmp_path: Path) -> None:
    reports = list(TEXTS.items())
    sources = [
        write_csv(tmp_path / "r.csv", reports),
        write_lines(tmp_path / "r.jsonl", reports),
        write_folder(tmp_path / "r", reports),
    ]
    for source in sources:
        assert list(read_reports(source)) == reports, source
        assert count_reports(source) == 3


def test_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"report": list(TEXTS), "text": list(TEXTS.values()), "other": [1, 2, 3]})
    parquet.write_table(table, tmp_path / "r.parquet")
    assert list(read_reports(tmp_path / "r.parquet")) == list(TEXTS.items())
    assert count_reports(tmp_path / "r.parquet") == 3
    with pytest.raises(ValueError, match=r"r\.parquet must be a table with the column 'name'"):
        list(read_reports(tmp_path / "r.parquet", "name"))


def test_labels_of_an_archive(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", list(TEXTS.items()), ("study", "body"))
    summary = label_reports(source, tmp_path / "out.csv", report_column="study", text_column="body", progress=False)
    table = read_label_table(tmp_path / "out.csv")
    assert table.reports == ["a", "b", "c"]
    assert (table.cells == ReportLabeler().label_matrix(list(TEXTS.values()))).all()
    labels = {"pleural effusion": 1, "cardiomegaly": 1, "lung nodule": 1, "lung nodulegr1cm": 1}
    assert summary == ReportSummary(3, 2, labels, {})
    assert not (tmp_path / "out.csv.part").exists()


def test_oddities_are_named_and_nothing_is_lost(tmp_path: Path) -> None:
    reports = [
        ("empty", "  \n"),
        ("long", "No mass. " * 60_000),
        ("html", "<p>Left&nbsp;<b>effusion</b></p><br/>Size &lt; 3 cm"),
        ("german", "Kein Nachweis eines Pleuraergusses oder einer Raumforderung in beiden Lungen, Herz normal gross."),
        ("japanese", "両側の肺に異常所見は認められません。心臓は正常です。"),
        ("headings", "FINDINGS:\n\nIMPRESSION:\n"),
        ("history", "HISTORY: pneumonia"),
        ("twice", "Left pneumonia"),
        ("twice", "Right pneumonia"),
        ("broken", "Left pneumo\ufffdthorax, right effusion"),
        ("", "Cardiomegaly"),
    ]
    summary = label_reports(write_csv(tmp_path / "r.csv", reports), tmp_path / "out.csv", progress=False)
    problems = {(name, problem) for name, problem in rows(tmp_path / "out_problems.csv")[1:]}
    assert problems == {
        ("empty", "empty"),
        ("long", "too long"),
        ("html", "markup removed"),
        ("german", "not English, it seems"),
        ("japanese", "not English, it seems"),
        ("headings", "nothing to read"),
        ("history", "nothing to read"),
        ("twice#2", "name comes again"),
        ("broken", "broken characters"),
    }
    assert summary.reports == 11
    assert sum(summary.problems.values()) == len(problems)
    names = read_label_table(tmp_path / "out.csv").reports
    assert names == [*(name for name, _ in reports[:8]), "twice#2", "broken", "row 10"]
    found = {row[0]: row[1] for row in rows(tmp_path / "out.csv")[1:]}
    assert (found["html"], found["twice#2"], found["row 10"]) == ("pleural effusion", "pneumonia", "cardiomegaly")


def test_bytes_that_are_no_utf8_are_read_as_windows_latin(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes("report,text\na,Köhler: left effusion\n".encode("cp1252"))
    assert list(read_reports(tmp_path / "r.csv")) == [("a", "Köhler: left effusion")]
    (tmp_path / "r.csv").write_bytes("\ufeffreport,text\na,left effusion\n".encode())
    assert list(read_reports(tmp_path / "r.csv")) == [("a", "left effusion")]


def test_no_error_tells_a_report(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"report": "a", "text": "Secret"}\n{"report": "b", "text": "Secret\n')
    with pytest.raises(ValueError, match=r"r\.jsonl line 2 must be a JSON object") as error:
        list(read_reports(tmp_path / "r.jsonl"))
    assert "Secret" not in str(error.value)


def test_wrong_sources(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a", "b")], ("study", "report text"))
    with pytest.raises(ValueError, match=r"r\.csv must be a table with the column 'report'"):
        list(read_reports(source))
    for name in ("none.csv", "r.docx"):
        with pytest.raises(ValueError, match="source must be a file or folder of reports"):
            list(read_reports(tmp_path / name))
    with pytest.raises(ValueError, match="processes must be at least 1"):
        label_reports(source, tmp_path / "out.csv", processes=0)


@pytest.mark.slow
def test_processes_give_the_same_table(tmp_path: Path) -> None:
    reports = [(f"r{number}", text) for number in range(80) for text in TEXTS.values()]
    source = write_csv(tmp_path / "r.csv", reports)
    one = label_reports(source, tmp_path / "one.csv", progress=False)
    two = label_reports(source, tmp_path / "two.csv", processes=2, progress=False)
    assert one == two
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_memory_does_not_grow_with_the_archive(tmp_path: Path) -> None:
    peaks = []
    for count in (128, 320):
        source = write_csv(tmp_path / f"{count}.csv", [(str(n), "No mass." + " " * 8_000) for n in range(count)])
        tracemalloc.start()
        label_reports(source, tmp_path / "out.csv", progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 192 * 1000, peaks  # the texts alone would be 8,000 bytes a report


def test_report_problems_of_a_good_report() -> None:
    assert report_problems("FINDINGS: Heart size is normal. No effusion.", ReportLabeler()) == []
