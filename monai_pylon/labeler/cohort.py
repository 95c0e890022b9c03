"""Labels of a whole archive of reports: streamed, in several processes, with a summary of what was odd.

No text of a report is logged, put into an error or a file name, or written: the results are the table of labels and a
table of problems, which name reports only.
"""

from __future__ import annotations

import csv
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

from monai_pylon.labeler.label_table import LABEL_TABLE_COLUMNS, table_rows
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.lexicon import read_words
from monai_pylon.labeler.report_files import count_reports, read_reports
from monai_pylon.labeler.sections import split_report
from monai_pylon.utils import check, check_type

__all__ = ["ReportSummary", "label_reports", "report_problems", "without_markup"]

#: A problem of a report: its words are mostly unknown.
NOT_ENGLISH = "not English, it seems"

_CHUNK = 64
_LONGEST = 200_000  # characters: what is longer is no report
_TAG = re.compile(r"<(?:/?[A-Za-z][A-Za-z0-9]{0,15}(?:\s[^<>]{0,500})?/?|!--.{0,500}?--)>", re.DOTALL)


class ReportSummary(NamedTuple):
    """What became of an archive: how many reports, how many with labels, how often each label and each problem.

    Example:
        >>> ReportSummary(2, 1, {"pneumonia": 1}, {"empty": 1}).reports
        2
    """

    reports: int
    with_labels: int
    labels: dict[str, int]
    problems: dict[str, int]


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
        out of "empty", "too long", "broken characters", "not English, it seems" and "nothing to read": the last means
        headings only, or only sections that are left out.

    Example:
        >>> report_problems("HISTORY: Cough.", ReportLabeler())
        ['nothing to read']
    """
    if not text.strip():
        return ["empty"]
    if len(text) > _LONGEST:
        return ["too long"]
    problems = ["broken characters"] if "\ufffd" in text else []
    words = [word.text for word in read_words(text[:5000]) if word.text.isalpha()]
    known = sum(labeler.rules.lexicon.knows(word) for word in words)
    letters = sum(character.isalpha() for character in text[:5000])
    foreign = sum(character.isalpha() and ord(character) > 0x24F for character in text[:5000])
    if (len(words) >= 8 and known < 0.2 * len(words)) or foreign > 0.5 * max(letters, 1):
        problems.append(NOT_ENGLISH)
    read = [s for s in split_report(text, labeler.rules) if s.read and any(c.isalpha() for c in s.text[s.skip :])]
    return problems + ([] if read else ["nothing to read"])


def _label_chunk(labeler: ReportLabeler, texts: list[str]) -> list[tuple[np.ndarray, list[str]]]:
    """The cells and problems of some reports; what runs in the other processes."""
    results = []
    for raw in texts:
        text = without_markup(raw) if "<" in raw or "&" in raw else raw
        problems = report_problems(text, labeler)
        readable = not {"empty", "too long"} & set(problems)
        cells = labeler.matrix(labeler.label(text) if readable else [])
        results.append((cells, problems + (["markup removed"] if text != raw and _TAG.search(raw) else [])))
    return results


def _chunks(reports: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    iterator = iter(reports)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _labelled(
    reports: Iterable[tuple[str, str]], labeler: ReportLabeler, processes: int
) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    """Name, cells and problems of every report, in their order; few chunks are under way at any time."""
    context = get_context("spawn")
    pool = nullcontext() if processes == 1 else ProcessPoolExecutor(processes, mp_context=context)
    waiting: deque[tuple[list[str], Future | list]] = deque()
    with pool as executor:
        for chunk in _chunks(reports):
            names, texts = [name for name, _ in chunk], [text for _, text in chunk]
            job = _label_chunk(labeler, texts) if executor is None else executor.submit(_label_chunk, labeler, texts)
            waiting.append((names, job))
            while len(waiting) > (3 * processes if executor else 0):
                yield from _results(*waiting.popleft())
        while waiting:
            yield from _results(*waiting.popleft())


def _results(names: list[str], job: Future | list) -> Iterator[tuple[str, np.ndarray, list[str]]]:
    results = job.result() if isinstance(job, Future) else job
    for name, (cells, problems) in zip(names, results, strict=True):
        yield name, cells, problems


def label_reports(
    source: str | PathLike[str],
    output: str | PathLike[str],
    labeler: ReportLabeler | None = None,
    report_column: str = "report",
    text_column: str = "text",
    processes: int = 1,
    progress: bool = True,
) -> ReportSummary:
    """Label every report of an archive into the one table of labels.

    Memory does not grow with the archive but by some 100 bytes a report, which tell names that come twice.

    Args:
        source: a .csv, .jsonl or .parquet file, or a folder of .txt files (see
            :func:`~monai_pylon.labeler.read_reports`).
        output: the CSV file to write; beside it, as NAME_problems.csv, a row for everything odd about a report.
        labeler: None for the one that comes with the package.
        report_column: the column with the report's name.
        text_column: the column with its text.
        processes: how many processes share the work.
        progress: whether to show a progress bar (where tqdm is there).

    Returns:
        the summary. Every report has rows in the table; a name that comes again gets "#2", "#3" and so on behind it.

    Raises:
        ValueError: where the source or a column is missing.

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
    path = Path(output)
    part, odd = path.with_name(path.name + ".part"), path.with_name(f"{path.stem}_problems.csv")
    reports = read_reports(source, report_column, text_column)
    tqdm, has_tqdm = optional_import("tqdm", name="tqdm")
    total = count_reports(source) if progress and has_tqdm else None
    seen: Counter[bytes] = Counter()
    labels: Counter[str] = Counter()
    problems_seen: Counter[str] = Counter()
    with_labels = 0
    with part.open("w", encoding="utf-8", newline="") as table, odd.open("w", encoding="utf-8", newline="") as other:
        rows, problem_rows = csv.writer(table, lineterminator="\n"), csv.writer(other, lineterminator="\n")
        rows.writerow(LABEL_TABLE_COLUMNS)
        problem_rows.writerow(("report", "problem"))
        labelled = _labelled(reports, labeler, processes)
        for name, cells, problems in tqdm(labelled, total=total, unit="report") if total else labelled:
            key = blake2b(name.encode("utf-8", "replace"), digest_size=8).digest()
            seen[key] += 1
            if seen[key] > 1:
                name, problems = f"{name}#{seen[key]}", [*problems, "name comes again"]
            made = table_rows(name, cells)
            rows.writerows(made)
            problem_rows.writerows((name, problem) for problem in problems)
            problems_seen.update(problems)
            labels.update(row[1] for row in made if row[1])
            with_labels += bool(made[0][1])
    part.replace(path)
    order = dict(sorted(labels.items(), key=lambda item: -item[1]))
    return ReportSummary(sum(seen.values()), with_labels, order, dict(problems_seen))
