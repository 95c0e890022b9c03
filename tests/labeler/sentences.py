"""Our own sentences with the cells they mean (sentences.csv), and how well a labeler does on them step by step.

The second set was written after the first had been used to mend rules, and scored before any rule was mended for it.
The third and the fourth were written together by somebody who had seen neither the rules nor the labeler's program nor
the earlier sets (but for four rows), and were put down before either was scored. A label is given for what is named, by
its word, a synonym or a kind of it, never for what merely follows from it (pneumonia is no infection).

Their truth was once brought to what the first two sets call by another name ("suspicious for", "concerning for" and
"suggests" are possible, not probable; a nodular something is a nodule too; a dilated chamber is cardiomegaly; an
airspace opacity is an opacity alone; coronary atherosclerosis is heart atherosclerosis alone): five sentences of the
third set, after its first scoring; six of the fourth, before any.

The fifth set is 30 whole reports, written after all mending with the first four by somebody who by then knew the rules,
and put down before it was scored.
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
    written: str  # the set, by when it was written
    text: str
    cells: np.ndarray  # bool (80, 3)


def own_sentences(written: str = "") -> list[OwnSentence]:
    """The sentences of sentences.csv, of one set or all. A lung finding without a side means both lungs there."""
    made = []
    with Path(__file__).with_name("sentences.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if written not in ("", row["set"]):
                continue
            cells = np.zeros((len(CHEST_CT_LABELS), 3), dtype=bool)
            for part in filter(None, row["cells"].split(";")):
                label, _, places = part.strip().rpartition(":")
                cells[CHEST_CT_LABELS.index(label), [_COLUMNS[place] for place in places]] = True
            made.append(OwnSentence(row["set"], row["sentence"], cells))
    return made


def f1(truth: np.ndarray, found: np.ndarray) -> float:
    """F1 over all entries of two arrays of the same shape, (N,), (N, M) or (N, M, 3)."""
    return 2 * int((truth & found).sum()) / (int(truth.sum()) + int(found.sum()))


def step_scores(labeler: ReportLabeler, written: str = "") -> dict[str, float]:
    """F1 of each step, on a set or all: is anything abnormal, which labels, which label in which place."""
    sentences = own_sentences(written)
    truth = np.stack([sentence.cells for sentence in sentences])
    found = labeler.label_matrix([sentence.text for sentence in sentences])
    return {
        "phrases": f1(truth.any(axis=(1, 2)), found.any(axis=(1, 2))),
        "terms": f1(truth.any(axis=2), found.any(axis=2)),
        "cells": f1(truth, found),
    }
