"""Labels of an archive of reports: streamed, in several processes, with a summary of the problems.

The text of a report occurs in no log, error, file name or output. The outputs are a table of labels and a table of
problems, which hold the names of reports only.
"""

from __future__ import annotations

import pickle
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import chain, islice
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.context import BaseContext
from os import PathLike
from pathlib import Path
from threading import active_count
from typing import Any, NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.labeler.findings import NOT_MENTIONED
from monai_pylon.labeler.label_table import LABEL_TABLE_COLUMNS, label_cells, table_rows
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.report_checks import (
    BROKEN_CHARACTERS,
    READABLE,
    report_problems,
)
from monai_pylon.labeler.report_files import count_reports, read_reports
from monai_pylon.labeler.report_text import EMPTY, NO_IDENTIFIER, TOO_LONG, ReportText
from monai_pylon.labeler.states import state_cells
from monai_pylon.taxonomy import ORGANS
from monai_pylon.taxonomy.label_sets import label_set
from monai_pylon.utils import check, check_type
from monai_pylon.utils.tables import csv_writers

__all__ = ["ReportSummary", "label_reports"]

_CHUNK = 64  # reports of one job
_OF_RULES = "rules"  # label set of the labeler's own labels, those that its rules add included
_JOBS_PER_PROCESS = 3  # jobs that are submitted before their results are read


class ReportSummary(NamedTuple):
    """Counts from the labeling of an archive.

    Attributes:
        reports: Number of reports, including broken ones.
        with_labels: Number of reports with labels.
        labels: Number of reports with each label, the most frequent label first.
        problems: Number of occurrences of each problem.
        unread: Number of reports that could not be labeled.

    Example:
        >>> print(ReportSummary(2, 1, {"pneumonia": 1}, {"the report is empty": 1}, 1))
        2 reports, 1 with labels, 1 not read
        Most frequent labels: pneumonia 1
        Problems: the report is empty 1
    """

    reports: int
    with_labels: int
    labels: dict[str, int]
    problems: dict[str, int]
    unread: int = 0

    def __str__(self) -> str:
        """Return the counts for people, with the ten most frequent labels."""
        noun = "report" if self.reports == 1 else "reports"
        lines = [f"{self.reports} {noun}, {self.with_labels} with labels, {self.unread} not read"]
        named = {"Most frequent labels": list(self.labels.items())[:10], "Problems": list(self.problems.items())}
        lines += [
            f"{name}: " + ", ".join(f"{key} {n}" for key, n in counts) for name, counts in named.items() if counts
        ]
        return "\n".join(lines)


class _Labeled(NamedTuple):
    """Label values or states (M, 3) of a report, None if it could not be labeled, and its problems."""

    values: np.ndarray | None
    problems: list[str]


def _label_one(labeler: ReportLabeler, report: ReportText, states: str = "") -> _Labeled:
    """Label one report and name its problems; no exception leaves this function."""
    problems = [problem for problem in (report.remark, report.problem) if problem]
    if report.problem not in ("", NO_IDENTIFIER):
        return _Labeled(None, problems)
    try:
        found = report_problems(report.text, labeler)
        if report.remark and BROKEN_CHARACTERS in found:  # the remark says so already
            found.remove(BROKEN_CHARACTERS)
        remark = "" if found and found[-1] in (EMPTY, TOO_LONG) else labeler.read_report(report.text)[0].remark
        problems += found + ([remark] if remark else [])
        readable = READABLE.issuperset(found)
        if not readable:
            return _Labeled(None, problems)
        if states:
            return _Labeled(labeler.states([report.text], "" if states == _OF_RULES else states)[0], problems)
        return _Labeled(label_cells(labeler.label(report.text), labeler.labels), problems)
    except Exception as error:  # its message may quote the report, so only its type is given
        return _Labeled(None, [*problems, f"the labeler failed on this report: {type(error).__name__}"])


@lru_cache(maxsize=1)
def _unpickled(labeler: bytes) -> ReportLabeler:
    """Return the labeler of a worker process. It holds the whole vocabulary, so it is unpickled once."""
    return pickle.loads(labeler)


def _label_chunk(labeler: bytes, states: str, reports: list[ReportText]) -> list[_Labeled]:
    """Label some reports in a worker process."""
    return [_label_one(_unpickled(labeler), report, states) for report in reports]


def _chunks(reports: Iterable[ReportText]) -> Iterator[list[ReportText]]:
    iterator = iter(reports)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _process_context() -> BaseContext:
    """Return how processes start: as copies of this one, which need not load the libraries, if it has one thread."""
    return get_context("fork" if "fork" in get_all_start_methods() and active_count() == 1 else "spawn")


def _label_all(
    reports: Iterable[ReportText], labeler: ReportLabeler, processes: int, states: str, workers: Executor | None
) -> Iterator[tuple[ReportText, _Labeled]]:
    """Yield each report, without its text, and its labels, in order; few chunks are in memory at any time."""
    if processes == 1 and workers is None:
        for report in reports:
            yield report._replace(text=""), _label_one(labeler, report, states)
        return
    label = partial(_label_chunk, pickle.dumps(labeler), states)
    # workers that are given belong to the caller
    pool: Any = ProcessPoolExecutor(processes, _process_context()) if workers is None else nullcontext(workers)
    waiting: deque[tuple[list[ReportText], Future]] = deque()
    with pool as executor:
        for chunk in _chunks(reports):
            waiting.append((chunk, executor.submit(label, chunk)))
            while len(waiting) > _JOBS_PER_PROCESS * processes:
                yield from _results(executor, label, *waiting.popleft())
        while waiting:
            yield from _results(executor, label, *waiting.popleft())


def _results(
    executor: Executor, label: Callable[[list[ReportText]], list[_Labeled]], reports: list[ReportText], job: Future
) -> Iterator[tuple[ReportText, _Labeled]]:
    """Yield the labels of a chunk; if its workers ended, those of each report alone."""
    try:
        for report, found in zip(reports, job.result(), strict=True):
            yield report._replace(text=""), found
    except BrokenProcessPool as error:
        reason = "A process that labeled reports ended (killed, or out of memory); nothing was written."
        raise RuntimeError(f"{reason} Run it again, with fewer processes if memory was short.") from error
    except (Exception, CancelledError) as error:
        if type(error).__name__ != "KilledWorker":  # that of Dask, which has tried the chunk on other workers
            raise
        if len(reports) == 1:
            yield reports[0], _Labeled(None, ["the workers that labeled this report ended (killed, or out of memory)"])
            return
        for report in reports:
            yield from _results(executor, label, [report], executor.submit(label, [report]))


class _UniqueNames:
    """Names that are unique, with a hash of eight bytes stored for each."""

    def __init__(self) -> None:
        self.counts: Counter[bytes] = Counter()

    def unique(self, name: str) -> str:
        """Return the name, with "#2", "#3" and so on appended if it occurred before."""
        key, unique = self._key(name), name
        while self.counts[self._key(unique)]:
            self.counts[key] += 1
            unique = f"{name}#{self.counts[key]}"
        self.counts[self._key(unique)] = 1
        return unique

    @staticmethod
    def _key(name: str) -> bytes:
        return blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()


def label_reports(
    source: str | PathLike[str],
    output: str | PathLike[str],
    labeler: ReportLabeler | None = None,
    id_column: str = "id",
    report_column: str = "report",
    processes: int = 1,
    progress: bool = True,
    states: str = "",
    name_column: str = "report",
    executor: Executor | None = None,
) -> ReportSummary:
    """Label all reports of an archive and write a label table.

    Memory grows by about 150 bytes per report, which serve to detect duplicate names.

    Args:
        source: A .csv, .jsonl or .parquet file, or a folder of .txt files (see
            :func:`~monai_pylon.labeler.report_files.read_reports`).
        output: CSV file to write. A second file beside it, NAME_problems.csv, has one row for each problem of a report:
            its name, its line or file, the problem, and whether it was labeled nevertheless.
        labeler: The labeler; None uses the rules of the package.
        id_column: Column with the names of the reports.
        report_column: Column with their texts.
        processes: Number of processes; with an executor, the number of its workers.
        progress: Whether to show a progress bar if tqdm is installed.
        states: Label set, such as "CheXpert-14", or "rules" for the labels of the labeler with those that its rules
            add. If given, the output is a table in the form of CheXpert instead: a row for each report and a column for
            each label, with 1 present, 0 absent, -1 uncertain, and nothing if not mentioned. The X-ray bundle trains
            from it if the names are those of the images.
        name_column: First column of that table; "image" for the X-ray bundle.
        executor: Workers elsewhere, such as ``client.get_executor(pure=False)`` of a Dask client. A chunk of reports
            whose workers ended is labeled report by report; a report that ended them again becomes a problem.

    Returns:
        The summary. Each report has at least one row in the table. A report that could not be labeled has a row without
        values (``unknown`` in `LabelTable`). A report without a name is named by its line
        ("line 3"). A duplicate name gets "#2", "#3" and so on appended.

    Raises:
        FileNotFoundError: If the source does not exist.
        ValueError: If the source lacks a column.
        RuntimeError: If a process of this computer is killed while it labels; nothing is written then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_text("Left pneumonia.")
        ...     label_reports(folder, f"{folder}/labels.csv", progress=False).labels
        {'pneumonia': 1}
    """
    check_type(processes, int, "processes")
    check(processes >= 1, "processes", "at least 1", processes)
    labeler = ReportLabeler() if labeler is None else labeler
    path = Path(output).expanduser()
    reports = read_reports(source, id_column, report_column)
    tqdm, has_tqdm = optional_import("tqdm", name="tqdm")
    total = count_reports(source) if progress and has_tqdm else None
    names, labels, problem_counts = _UniqueNames(), Counter[str](), Counter[str]()
    unlabeled = np.full((len(labeler.labels), len(ORGANS)), np.nan, dtype=np.float32)
    labels_of_set = labeler.labels if states == _OF_RULES else label_set(states).labels if states else ()
    unmentioned = np.full((len(labels_of_set), len(ORGANS)), NOT_MENTIONED, dtype=np.int8)
    count = with_labels = unread = 0
    with csv_writers(path, path.with_name(f"{path.stem}_problems.csv")) as (rows, problem_rows):
        rows.writerow((name_column, *labels_of_set) if states else LABEL_TABLE_COLUMNS)
        problem_rows.writerow(("report", "source", "problem", "labelled"))
        labeled = _label_all(reports, labeler, processes, states, executor)
        labeled = chain(list(islice(labeled, 1)), labeled)  # the processes start before a progress bar has a thread
        for report, (cells, problems) in tqdm(labeled, total=total, unit="report") if total else labeled:
            given = report.identifier or report.source
            name = names.unique(given)
            problems = problems if name == given else [*problems, "name comes again"]
            if states:
                rows.writerow((name, *state_cells(unmentioned if cells is None else cells)))
            else:
                rows.writerows(table_rows(name, unlabeled if cells is None else cells, labeler.labels))
            answer = "no" if cells is None else "yes"
            problem_rows.writerows((name, report.source, problem, answer) for problem in problems)
            problem_counts.update(problem.split(":")[0] for problem in problems)
            present = [] if cells is None else np.flatnonzero((cells == 1).any(axis=1)).tolist()
            labels.update((labels_of_set or labeler.labels)[label] for label in present)
            count, with_labels, unread = count + 1, with_labels + bool(present), unread + (cells is None)
    return ReportSummary(count, with_labels, dict(labels.most_common()), dict(problem_counts), unread)
