"""States of labels: present, absent, uncertain or not mentioned, for each report, label and organ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike

import numpy as np

from monai_pylon.labeler.findings import ABSENT, NOT_MENTIONED, PRESENT, UNCERTAIN, Evidence
from monai_pylon.taxonomy import ORGANS
from monai_pylon.utils import check
from monai_pylon.utils.tables import csv_writers

__all__ = ["label_states", "report_states", "training_labels", "write_states"]

_STRENGTH = {NOT_MENTIONED: 0, ABSENT: 1, UNCERTAIN: 2, PRESENT: 3}
_BY_STRENGTH = np.array([NOT_MENTIONED, ABSENT, UNCERTAIN, PRESENT], dtype=np.int8)
_RANK = np.array([1, 3, 0, 2], dtype=np.int8)  # of the states 0, 1, -2 and -1: these index from the end


def report_states(evidence: Iterable[Evidence], labels: Sequence[str]) -> np.ndarray:
    """Combine the evidence of one report.

    Args:
        evidence: Evidence of the report.
        labels: Names of K labels; evidence for others is left out.

    Returns:
        int8 (K, 3): 1 present, 0 absent, -1 uncertain, -2 not mentioned, in right lung, mediastinum, left lung. If
        sentences contradict each other, present goes before uncertain, and that before absent.

    Example:
        >>> from monai_pylon.labeler import ReportLabeler
        >>> report_states(ReportLabeler().trace("Left effusion."), ["pleural effusion", "pneumothorax"]).tolist()
        [[-2, -2, 1], [-2, -2, -2]]
    """
    index = {label: number for number, label in enumerate(labels)}
    ranks = np.zeros((len(index), len(ORGANS)), dtype=np.int8)
    for one in evidence:
        row = index.get(one.finding.abnormality)
        if row is not None:
            for organ in one.organs:
                column = ORGANS.index(organ)
                ranks[row, column] = max(ranks[row, column], _STRENGTH[one.state])
    return _BY_STRENGTH[ranks]


def label_states(states: np.ndarray) -> np.ndarray:
    """Reduce states to one for each label, regardless of the organ.

    Args:
        states: int8 (N, M, 3).

    Returns:
        int8 (N, M): 1 if present in any organ, else -1 if uncertain in any, else 0 if absent in any, else -2.

    Example:
        >>> label_states(np.array([[[-2, -2, 1], [0, -2, -2]]])).tolist()
        [[1, 0]]
    """
    return _BY_STRENGTH[_RANK[np.asarray(states, dtype=np.int8)].max(axis=-1)]


def training_labels(states: np.ndarray, not_mentioned: str = "absent", uncertain: str = "unknown") -> np.ndarray:
    """Convert states to values for training.

    Args:
        states: int8 array (N, M, 3), or of any other shape.
        not_mentioned: "absent" (0) or "unknown" (NaN).
        uncertain: "present" (1), "absent" (0) or "unknown" (NaN).

    Returns:
        Float32 array of the shape of ``states``, (N, M, 3): 1 present, 0 absent, NaN unknown. The loss leaves unknown
        labels out, and the mask loss forbids no cell of them.

    Raises:
        ValueError: If an option has another value.

    Example:
        >>> training_labels(np.array([1, 0, -1, -2]), not_mentioned="unknown").tolist()
        [1.0, 0.0, nan, nan]
    """
    values = {"present": 1.0, "absent": 0.0, "unknown": np.nan}
    check(not_mentioned in ("absent", "unknown"), "not_mentioned", "'absent' or 'unknown'", not_mentioned)
    check(uncertain in values, "uncertain", "'present', 'absent' or 'unknown'", uncertain)
    table = np.array([0.0, 1.0, values[not_mentioned], values[uncertain]], dtype=np.float32)
    return table[np.asarray(states, dtype=np.int8)]


def state_cells(states: np.ndarray) -> list[str]:
    """Write the states (M, 3) of a report as table cells, one for each label: 1, 0, -1, or nothing if not mentioned."""
    return ["" if value == NOT_MENTIONED else str(value) for value in label_states(states).tolist()]


def write_states(
    path: str | PathLike[str],
    reports: Sequence[str],
    states: np.ndarray,
    labels: Sequence[str],
    organs: bool = False,
    name_column: str = "report",
) -> None:
    """Write states as a table in the form of CheXpert: 1, 0, -1, or nothing if not mentioned.

    Args:
        path: CSV file to write.
        reports: Names of N reports.
        states: int8 (N, M, 3), such as from :meth:`~monai_pylon.labeler.ReportLabeler.states`.
        labels: Names of the M labels.
        organs: Whether to write a column for each label in each organ (``lung nodule*left lung``) instead of one for
            each label.
        name_column: Name of the first column; "image" for a table from which the X-ray bundle trains.

    Raises:
        ValueError: If the shapes do not agree.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "states.csv")
        ...     write_states(file, ["a"], np.array([[[-2, -2, 1], [0, -2, 0], [-2, -2, -2]]]), ["x", "y", "z"])
        ...     file.read_text()
        'report,x,y,z\\na,1,0,\\n'
    """
    states = np.asarray(states)
    shape = (len(reports), len(labels), len(ORGANS))
    check(states.shape == shape, "states", f"of shape {shape}", states)
    columns = [f"{label}*{organ}" for label in labels for organ in ORGANS] if organs else list(labels)
    rows = states.reshape(len(reports), len(columns)) if organs else label_states(states)
    with csv_writers(path) as [writer]:
        writer.writerow((name_column, *columns))
        for report, row in zip(reports, rows.tolist(), strict=True):
            writer.writerow((report, *("" if value == NOT_MENTIONED else value for value in row)))
