"""Sentences of this project with their true labels (sentences.csv), and the scores of a labeler on them by step.

The rules were corrected with the first set. The second set was written after that and scored before any correction for
it. One author wrote the third and the fourth set without knowledge of the rules, the program and the earlier sets
(except for four rows); both were final before either was scored. A label is given for a finding that the sentence
names, by its term, a synonym or a subtype, never for an inference (pneumonia is no infection).

Once, the truth of the third and the fourth set was adapted to the conventions of the first two: "suspicious for",
"concerning for" and "suggests" are possible, not probable; a nodular structure is also a nodule; a dilated chamber is
cardiomegaly; an airspace opacity is only an opacity; coronary atherosclerosis is only heart atherosclerosis. This
changed five sentences of the third set, after its first scoring, and six of the fourth, before any.

The fifth set is 30 whole reports. They were written after all corrections with the first four sets, by an author who
knew the rules, and were final before they were scored.
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
    written: str  # name of the set
    text: str
    cells: np.ndarray  # bool (80, 3)


def own_sentences(written: str = "") -> list[OwnSentence]:
    """Return the sentences of one set or all; there, a lung finding without a side is in both lungs."""
    made = []
    with Path(__file__).with_name("sentences.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if written not in ("", row["set"]):
                continue
            cells = np.zeros((len(CHEST_CT_LABELS), 3), dtype=bool)
            for part in filter(None, row["cells"].split(";")):
                label, _, organs = part.strip().rpartition(":")
                cells[CHEST_CT_LABELS.index(label), [_COLUMNS[organ] for organ in organs]] = True
            made.append(OwnSentence(row["set"], row["sentence"], cells))
    return made


def labels_and_locations(labeler: ReportLabeler, text: str) -> dict[str, set[str]]:
    """Return the labels of a text with all their locations."""
    locations: dict[str, set[str]] = {}
    for finding in labeler.label(text):
        locations.setdefault(finding.abnormality, set()).update(finding.locations)
    return locations


def f1(truth: np.ndarray, found: np.ndarray) -> float:
    """Return F1 over all entries of two arrays of the same shape, (N,), (N, M) or (N, M, 3)."""
    return 2 * int((truth & found).sum()) / (int(truth.sum()) + int(found.sum()))


def step_scores(labeler: ReportLabeler, written: str = "") -> dict[str, float]:
    """Return F1 of each step on a set or all: any abnormality, its labels, and labels with locations."""
    sentences = own_sentences(written)
    truth = np.stack([sentence.cells for sentence in sentences])
    found = labeler.label_matrix([sentence.text for sentence in sentences])
    return {
        "phrases": f1(truth.any(axis=(1, 2)), found.any(axis=(1, 2))),
        "terms": f1(truth.any(axis=2), found.any(axis=2)),
        "cells": f1(truth, found),
    }
