"""Labels of an archive: equal for all formats, complete, with problems that reveal no text."""

from __future__ import annotations

import csv
import json
import tracemalloc
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_pylon.labeler import ReportLabeler, cohort, label_reports, read_label_table
from monai_pylon.labeler.cohort import ReportSummary
from monai_pylon.labeler.report_files import count_reports, read_reports
from monai_pylon.taxonomy import CHEST_CT_LABELS

TEXTS = {
    "a": "Left pleural effusion.\nHeart: Enlarged.",
    "b": 'No acute disease, "normal".',
    "c": "A 12 mm nodule in the right lower lobe; no effusion",
}


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write_csv(path: Path, reports: list[tuple[str, str]], header: tuple[str, str] = ("id", "report")) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *reports])
    return path


def write_folder(path: Path, reports: list[tuple[str, str]]) -> Path:
    path.mkdir()
    for name, text in reports:
        (path / f"{name}.txt").write_text(text, encoding="utf-8")
    return path


def write_lines(path: Path, reports: list[tuple[str, str]]) -> Path:
    path.write_text("".join(json.dumps({"id": name, "report": text}) + "\n" for name, text in reports))
    return path


def test_all_formats_give_the_same_reports(tmp_path: Path) -> None:
    reports = list(TEXTS.items())
    sources = [
        write_csv(tmp_path / "r.csv", reports),
        write_lines(tmp_path / "r.jsonl", reports),
        write_folder(tmp_path / "r", reports),
    ]
    for source in sources:
        assert [(report.identifier, report.text) for report in read_reports(source)] == reports, source
        assert count_reports(source) == 3


def test_labels_of_an_archive(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", list(TEXTS.items()), ("study", "body"))
    summary = label_reports(source, tmp_path / "out.csv", id_column="study", report_column="body", progress=False)
    table = read_label_table(tmp_path / "out.csv")
    assert table.reports == ["a", "b", "c"]
    assert (table.present == ReportLabeler().label_matrix(list(TEXTS.values()))).all()
    labels = {"pleural effusion": 1, "cardiomegaly": 1, "lung nodule": 1, "lung nodulegr1cm": 1}
    assert summary == ReportSummary(3, 2, labels, {})
    assert not (tmp_path / "out.csv.part").exists()


def test_problems_are_named_and_no_report_is_lost(tmp_path: Path) -> None:
    reports = [
        ("empty", "  \n"),
        ("long", "No mass. " * 60_000),
        ("html", "<p>Left&nbsp;<b>effu&#115;ion</b></p><br/>Size &lt; 3 cm"),
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
    problems = {(name, problem, labelled) for name, _, problem, labelled in rows(tmp_path / "out_problems.csv")[1:]}
    assert problems == {
        ("empty", "the report is empty", "no"),
        ("long", "the report has more than 200,000 characters", "no"),
        ("html", "markup removed", "yes"),
        ("german", "not English, it seems: German", "no"),
        ("japanese", "not English, it seems: another language", "no"),
        ("headings", "nothing to read", "no"),
        ("history", "nothing to read", "no"),
        ("twice#2", "name comes again", "yes"),
        ("broken", "characters that cannot be read", "yes"),
        ("line 16", "no identifier", "yes"),
    }
    assert (summary.reports, summary.unread) == (11, 6)
    assert sum(summary.problems.values()) == len(problems)
    table = read_label_table(tmp_path / "out.csv")
    assert table.reports == [*(name for name, _ in reports[:8]), "twice#2", "broken", "line 16"]
    unread = [name for name, values in zip(table.reports, table.values, strict=True) if np.isnan(values).any()]
    assert unread == ["empty", "long", "german", "japanese", "headings", "history"]
    found = {row[0]: row[1] for row in rows(tmp_path / "out.csv")[1:]}
    assert (found["html"], found["twice#2"], found["line 16"]) == ("pleural effusion", "pneumonia", "cardiomegaly")


def test_removed_markup_and_a_problem_are_both_named(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a", "<p>HISTORY: cough</p>")])
    summary = label_reports(source, tmp_path / "out.csv", progress=False)
    assert summary.problems == {"nothing to read": 1, "markup removed": 1}


def test_states_of_a_label_set(tmp_path: Path) -> None:
    """An unread report has no state; "rules" gives the labels of the labeler itself."""
    reports = [("a", "Left effusion. Possible pneumonia. No pneumothorax."), ("b", "")]
    source = write_csv(tmp_path / "r.csv", reports)
    summary = label_reports(source, tmp_path / "out.csv", progress=False, states="CheXpert-14", name_column="image")
    header, first, second = rows(tmp_path / "out.csv")
    found = dict(zip(header, first, strict=True))
    named = ("image", "Pleural Effusion", "Pneumonia", "Pneumothorax", "Fracture")
    assert [found[name] for name in named] == ["a", "1", "-1", "0", ""]
    assert second == ["b", *[""] * 14]
    assert (summary.reports, summary.unread) == (2, 1)
    assert summary.labels["Pleural Effusion"] == 1
    summary = label_reports(source, tmp_path / "out.csv", progress=False, states="rules")
    header, first, _ = rows(tmp_path / "out.csv")
    assert tuple(header) == ("report", *CHEST_CT_LABELS)
    assert first[header.index("pleural effusion")] == "1"
    assert summary.labels == {"pleural effusion": 1}


def test_a_summary_shows_ten_labels() -> None:
    labels = {f"label {number}": 20 - number for number in range(1, 12)}
    text = str(ReportSummary(30, 20, labels, {}))
    assert text.endswith("label 10 10")
    assert "Problems" not in text


def test_a_progress_bar_is_shown_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm", reason="tqdm is not installed")
    source = write_csv(tmp_path / "r.csv", list(TEXTS.items()))
    label_reports(source, tmp_path / "out.csv", progress=False)
    assert capsys.readouterr().err == ""
    label_reports(source, tmp_path / "out.csv")
    assert "3/3" in capsys.readouterr().err


def test_broken_characters_are_named_once(tmp_path: Path) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "a.txt").write_bytes(b"Left effusion, gr\xf6sser.")
    (tmp_path / "reports" / "b.txt").write_text("Left effusion &#65533;")
    summary = label_reports(tmp_path / "reports", tmp_path / "out.csv", progress=False)
    assert summary.problems == {"not UTF-8": 1, "markup removed": 1}
    assert (summary.with_labels, summary.unread) == (2, 0)


def test_broken_rows_are_named_and_skipped(tmp_path: Path) -> None:
    text = 'id,report\na,Left pneumonia.\nb,"Left secret\nc,d,A secret mass.\n"e","Right pneumonia."\n'
    (tmp_path / "r.csv").write_text(text)
    summary = label_reports(tmp_path / "r.csv", tmp_path / "out.csv", progress=False)
    assert summary.labels == {"pneumonia": 2}
    assert (summary.reports, summary.unread) == (4, 2)
    assert rows(tmp_path / "out_problems.csv")[1:] == [
        ["line 3", "line 3", "the quotes of this row do not fit", "no"],
        ["line 4", "line 4", "the row has 3 cells instead of 2", "no"],
    ]
    assert read_label_table(tmp_path / "out.csv").reports == ["a", "line 3", "line 4", "e"]


def test_an_error_of_the_labeler_is_named_by_its_type(tmp_path: Path) -> None:
    class Failing(ReportLabeler):
        def label(self, text: str) -> list:
            if "secret" in text:
                raise ValueError(f"cannot read {text}")
            return super().label(text)

    source = write_csv(tmp_path / "r.csv", [("a", "A secret mass."), ("b", "Left pneumonia.")])
    summary = label_reports(source, tmp_path / "out.csv", Failing(), progress=False)
    assert (summary.labels, summary.unread) == ({"pneumonia": 1}, 1)
    assert rows(tmp_path / "out_problems.csv")[1] == [
        "a",
        "line 2",
        "the labeler failed on this report: ValueError",
        "no",
    ]


def test_duplicate_names_become_unique(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a#2", "Clear."), ("a", "Clear."), ("a", "Clear."), ("a", "Clear.")])
    label_reports(source, tmp_path / "out.csv", progress=False)
    assert read_label_table(tmp_path / "out.csv").reports == ["a#2", "a", "a#3", "a#4"]


def test_an_unknown_side_has_no_value_in_the_table(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a", "There is a pleural effusion.")])
    label_reports(source, tmp_path / "out.csv", ReportLabeler(side_unknown="unknown"), progress=False)
    assert rows(tmp_path / "out.csv")[1:] == [["a", "pleural effusion", "", "0", ""]]
    (values,) = read_label_table(tmp_path / "out.csv").values
    np.testing.assert_array_equal(values[CHEST_CT_LABELS.index("pleural effusion")], [np.nan, 0, np.nan])


def test_no_partial_file_remains_after_an_error(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a", "b")], ("study", "report"))
    with pytest.raises(ValueError, match="has no column 'id'"):
        label_reports(source, tmp_path / "out.csv", progress=False)
    assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]


def test_the_number_of_processes_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="processes must be at least 1"):
        label_reports(tmp_path, tmp_path / "out.csv", processes=0)


@pytest.mark.slow
def test_processes_give_the_same_table(tmp_path: Path) -> None:
    reports = [(f"r{number}", text) for number in range(160) for text in TEXTS.values()]
    source = write_csv(tmp_path / "r.csv", reports)
    one = label_reports(source, tmp_path / "one.csv", progress=False)
    two = label_reports(source, tmp_path / "two.csv", processes=2, progress=False)
    assert one == two
    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


def test_memory_does_not_grow_with_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "_CHUNK", 8)
    peaks = []
    for count in (16, 32):
        source = write_csv(tmp_path / f"{count}.csv", [(str(n), "No mass." + " " * 8_000) for n in range(count)])
        tracemalloc.start()
        label_reports(source, tmp_path / "out.csv", progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 16 * 1500, peaks  # the texts alone would be 8,000 bytes per report


class KilledWorker(Exception):  # noqa: N818 (the name that Dask gives it)
    """Error of Dask for a task whose workers ended."""


class Workers(Executor):
    """Workers that end whenever they meet a text."""

    def __init__(self, fatal: str, error: type[Exception] = KilledWorker) -> None:
        self.fatal, self.error, self.tasks = fatal, error, 0

    def submit(self, work: Any, chunk: list[Any]) -> Future:  # type: ignore[override]
        self.tasks += 1
        job: Future = Future()
        if any(self.fatal in report.text for report in chunk):
            job.set_exception(self.error())
        else:
            job.set_result(work(chunk))
        return job


def test_a_report_that_ends_workers_is_a_problem_and_the_others_are_labeled(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a", "Left pneumonia."), ("b", "Poison."), ("c", "Cardiomegaly.")] * 30)
    workers = Workers("Poison")
    found = label_reports(source, tmp_path / "out.csv", processes=2, progress=False, executor=workers)
    assert (found.reports, found.unread) == (90, 30)
    assert found.labels == {"pneumonia": 30, "cardiomegaly": 30}
    assert workers.tasks == 2 + 90, "each chunk, then each of its reports"
    problems = {row[2] for row in rows(tmp_path / "out_problems.csv")[1:] if row[0].startswith("b")}
    assert "the workers that labeled this report ended (killed, or out of memory)" in problems


class SlowWorkers(Workers):
    """Workers that count the jobs whose results nobody has read."""

    def __init__(self) -> None:
        super().__init__("Poison")
        self.unread = self.most = 0

    def submit(self, work: Any, chunk: list[Any]) -> Future:  # type: ignore[override]
        job = super().submit(work, chunk)
        self.unread += 1
        self.most = max(self.most, self.unread)
        read = job.result

        def result(timeout: float | None = None) -> Any:
            self.unread -= 1
            return read(timeout)

        job.result = result  # type: ignore[method-assign]
        return job


def test_more_jobs_wait_for_more_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohort, "_CHUNK", 1)
    source = write_csv(tmp_path / "r.csv", [(str(number), "Mass.") for number in range(40)])
    most = []
    for processes in (1, 2, 4):
        workers = SlowWorkers()
        label_reports(source, tmp_path / "out.csv", processes=processes, progress=False, executor=workers)
        most.append(workers.most)
    assert 1 < most[0] < most[1] < most[2] < 20, "each process has work, and few results are in memory"


@pytest.mark.parametrize(
    ("threads", "methods", "expected"),
    [(1, ["fork", "spawn"], "fork"), (2, ["fork", "spawn"], "spawn"), (1, ["spawn"], "spawn")],
)
def test_a_process_with_threads_is_not_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, methods: list[str], expected: str
) -> None:
    contexts = []

    def pool(processes: int, context: Any) -> Workers:
        contexts.append((processes, context.get_start_method()))
        return Workers("Poison")

    monkeypatch.setattr(cohort, "ProcessPoolExecutor", pool)
    monkeypatch.setattr(cohort, "active_count", lambda: threads)
    monkeypatch.setattr(cohort, "get_all_start_methods", lambda: methods)
    source = write_csv(tmp_path / "r.csv", list(TEXTS.items()))
    assert label_reports(source, tmp_path / "out.csv", processes=2, progress=False).reports == 3
    assert contexts == [(2, expected)]


def test_other_errors_of_workers_end_the_job(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "r.csv", [("a", "Poison.")])
    with pytest.raises(OSError, match=r"^$"):
        label_reports(source, tmp_path / "out.csv", progress=False, executor=Workers("Poison", OSError))
    with pytest.raises(RuntimeError, match="A process that labeled reports ended"):
        label_reports(source, tmp_path / "out.csv", progress=False, executor=Workers("Poison", BrokenProcessPool))
    assert not (tmp_path / "out.csv").exists()
