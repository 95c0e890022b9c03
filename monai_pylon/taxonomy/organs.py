"""Organs of PARTITION, and the organs that each of the 80 chest CT labels may occupy.

Table 5 of the paper sorts the labels into lung labels and mediastinum labels (heart and great vessels included).
A lung label names no side: the report tells whether it lies in the right lung, the left lung or both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from monai_pylon.taxonomy.labels import CHEST_CT_LABELS, read_table

__all__ = [
    "CHEST_CT_ORGANS",
    "OK_MEANING",
    "ORGANS",
    "ORGAN_VALUES",
    "are_organ_labels",
    "organs_of_labels",
    "possible_locations",
]

#: Organs in the order of the last axis of location arrays (M, 3).
ORGANS: tuple[str, ...] = ("right lung", "mediastinum", "left lung")

#: Value of each organ in an organ label map (X, Y, Z); 0 is background.
ORGAN_VALUES: dict[str, int] = {organ: value for value, organ in enumerate(ORGANS, start=1)}

#: Meaning of the verdict "ok" of organ masks, wherever it is shown.
OK_MEANING = "plausible shape; dense lung and masses not judged"

#: Organ of each of the 80 labels: "lung", "heart", "great vessel" or "mediastinum".
CHEST_CT_ORGANS: tuple[str, ...] = tuple(row["organ"] for row in read_table("chest_ct"))


def are_organ_labels(labels: Any) -> bool:
    """Return whether a label map has no other values than those of organs and background; NaN is another value.

    Args:
        labels: Array or tensor (X, Y, Z), or of any other shape.

    Example:
        >>> are_organ_labels(np.array([0.0, 3.0])), are_organ_labels(np.array([1.0, np.nan]))
        (True, False)
    """
    return bool(((labels >= 0) & (labels <= len(ORGANS)) & (labels == labels.round())).all())


def possible_locations() -> np.ndarray:
    """Return the organs that each of the 80 chest CT labels may occupy (Table 5).

    Returns:
        New bool array (80, 3), rows as ``CHEST_CT_LABELS``, columns right lung, mediastinum, left lung.

    Example:
        >>> from monai_pylon.taxonomy import CHEST_CT_LABELS
        >>> possible_locations()[CHEST_CT_LABELS.index("cardiomegaly")].tolist()
        [False, True, False]
        >>> possible_locations()[CHEST_CT_LABELS.index("pneumonia")].tolist()
        [True, False, True]
    """
    columns = {row["organ"]: [row[organ] == "1" for organ in ORGANS] for row in read_table("organs")}
    return np.array([columns[organ] for organ in CHEST_CT_ORGANS], dtype=bool)


def organs_of_labels(labels: Sequence[str]) -> np.ndarray:
    """Return the organs that labels of any name may occupy.

    Args:
        labels: Names of the M labels.

    Returns:
        New bool array (M, 3), columns right lung, mediastinum, left lung: those of Table 5 for its labels, all three
        for other names.

    Example:
        >>> organs_of_labels(["cardiomegaly", "a label of your own"]).tolist()
        [[False, True, False], [True, True, True]]
    """
    known = dict(zip(CHEST_CT_LABELS, possible_locations(), strict=True))
    return np.array([known.get(name, np.ones(len(ORGANS), dtype=bool)) for name in labels], dtype=bool)
