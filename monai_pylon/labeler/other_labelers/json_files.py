"""JSON files of other programs, and labels of the words in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.labeler.label_table import label_cells
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.taxonomy import ORGANS
from monai_pylon.taxonomy.label_sets import organs_of_labels
from monai_pylon.utils import check

__all__ = ["labels_of_phrase", "read_json"]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ValueError(f"An object has the key {twice!r} twice. Keep one of them.")
    return dict(pairs)


def read_json(path: str | PathLike[str]) -> Any:
    """Read a JSON file, or a file with one JSON value per line (JSON Lines) as a list.

    Args:
        path: The file.

    Returns:
        The value.

    Raises:
        ValueError: If the file does not exist, is not JSON, or an object repeats a key; the error names the line.

    Example:
        >>> read_json("missing.json")
        Traceback (most recent call last):
        ...
        ValueError: path must be a JSON file, but is 'missing.json'.
    """
    file = Path(path).expanduser()
    check(file.is_file(), "path", "a JSON file", str(file))
    text = file.read_text(encoding="utf-8-sig")
    try:
        return json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as whole:
        values = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                values += [json.loads(line, object_pairs_hook=_unique_keys)] if line.strip() else []
            except json.JSONDecodeError:
                line_wrong = number if values else whole.lineno
                raise ValueError(f"{file.name} line {line_wrong} is not JSON. The file was not read.") from None
        return values


def labels_of_phrase(labeler: ReportLabeler, name: str, places: Iterable[str]) -> np.ndarray:
    """Return the labels of a finding and its places, given as labels and organs or in free text.

    Args:
        labeler: Labeler for free text.
        name: The finding.
        places: Its places; may be empty.

    Returns:
        Bool array (M, 3), all false if the words mean no label there.

    Example:
        >>> labels_of_phrase(ReportLabeler(), "nodule", ["lingula"]).any(axis=0).tolist()
        [False, False, True]
    """
    places = [place.strip() for place in places if place.strip()]
    label = name.strip()
    cells = np.zeros((len(labeler.labels), len(ORGANS)), dtype=bool)
    if label in labeler.labels and all(place in ORGANS for place in places):
        row = organs_of_labels().get(label, np.ones(len(ORGANS), dtype=bool))
        here = np.array([organ in places for organ in ORGANS]) if places else row
        cells[labeler.labels.index(label)] = row & here
        return cells
    joined = " and ".join(places)
    for text in (f"{label} in the {joined}" if places else label, f"{joined} {label}"):
        cells = label_cells(labeler.label(text), labeler.labels) == 1
        if cells.any() or not places:  # "enlarged" has a meaning only after the heart
            break
    return cells
