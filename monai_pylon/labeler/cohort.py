"""Labels of a whole archive of reports: streamed, in several processes, with a summary of what was odd.

No text of a report is logged, put into an error or a file name, or written: the results are the table of labels and a
table of problems, which name reports only.
"""

from __future__ import annotations

import html
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from monai.utils import optional_import

from monai_pylon.labeler.label_table import LABEL_TABLE_COLUMNS, label_cells, table_rows
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.lexicon import read_words
from monai_pylon.labeler.report_files import count_reports, read_reports
from monai_pylon.labeler.report_text import EMPTY, LONGEST_REPORT, NO_IDENTIFIER, TOO_LONG, ReportText
from monai_pylon.labeler.sections import split_report
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.utils import check, check_type
from monai_pylon.utils.tables import csv_writers

__all__ = ["ReportSummary", "label_reports", "report_problems", "without_markup"]

#: Problems of a report: its words are mostly unknown; it has headings only, or only sections that are left out.
NOT_ENGLISH = "not English, it seems"
NOTHING_TO_READ = "nothing to read"
#: With these a report is not labelled: that it names nothing would count as health, and "kein" is no negation to us.
UNREADABLE = {EMPTY, TOO_LONG, NOT_ENGLISH, NOTHING_TO_READ}
_BROKEN = "broken characters"

_CHUNK = 64
_TAG = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>]{0,500})?/?|!--.{0,500}?--)>", re.DOTALL)


class ReportSummary(NamedTuple):
    """What became of an archive.

    Attributes:
        reports: how many there were, broken ones included.
        with_labels: how many have labels.
        labels: how many reports have each label, the most frequent first.
        problems: how often each problem came.
        unread: how many could not be labelled: of them nothing is known.

    Example:
        >>> ReportSummary(2, 1, {"pneumonia": 1}, {"the report is empty": 1}, 1).reports
        2
    """

    reports: int
    with_labels: int
    labels: dict[str, int]
    problems: dict[str, int]
    unread: int = 0


def without_markup(text: str) -> str:
    """A report without HTML: tags that part lines become line ends, others nothing; entities become characters.

    Args:
        text: a report; "<" and "&" as radiologists write them ("nodules < 5 mm") stay.

    Returns:
        its text.

    Example:
        >>> without_markup("<b>Nodule</b> &lt; 5 mm")
        'Nodule < 5 mm'
    """
    text = re.sub(r"<(?:br|/?p|/?div|/?li|/?tr|/?h\d)\b[^<>]{0,500}>", "\n", text, flags=re.IGNORECASE)
    return html.unescape(_TAG.sub("", text))


def report_problems(text: str, labeler: ReportLabeler) -> list[str]:
    """What is odd about a report, in names that tell nothing of its content.

    Args:
        text: the report, markup removed.
        labeler: whose vocabulary tells whether the words are known.

    Returns:
        out of "the report is empty", "the report has more than 200,000 characters", "broken characters", "not English,
        it seems" and "nothing to read": the last means headings only, or only sections that are left out.

    Example:
        >>> report_problems("HISTORY: Cough.", ReportLabeler())
        ['nothing to read']
    """
    if not text.strip():
        return [EMPTY]
    if len(text) > LONGEST_REPORT:
        return [TOO_LONG]
    problems = [_BROKEN] if "\ufffd" in text else []
    beginning = text[:5000]
    words = [word.text for word in read_words(beginning) if word.text.isalpha()]
    known = sum(map(labeler.rules.lexicon.knows, words))
    letters = sum(map(str.isalpha, beginning))
    foreign = 0 if beginning.isascii() else sum(c.isalpha() and ord(c) > 0x24F for c in beginning)
    if (len(words) >= 8 and known < 0.2 * len(words)) or foreign > 0.5 * max(letters, 1):
        problems.append(NOT_ENGLISH)
    read = [s for s in split_report(text, labeler.rules) if s.read and any(c.isalpha() for c in s.text[s.skip :])]
    return problems + ([] if read else [NOTHING_TO_READ])


class _Labelled(NamedTuple):
    """A report's cells (80, 3), None where it could not be read, and what was odd about it."""

    cells: np.ndarray | None
    problems: list[str]


def _label_one(labeler: ReportLabeler, report: ReportText) -> _Labelled:
    problems = [report.remark] if report.remark else []
    if report.problem:
        problems.append(report.problem)
    if report.problem not in ("", NO_IDENTIFIER):
        return _Labelled(None, problems)
    try:
        text = without_markup(report.text) if "<" in report.text or "&" in report.text else report.text
        found = [problem for problem in report_problems(text, labeler) if not (problem == _BROKEN and report.remark)]
        problems += found + (["markup removed"] if text != report.text and _TAG.search(report.text) else [])
        readable = UNREADABLE.isdisjoint(found)
        return _Labelled(label_cells(labeler.label(text)) if readable else None, problems)
    except Exception as error:  # its text may quote the report: the type alone is told
        return _Labelled(None, [*problems, f"the labeler failed on this report: {type(error).__name__}"])


def _label_chunk(labeler: ReportLabeler, reports: list[ReportText]) -> list[_Labelled]:
    """What runs in the other processes."""
    return [_label_one(labeler, report) for report in reports]


def _chunks(reports: Iterable[ReportText]) -> Iterator[list[ReportText]]:
    iterator = iter(reports)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _labelled(
    reports: Iterable[ReportText], labeler: ReportLabeler, processes: int
) -> Iterator[tuple[ReportText, _Labelled]]:
    """Every report, its text let go, with what became of it, in their order; few chunks are under way at any time."""
    context = get_context("spawn")
    pool = nullcontext() if processes == 1 else ProcessPoolExecutor(processes, mp_context=context)
    waiting: deque[tuple[list[ReportText], Future | list[_Labelled]]] = deque()
    with pool as executor:
        for chunk in _chunks(reports):
            job = _label_chunk(labeler, chunk) if executor is None else executor.submit(_label_chunk, labeler, chunk)
            waiting.append(([report._replace(text="") for report in chunk], job))
            while len(waiting) > (3 * processes if executor else 0):
                yield from _results(*waiting.popleft())
        while waiting:
            yield from _results(*waiting.popleft())


def _results(reports: list[ReportText], job: Future | list[_Labelled]) -> Iterator[tuple[ReportText, _Labelled]]:
    yield from zip(reports, job.result() if isinstance(job, Future) else job, strict=True)


class _Names:
    """Names that are each given once: some bytes are kept of each."""

    def __init__(self) -> None:
        self.seen: Counter[bytes] = Counter()

    def unique(self, name: str) -> str:
        """The name, with "#2", "#3" and so on behind it where it was given before."""
        key, own = self._key(name), name
        while self.seen[self._key(own)]:
            self.seen[key] += 1
            own = f"{name}#{self.seen[key]}"
        self.seen[self._key(own)] = 1
        return own

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
) -> ReportSummary:
    """Label every report of an archive into the one table of labels.

    Memory does not grow with the archive but by some 150 bytes a report, which tell names that come twice.

    Args:
        source: a .csv, .jsonl or .parquet file, or a folder of .txt files (see
            :func:`~monai_pylon.labeler.read_reports`).
        output: the CSV file to write; beside it, as NAME_problems.csv, a row for everything odd about a report: its
            name, where it stands, the problem, and whether it was labelled nevertheless.
        labeler: None for the one that comes with the package.
        id_column: the column with the report's name.
        report_column: the column with its text.
        processes: how many processes share the work.
        progress: whether to show a progress bar (where tqdm is there).

    Returns:
        the summary. Every report has rows in the table, one that could not be read an empty one
        (:class:`~monai_pylon.labeler.LabelTable`: untold). One without a name is called by its place ("line 3"); a name
        that comes again gets "#2", "#3" and so on behind it.

    Raises:
        FileNotFoundError: where the source is missing.
        ValueError: where a column is.

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
    names, labels, odd = _Names(), Counter[str](), Counter[str]()
    count = with_labels = unread = 0
    with csv_writers(path, path.with_name(f"{path.stem}_problems.csv")) as (rows, problem_rows):
        rows.writerow(LABEL_TABLE_COLUMNS)
        problem_rows.writerow(("report", "source", "problem", "labelled"))
        labelled = _labelled(reports, labeler, processes)
        for report, (cells, problems) in tqdm(labelled, total=total, unit="report") if total else labelled:
            told = report.identifier or report.source
            name = names.unique(told)
            problems = problems if name == told else [*problems, "name comes again"]
            rows.writerows(table_rows(name, _UNREAD if cells is None else cells))
            answer = "no" if cells is None else "yes"
            problem_rows.writerows((name, report.source, problem, answer) for problem in problems)
            odd.update(problem.split(":")[0] for problem in problems)
            present = [] if cells is None else np.flatnonzero((cells == 1).any(axis=1)).tolist()
            labels.update(CHEST_CT_LABELS[label] for label in present)
            count, with_labels, unread = count + 1, with_labels + bool(present), unread + (cells is None)
    return ReportSummary(count, with_labels, dict(labels.most_common()), dict(odd), unread)


_UNREAD = np.full((len(CHEST_CT_LABELS), len(ORGANS)), np.nan, dtype=np.float32)
