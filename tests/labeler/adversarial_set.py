"""Adversarial sentences and reports (folder adversarial), and the score of a labeler on them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.labeler import ReportLabeler
from monai_pylon.taxonomy import CHEST_CT_LABELS
from tests.labeler.sentences import f1

#: Sets by the time of writing.
SETS = ("first", "second", "third", "fourth", "fifth", "sixth")
FOLDER = Path(__file__).with_name("adversarial")
_COLUMNS = {"R": 0, "M": 1, "L": 2}


class AdversarialText(NamedTuple):
    name: str
    text: str
    kind: str
    cells: np.ndarray  # bool (80, 3): stated and probable findings
    optional: np.ndarray  # bool (80, 3): right either way


class AdversarialScore(NamedTuple):
    exact: float  # share of texts with exactly the right labels and places
    cells: float  # F1 over labels and places
    wrong: list[str]  # names of the other texts


def _rows(name: str) -> list[dict[str, str]]:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _mark(cells: np.ndarray, label: str, organs: str) -> None:
    cells[CHEST_CT_LABELS.index(label), [_COLUMNS[organ] for organ in organs]] = True


def _cells(written: str) -> np.ndarray:
    """Return the cells of "label:organs; label:organs"."""
    cells = np.zeros((len(CHEST_CT_LABELS), 3), dtype=bool)
    for part in filter(None, written.split("; ")):
        _mark(cells, *part.rsplit(":", 1))
    return cells


def _first_set(part: str) -> list[AdversarialText]:
    texts: dict[str, AdversarialText] = {}
    for row in _rows(part):
        text = texts.setdefault(row["id"], AdversarialText(row["id"], row["text"], row["kind"], _cells(""), _cells("")))
        if row["state"] in ("present", "probable"):
            _mark(text.cells, row["label"], row["cells"])
    for row in _rows("optional"):
        if row["id"] in texts:
            _mark(texts[row["id"]].optional, row["label"], row["cells"])
    return list(texts.values())


def adversarial_texts(part: str, written: str = "first") -> list[AdversarialText]:
    """Return the "sentences" or the "reports" of a set."""
    if written == "first":
        return _first_set(part)
    return [
        AdversarialText(row["id"], row["text"], row["kind"], _cells(row["cells"]), _cells(row["optional"]))
        for row in _rows(f"{written}_{part}")
    ]


def adversarial_score(labeler: ReportLabeler, part: str, tolerant: bool, written: str = "first") -> AdversarialScore:
    """Score a labeler; if tolerant, optional labels are taken out of the output and the truth."""
    texts = adversarial_texts(part, written)
    truth = np.stack([text.cells for text in texts])
    found = labeler.label_matrix([text.text for text in texts])
    if tolerant:
        required = ~np.stack([text.optional for text in texts]) | truth
        found &= required
    right = (truth == found).all(axis=(1, 2))
    return AdversarialScore(
        float(right.mean()), f1(truth, found), [text.name for text, ok in zip(texts, right, strict=True) if not ok]
    )
