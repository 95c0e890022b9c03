"""Label tables from the classes of CheXbert, the CheXpert labeler and CT-RATE.

Their classes have no side, so a lung label is present in both lungs. ``same`` in ``taxonomy/label_sets.csv`` maps their
classes to labels of the same meaning. About all other labels these programs say nothing: they are unknown.
"""

from __future__ import annotations

from collections import Counter
from os import PathLike
from pathlib import Path

import numpy as np

from monai_pylon.labeler.label_table import LabelTable, table_of
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.label_sets import label_set, organs_of_labels
from monai_pylon.utils import check, check_choice
from monai_pylon.utils.tables import open_table

__all__ = ["chexbert_labels", "ct_rate_labels"]

_VALUES = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "-1": -1, "-1.0": -1, "": None}
#: Value of a class that is uncertain or about which nothing is said.
_MEANINGS = {"unknown": np.nan, "absent": 0.0, "present": 1.0}
_NO_FINDING = "No Finding"


def _class_table(
    path: str | PathLike[str], set_name: str, report_column: str | None, blank: str, uncertain: str
) -> LabelTable:
    """Read a table with a column for each class of a label set."""
    check_choice(blank, ("unknown", "absent"), "blank")
    check_choice(uncertain, _MEANINGS, "uncertain")
    classes = label_set(set_name)
    meaning = {name: same for name, same in zip(classes.labels, classes.same, strict=True) if same in CHEST_CT_LABELS}
    source = Path(path).expanduser()
    check(source.is_file(), "path", "a CSV file", str(source))
    columns, rows = open_table(source)
    own = {" ".join(column.split()): column for column in columns}
    check(report_column is None or report_column in columns, "report_column", f"a column of {source.name}", columns)
    check(any(name in own for name in meaning), "path", f"a file with the classes of {set_name} as columns", columns)
    organs = organs_of_labels()
    found: dict[str, np.ndarray] = {}
    unknown: dict[str, np.ndarray] = {}
    unmatched: Counter[str] = Counter()
    for number, (line, row) in enumerate(rows):
        name = row[report_column].strip() if report_column else str(number)
        check(bool(name), f"{source.name} line {line}", f"a name in {report_column}", name, "Fill in the cell.")
        check(name not in found, f"{source.name} line {line}", "a name that no other line has", name, "Remove one.")
        values = np.full((len(CHEST_CT_LABELS), 3), np.nan)
        for known in classes.labels:
            if known not in own:
                continue
            cell = row[own[known]].strip()
            cell = "" if cell.lower() in ("nan", "none") else cell
            check(cell in _VALUES, f"{source.name} line {line}: {known}", "1, 0, -1 or empty", cell)
            value = _VALUES[cell]
            if known not in meaning:
                unmatched[known] += value == 1 and known != _NO_FINDING
                continue
            number_value = _MEANINGS[blank if value is None else uncertain] if value in (None, -1) else float(value)
            row_values = values[CHEST_CT_LABELS.index(meaning[known])]
            row_values[:] = 0
            row_values[organs[meaning[known]]] = number_value
        found[name], unknown[name] = values == 1, np.isnan(values)
    return table_of(found, {name: count for name, count in unmatched.items() if count}, unknown)


def chexbert_labels(
    path: str | PathLike[str], report_column: str | None = None, blank: str = "unknown", uncertain: str = "unknown"
) -> LabelTable:
    """Read labels from CheXbert or the CheXpert labeler.

    Args:
        path: Their CSV file, with a column for each class that holds 1, 0, -1 (uncertain) or nothing.
        report_column: Column with the names of the reports; None names them by row number, from 0.
        blank: Meaning of an empty cell, which says nothing about the class: "unknown" or "absent".
        uncertain: Meaning of -1: "unknown", "absent" or "present".

    Returns:
        The table, with ``present`` (N, 80, 3). All labels that are none of the classes are ``unknown``.

    Raises:
        ValueError: If the file or the column is missing, a name is repeated, or a value is none of the four.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "chexbert.csv")
        ...     _ = file.write_text("Study,Cardiomegaly,Edema,Fracture\\ns1,1.0,-1.0,1.0\\n")
        ...     table = chexbert_labels(file, "Study")
        >>> table.reports, int(table.present.any(axis=2).sum()), table.unmatched
        (['s1'], 1, {'Fracture': 1})
    """
    return _class_table(path, "CheXpert-14", report_column, blank, uncertain)


def ct_rate_labels(path: str | PathLike[str], report_column: str | None = "VolumeName") -> LabelTable:
    """Read CT-RATE's predicted labels (``train_predicted_labels.csv``, ``valid_predicted_labels.csv``).

    Args:
        path: Their CSV file, with a column for each of the 18 classes that holds 1 or 0.
        report_column: Column with the names of the scans; None names them by row number, from 0.

    Returns:
        The table, with ``present`` (N, 80, 3). All labels that are none of the classes are ``unknown``.
        "Lymphadenopathy" becomes that of the mediastinum, "Pulmonary fibrotic sequela" fibrosis.

    Raises:
        ValueError: If the file or the column is missing, a name is repeated, or a value is neither 1 nor 0.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "labels.csv")
        ...     _ = file.write_text("VolumeName,Cardiomegaly,Emphysema\\nvalid_1_a_1.nii.gz,1,0\\n")
        ...     values = ct_rate_labels(file).values
        >>> values[0, CHEST_CT_LABELS.index("emphysema")].tolist()
        [0.0, 0.0, 0.0]
    """
    return _class_table(path, "CT-RATE-18", report_column, "unknown", "unknown")
