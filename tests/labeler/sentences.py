"""Our own sentences with the cells they mean (sentences.csv), and how well a labeler does on them step by step.

The second set was written after the first had been used to mend rules, and scored before any rule was mended for it.
The third and the fourth were written together by somebody who had seen neither the rules nor the labeler's program nor
the earlier sets (but for four rows), and were put down before either was scored. What they count: a label is given for
what is named, by its word, a synonym or a kind of it, never for what merely follows from it (pneumonia is no infection);
"suspicious for", "suggests" and "consistent with" are probable, "may", "could", "versus" and "cannot be excluded" are not.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from monai_pylon.labeler import ReportLabeler
from monai_pylon.taxonomy import CHEST_CT_LABELS

_COLUMNS = {"R": 0, "M": 1, "L": 2}


class OwnSentence(NamedTuple):
    text: str
    cells: np.ndarray  # bool (80, 3)


def own_sentences() -> list[OwnSentence]:
    """The sentences of sentences.csv. A lung finding whose side is not told means both lungs there."""
    made = []
    with Path(__file__).with_name("sentences.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            cells = np.zeros((len(CHEST_CT_LABELS), 3), dtype=bool)
            for part in filter(None, row["cells"].split(";")):
                label, _, places = part.strip().rpartition(":")
                cells[CHEST_CT_LABELS.index(label), [_COLUMNS[place] for place in places]] = True
            made.append(OwnSentence(row["sentence"], cells))
    return made


def f1(truth: np.ndarray, found: np.ndarray) -> float:
    """F1 over all entries of two arrays of the same shape, (N,), (N, M) or (N, M, 3)."""
    return 2 * int((truth & found).sum()) / (int(truth.sum()) + int(found.sum()))


def step_scores(labeler: ReportLabeler) -> dict[str, float]:
    """F1 of each step: is anything abnormal in the sentence, which labels, which label in which place."""
    sentences = own_sentences()
    truth = np.stack([sentence.cells for sentence in sentences])
    found = labeler.label_matrix([sentence.text for sentence in sentences])
    return {
        "phrases": f1(truth.any(axis=(1, 2)), found.any(axis=(1, 2))),
        "terms": f1(truth.any(axis=2), found.any(axis=2)),
        "cells": f1(truth, found),
    }
