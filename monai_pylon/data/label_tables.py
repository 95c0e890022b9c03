"""Tables with the labels of each scan and, optionally, their locations; errors name the line.

Two forms of columns: *wide*, one for each label (`lung nodule`); and *label at location*, one for each pair, joined by
a star (`lung nodule*left lung`). Case, spaces and underscores are ignored. RAD-ChestCT's own tables have finer
abnormalities and locations (`nodule*left_upper`), which are mapped to labels and organs as by the paper's authors.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.taxonomy.organs import possible_locations
from monai_pylon.taxonomy.rad_chestct import labels_of_abnormality, rad_chestct_label, rad_chestct_places
from monai_pylon.utils import check, check_choice
from monai_pylon.utils.tables import read_cells

__all__ = ["ScanLabels", "read_scan_labels", "scan_label_rows", "table_header"]

_LOGGER = logging.getLogger(__name__)
_VALUES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "": np.nan}
#: Other names of the first column, with the scans, in tables of RAD-ChestCT.
_UNNAMED = ("", "volumeacc deid", "unnamed: 0")
#: Right lung, mediastinum and left lung of an abnormality without a side.
_WITHOUT_SIDE = {"drop": (False, False, False), "both": (True, False, True)}


class ScanLabels(NamedTuple):
    """Labels of N scans and M labels in a table.

    Attributes:
        facts: Cells of the other requested columns, for each scan.
        label: float32 (N, M), 1 present, 0 absent, NaN unknown.
        locations: bool (N, M, 3), right lung, mediastinum, left lung; None if the table has no locations.

    Example:
        >>> ScanLabels([{"scan": "a"}], np.zeros((1, 80), np.float32), None).label.shape
        (1, 80)
    """

    facts: list[dict[str, str]]
    label: np.ndarray
    locations: np.ndarray | None


class _Column(NamedTuple):
    """Column of a table: its index, its label, and its organs, empty for a column of presence only."""

    cell: int
    label: int
    organs: tuple[bool, ...]


def _plain(name: str) -> str:
    return " ".join(name.strip().lower().replace("_", " ").split())


def _misspelt(name: str, names: Iterable[str]) -> str:
    """Return the name that is meant, or an empty text if none is very similar."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.85)), "")


def table_header(file: Path) -> list[str]:
    """Return the names of a table's columns.

    Args:
        file: A CSV file.

    Returns:
        The first row that is not empty; an empty list if there is none.

    Raises:
        FileNotFoundError: If there is no such file.

    Example:
        >>> table_header(Path("labels.csv"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: labels.csv must be a CSV file that exists.
    """
    return next((row for _, row in read_cells(file)), [])


def _release_columns(header: Sequence[str], labels: Sequence[str], missing_side: str) -> tuple[list[_Column], bool]:
    """Return the label columns of a RAD-ChestCT table, and whether they have locations."""
    found, located = [], False
    for index, cell in enumerate(header):
        name = cell.strip().lower().replace(" ", "_")
        abnormality, star, location = name.partition("*")
        if not star:  # the organ comes first, as in right_lung_nodule and h_great_vessel_aneurysm
            short = name.removeprefix("h_")
            location = next((p for p in rad_chestct_places() if short.startswith(f"{p}_")), "")
            abnormality = short.removeprefix(f"{location}_") if location else name
        pair = rad_chestct_label(abnormality, location) if location else None
        if pair is not None:
            label, organs = pair
            located = True
            organs = organs if any(organs) else _WITHOUT_SIDE[missing_side]
            if label in labels and any(organs):
                found.append(_Column(index, labels.index(label), organs))
        elif not star and len(alone := labels_of_abnormality(name)) == 1 and alone[0] in labels:
            found.append(_Column(index, labels.index(alone[0]), ()))
    return found, located


def _plain_columns(
    file: Path, header: Sequence[str], labels: Sequence[str], facts: Sequence[str]
) -> tuple[list[_Column], bool]:
    """Return the label columns of a user's table, and whether they have locations."""
    names, organs = {_plain(label): k for k, label in enumerate(labels)}, [_plain(organ) for organ in ORGANS]
    found, located = [], False
    for index, cell in enumerate(header):
        label, star, organ = (_plain(part) for part in cell.partition("*"))
        if star:
            where = f"{file}: column {cell!r}"
            check(organ in organs, where, f"a label at one of {', '.join(ORGANS)}", organ)
            near = "" if label in names else _misspelt(label, names)
            check(not near, where, "one of the labels", label, f"Did you mean {near!r}?")
            located = True
        if label in names:
            here = tuple(organ == one for one in organs) if star else ()
            found.append(_Column(index, names[label], here))
        elif not star and label not in facts and (near := _misspelt(label, [*names, *facts])):
            check(False, f"{file}: column", "a label, or one of " + ", ".join(facts), cell, f"Did you mean {near!r}?")
    return found, located


def _matrices(values: np.ndarray, columns: Sequence[_Column], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute label (N, M), NaN if unknown, and locations (N, M, 3) from the values (N, K) of the columns."""
    label = np.full((len(values), count), np.nan, dtype=np.float32)
    locations = np.zeros((len(values), count, 3), dtype=bool)
    for k in range(count):
        own = [index for index, column in enumerate(columns) if column.label == k]
        if own:
            cells = values[:, own]
            present, unknown = (cells == 1).any(axis=1), np.isnan(cells).any(axis=1)
            label[:, k] = np.where(present, 1, np.where(unknown, np.nan, 0))
        for index in own:
            if columns[index].organs:
                locations[:, k] |= (values[:, index] == 1)[:, None] & np.array(columns[index].organs)
    return label, locations


def _read_cells(
    file: Path, header: Sequence[str], columns: Sequence[_Column], wanted: dict[str, int]
) -> tuple[list[dict[str, str]], np.ndarray]:
    """Read the other columns of each row, and the values (N, K) of the label columns."""
    facts, values = [], []
    rows = read_cells(file)
    next(rows, None)
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(f"{file}, line {line}: the row has {len(row)} cells for {len(header)} columns.")
        numbers = [_VALUES.get(row[column.cell].strip(), -1.0) for column in columns]
        if -1.0 in numbers:
            bad = columns[numbers.index(-1.0)].cell
            check(False, f"{file}, line {line}: {header[bad]}", "0, 1 or empty", row[bad])
        facts.append({name: row[index].strip() for name, index in wanted.items()})
        values.append(numbers)
    if not facts:
        raise ValueError(f"{file} has no rows. Write one row for each scan.")
    return facts, np.array(values, dtype=np.float32)


def read_scan_labels(
    file: Path,
    labels: Sequence[str],
    facts: Sequence[str] = ("scan", "patient", "section"),
    release: bool = False,
    missing_side: str = "drop",
) -> ScanLabels:
    """Read a table of labels, wide or with locations.

    Args:
        file: The CSV file.
        labels: Names of the M labels.
        facts: Other columns to read if present. The first one identifies the scan and is required.
        release: Whether it is a table of RAD-ChestCT. Its wide form does not separate `lung nodule` from `mediastinum
            nodule`: such labels are unknown.
        missing_side: Treatment of abnormalities in lungs or airways without a side, in tables of RAD-ChestCT: "drop"
            makes them absent, as the paper's authors do; "both" puts them in both lungs.

    Returns:
        The labels, in the order of the table. A label without a column is NaN; in RAD-ChestCT's form with locations,
        absent.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If no column is a label, one is misspelt, a cell is not 0, 1 or empty, or a scan is repeated.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "t.csv").write_text("scan,mass*right lung,mass*left lung\\na,0,1\\n")
        ...     table = read_scan_labels(Path(folder, "t.csv"), ["mass"])
        >>> table.label.tolist(), table.locations.tolist()
        ([[1.0]], [[[False, False, True]]])
    """
    check_choice(missing_side, _WITHOUT_SIDE, "missing_side")
    labels = tuple(labels)
    header = table_header(file)
    known = [_plain(name) for name in header]
    wanted = {name: known.index(_plain(name)) for name in facts if _plain(name) in known}
    if release and header and known[0] in _UNNAMED:
        wanted.setdefault(facts[0], 0)
    content = f"It has {', '.join(header[:4])} ..." if header else "It is empty."
    if facts[0] not in wanted:
        raise ValueError(f"{file} has no column {facts[0]!r}. {content}")
    if release:
        columns, located = _release_columns(header, labels, missing_side)
    else:
        columns, located = _plain_columns(file, header, labels, [_plain(name) for name in facts])
    if not columns:
        raise ValueError(f"{file} has no column of a label, such as {labels[0]!r}. {content}")
    others, values = _read_cells(file, header, columns, wanted)
    seen: dict[str, int] = {}
    for number, fact in enumerate(others, start=1):
        name = fact[facts[0]]
        if not name:
            raise ValueError(f"{file}: row {number} has no {facts[0]!r}. Fill the cell.")
        if name in seen:
            raise ValueError(f"{file}: scan {name!r} is in rows {seen[name]} and {number}. Keep one row for each scan.")
        seen[name] = number
    label, locations = _matrices(values, columns, len(labels))
    if release and located:  # such a table has a column for every abnormality that occurs
        without = [name for k, name in enumerate(labels) if np.isnan(label[:, k]).all()]
        if without:
            _LOGGER.warning("%s has no column for %s. They are absent in all scans.", file, ", ".join(without[:5]))
        label = np.nan_to_num(label, nan=0)
    return ScanLabels(others, label, locations if located else None)


def scan_label_rows(
    scans: Sequence[str], locations: np.ndarray, labels: Sequence[str] = CHEST_CT_LABELS, **facts: Sequence[str]
) -> list[dict[str, str | int]]:
    """Return a table of labels at locations for :func:`read_scan_labels`.

    Write it by ``write_rows("scans/labels.csv", rows)``.

    Args:
        scans: N paths below the folder.
        locations: (N, M, 3), true or 1 if a label is in right lung, mediastinum, left lung, as returned by
            ``label_matrix`` of a report labeler; NaN, an empty cell, if unknown.
        labels: Names of the M labels.
        facts: Further columns, N cells each, such as ``patient`` and ``section``.

    Returns:
        A row for each scan, values by column. For the 80 labels of RAD-ChestCT, only organs in which the label is
        possible, or present here, have a column.

    Raises:
        ValueError: If the number of rows, labels or cells differs, or a value is not 0, 1 or NaN.

    Example:
        >>> rows = scan_label_rows(["a.nii.gz"], np.array([[[1, np.nan, 0]]]), ["stone"], section=["test"])
        >>> rows
        [{'scan': 'a.nii.gz', 'section': 'test', 'stone*right lung': 1, 'stone*mediastinum': '', 'stone*left lung': 0}]
    """
    matrix = np.asarray(locations).astype(np.float32)
    shape = (len(scans), len(labels), len(ORGANS))
    check(matrix.shape == shape, "locations", f"of shape {shape}", matrix)
    present, unknown = matrix == 1, np.isnan(matrix)
    check(bool((present | unknown | (matrix == 0)).all()), "locations", "0, 1 or NaN everywhere", matrix)
    for name, cells in facts.items():
        check(len(cells) == len(scans), name, f"{len(scans)} cells, one for each scan", len(cells))
    possible = dict(zip(CHEST_CT_LABELS, possible_locations(), strict=True))
    wanted = np.array([possible.get(label, [True] * len(ORGANS)) for label in labels], dtype=bool) | present.any(axis=0)
    columns = [(f"{labels[m]}*{ORGANS[o]}", m, o) for m, o in np.argwhere(wanted)]
    rows: list[dict[str, str | int]] = []
    for k, scan in enumerate(scans):
        others = {name: str(cells[k]) for name, cells in facts.items()}
        values = {name: "" if unknown[k, m, o] else int(present[k, m, o]) for name, m, o in columns}
        rows.append({"scan": str(scan), **others, **values})
    return rows
