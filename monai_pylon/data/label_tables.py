"""Tables that say of each scan which labels it has, and perhaps where: read whole, row by row, errors with their line.

Two forms of columns: *wide*, one for each label (`lung nodule`); and *label at place*, one for each pair, joined by a
star (`lung nodule*left lung`). Capitals, spaces and underscores do not matter. RAD-ChestCT's own tables have
abnormalities and places of a finer kind (`nodule*left_upper`); they become labels and organs as the paper's authors
have it.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.taxonomy import (
    CHEST_CT_LABELS,
    ORGANS,
    labels_of_abnormality,
    possible_locations,
    rad_chestct_label,
    rad_chestct_places,
)
from monai_pylon.utils import check, check_choice
from monai_pylon.utils.tables import read_cells

__all__ = ["ScanLabels", "read_scan_labels", "scan_label_rows", "table_header"]

_LOGGER = logging.getLogger(__name__)
_VALUES = {"0": 0.0, "1": 1.0, "0.0": 0.0, "1.0": 1.0, "": np.nan}
#: What the column of the scans may be called in tables of RAD-ChestCT that call it otherwise: an index without a name.
_UNNAMED = ("", "volumeacc deid", "unnamed: 0")
_UNSIDED = {"drop": (False, False, False), "both": (True, False, True)}


class ScanLabels(NamedTuple):
    """What a table says of N scans and M labels.

    Attributes:
        facts: of each scan, its cells of the columns asked for.
        label: float32 (N, M), 1 present, 0 absent, NaN where the table does not say.
        locations: bool (N, M, 3), right lung, mediastinum, left lung; None where the table names no places.

    Example:
        >>> ScanLabels([{"scan": "a"}], np.zeros((1, 80), np.float32), None).label.shape
        (1, 80)
    """

    facts: list[dict[str, str]]
    label: np.ndarray
    locations: np.ndarray | None


class _Column(NamedTuple):
    """Where a column's values go: which label, and in which organs; none is for a column that says presence alone."""

    cell: int
    label: int
    organs: tuple[bool, ...]


def _plain(name: str) -> str:
    return " ".join(name.strip().lower().replace("_", " ").split())


def _misspelt(name: str, names: Iterable[str]) -> str:
    """The name that is meant; empty where none is that near: other columns are none of ours."""
    return next(iter(difflib.get_close_matches(name, list(names), n=1, cutoff=0.85)), "")


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    if not file.is_file():
        raise FileNotFoundError(f"{file} must exist: the table of the scans' labels.")
    yield from read_cells(file)


def table_header(file: Path) -> list[str]:
    """The names of a table's columns.

    Args:
        file: a CSV.

    Returns:
        the first row that is not empty; an empty list where there is none.

    Raises:
        FileNotFoundError: where there is no such file.

    Example:
        >>> table_header(Path("labels.csv"))
        Traceback (most recent call last):
        ...
        FileNotFoundError: labels.csv must exist: the table of the scans' labels.
    """
    return next(_rows(file), (1, []))[1]


def _release_columns(header: Sequence[str], labels: Sequence[str], missing_side: str) -> tuple[list[_Column], bool]:
    """The columns of RAD-ChestCT's tables, and whether they name places."""
    found, placed = [], False
    places = sorted(rad_chestct_places(), key=len, reverse=True)
    for index, cell in enumerate(header):
        name = cell.strip().lower().replace(" ", "_")
        abnormality, star, place = name.partition("*")
        if not star:  # the authors' organ first, as in right_lung_nodule and h_great_vessel_aneurysm
            short = name.removeprefix("h_")
            place = next((p for p in places if short.startswith(f"{p}_")), "")
            abnormality = short.removeprefix(f"{place}_") if place else name
        pair = rad_chestct_label(abnormality, place) if place else None
        if pair is not None:
            label, organs = pair
            placed = True
            organs = organs if any(organs) else _UNSIDED[missing_side]
            if label in labels and any(organs):
                found.append(_Column(index, labels.index(label), organs))
        elif not star and len(alone := labels_of_abnormality(name)) == 1 and alone[0] in labels:
            found.append(_Column(index, labels.index(alone[0]), ()))
    return found, placed


def _plain_columns(
    file: Path, header: Sequence[str], labels: Sequence[str], facts: Sequence[str]
) -> tuple[list[_Column], bool]:
    """The columns of one's own tables, and whether they name places."""
    names, organs = {_plain(label): k for k, label in enumerate(labels)}, [_plain(organ) for organ in ORGANS]
    found, placed = [], False
    for index, cell in enumerate(header):
        label, star, organ = (_plain(part) for part in cell.partition("*"))
        if star:
            place = f"{file}: column {cell!r}"
            check(organ in organs, place, f"a label at one of {', '.join(ORGANS)}", organ)
            near = "" if label in names else _misspelt(label, names)
            check(not near, place, "one of the labels", label, f"Did you mean {near!r}?")
            placed = True
        if label in names:
            where = tuple(organ == one for one in organs) if star else ()
            found.append(_Column(index, names[label], where))
        elif not star and label not in facts and (near := _misspelt(label, [*names, *facts])):
            check(False, f"{file}: column", "a label, or one of " + ", ".join(facts), cell, f"Did you mean {near!r}?")
    return found, placed


def _matrices(values: np.ndarray, columns: Sequence[_Column], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Label (N, M), NaN where unknown, and locations (N, M, 3) from the columns' values (N, K)."""
    label = np.full((len(values), count), np.nan, dtype=np.float32)
    locations = np.zeros((len(values), count, 3), dtype=bool)
    for k in range(count):
        mine = [place for place, column in enumerate(columns) if column.label == k]
        if mine:
            cells = values[:, mine]
            present, unknown = (cells == 1).any(axis=1), np.isnan(cells).any(axis=1)
            label[:, k] = np.where(present, 1, np.where(unknown, np.nan, 0))
        for place in mine:
            if columns[place].organs:
                locations[:, k] |= (values[:, place] == 1)[:, None] & np.array(columns[place].organs)
    return label, locations


def _read_cells(
    file: Path, header: Sequence[str], columns: Sequence[_Column], wanted: dict[str, int]
) -> tuple[list[dict[str, str]], np.ndarray]:
    """Of each row the facts, and the values (N, K) of the columns."""
    facts, values = [], []
    rows = _rows(file)
    next(rows, None)
    for line, row in rows:
        check(len(row) == len(header), f"{file}, line {line}:", f"of {len(header)} columns", len(row))
        numbers = [_VALUES.get(row[column.cell].strip(), -1.0) for column in columns]
        if -1.0 in numbers:
            bad = columns[numbers.index(-1.0)].cell
            check(False, f"{file}, line {line}: {header[bad]}", "0, 1 or empty", row[bad])
        facts.append({name: row[index].strip() for name, index in wanted.items()})
        values.append(numbers)
    check(bool(facts), str(file), "a table with a row for each scan", "one without rows")
    return facts, np.array(values, dtype=np.float32)


def read_scan_labels(
    file: Path,
    labels: Sequence[str],
    facts: Sequence[str] = ("scan", "patient", "section"),
    release: bool = False,
    missing_side: str = "drop",
) -> ScanLabels:
    """Read a table of labels, in the wide form or in that of labels at places.

    Args:
        file: the CSV.
        labels: the names of the M labels.
        facts: which other columns to take where they are there; the first one tells scans apart and must be there.
        release: whether it is a table of RAD-ChestCT. (Its wide form cannot tell `lung nodule` from `mediastinum
            nodule`: such labels are unknown.)
        missing_side: what becomes of an abnormality whose place is the lungs or the airways without a side, in tables
        of
            RAD-ChestCT: "drop" takes it for absent, as the paper's authors do; "both" puts it in both lungs.

    Returns:
        the labels, in the table's order. A label without a column is NaN; in RAD-ChestCT's form with places, absent.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: where no column is a label's, one is misspelt, a cell is not 0, 1 or empty, a scan comes twice.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "t.csv").write_text("scan,mass*right lung,mass*left lung\\na,0,1\\n")
        ...     table = read_scan_labels(Path(folder, "t.csv"), ["mass"])
        >>> table.label.tolist(), table.locations.tolist()
        ([[1.0]], [[[False, False, True]]])
    """
    check_choice(missing_side, _UNSIDED, "missing_side")
    labels = tuple(labels)
    header = table_header(file)
    known = [_plain(name) for name in header]
    wanted = {name: known.index(_plain(name)) for name in facts if _plain(name) in known}
    if release and header and known[0] in _UNNAMED:
        wanted.setdefault(facts[0], 0)
    remedy = f"It has {', '.join(header[:4])} ..." if header else "It is empty."
    check(facts[0] in wanted, str(file), f"a table with a column {facts[0]!r}", "one without", remedy)
    if release:
        columns, placed = _release_columns(header, labels, missing_side)
    else:
        columns, placed = _plain_columns(file, header, labels, [_plain(name) for name in facts])
    wish = f"a table with a column for each label, such as {labels[0]!r}"
    check(bool(columns), str(file), wish, "one without any", remedy)
    told, values = _read_cells(file, header, columns, wanted)
    seen: dict[str, int] = {}
    for number, fact in enumerate(told):
        name = fact[facts[0]]
        remedy = f"The scan is there twice, in rows {seen.get(name, 0) + 1} and {number + 1}."
        check(bool(name) and name not in seen, f"{file}: {facts[0]}", "a name of its own in each row", name, remedy)
        seen[name] = number
    label, locations = _matrices(values, columns, len(labels))
    if release and placed:  # such a table has a column for whatever was found at all
        without = [name for k, name in enumerate(labels) if np.isnan(label[:, k]).all()]
        if without:
            _LOGGER.warning("%s has no column for %s: taken for absent.", file, ", ".join(without[:5]))
        label = np.nan_to_num(label, nan=0)
    return ScanLabels(told, label, locations if placed else None)


def scan_label_rows(
    scans: Sequence[str], locations: np.ndarray, labels: Sequence[str] = CHEST_CT_LABELS, **facts: Sequence[str]
) -> list[dict[str, str | int]]:
    """A table of labels at places as :func:`read_scan_labels` reads it: for ``write_rows("scans/labels.csv", rows)``.

    Args:
        scans: N paths below the folder.
        locations: (N, M, 3), true or 1 where a label lies in right lung, mediastinum, left lung, as a report labeler's
            ``label_matrix`` gives it; NaN where that is not known: an empty cell.
        labels: names of the M labels.
        facts: further columns, N cells each, such as ``patient`` and ``section``.

    Returns:
        a row for each scan, values by column. Of the 80 labels of RAD-ChestCT only the organs have a column in which
        they may lie, or do here.

    Raises:
        ValueError: where there are not as many rows, labels or cells, or a value is none of these.

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
    lies = dict(zip(CHEST_CT_LABELS, possible_locations(), strict=True))
    wanted = np.array([lies.get(label, [True] * len(ORGANS)) for label in labels], dtype=bool) | present.any(axis=0)
    places = [(f"{labels[m]}*{ORGANS[o]}", m, o) for m, o in np.argwhere(wanted)]
    rows: list[dict[str, str | int]] = []
    for k, scan in enumerate(scans):
        told = {name: str(cells[k]) for name, cells in facts.items()}
        values = {name: "" if unknown[k, m, o] else int(present[k, m, o]) for name, m, o in places}
        rows.append({"scan": str(scan), **told, **values})
    return rows
