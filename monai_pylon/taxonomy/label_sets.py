"""Label sets of public datasets, and the mapping from the labels of the report labeler to each.

``label_sets.csv`` beside this module has a row for each label of a set: ``members`` are the labels of the report
labeler of which any makes it present, and ``same`` is the one with the same meaning, for the way back (empty if there
is none). Labels that are not among the 80 of RAD-ChestCT, such as a fracture, are in ``concepts.csv``.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from monai_pylon.taxonomy.labels import CHEST_CT_LABELS, read_table
from monai_pylon.taxonomy.organs import CHEST_CT_ORGANS, ORGANS
from monai_pylon.utils import check, check_choice

__all__ = ["LABEL_SETS", "LabelSet", "label_set", "merge_states", "organs_of_labels"]

_CHEST_CT = "RAD-ChestCT-80"
_NO_FINDING = "*"  # members of a label that is present if no other label of its set is

#: Names of the label sets.
LABEL_SETS: tuple[str, ...] = (_CHEST_CT, *dict.fromkeys(row["set"] for row in read_table("label_sets")))


class LabelSet(NamedTuple):
    """Labels of a dataset and the labels of the report labeler that each consists of.

    Attributes:
        name: Name of the set.
        labels: M labels, in the dataset's own order and spelling.
        members: Labels of the report labeler of which any makes each label present.
        same: Label of the report labeler with the same meaning; empty if there is none.

    Example:
        >>> label_set("ChestX-ray14").labels[2], label_set("ChestX-ray14").members[2]
        ('Effusion', ('pleural effusion',))
    """

    name: str
    labels: tuple[str, ...]
    members: tuple[tuple[str, ...], ...]
    same: tuple[str, ...]

    @property
    def locations(self) -> np.ndarray:
        """Return the organs that each label may occupy: bool (M, 3), right lung, mediastinum, left lung."""
        organs = organs_of_labels()
        anywhere = np.ones(len(ORGANS), dtype=bool)  # of "No Finding"
        rows = [np.any([organs.get(one, anywhere) for one in own], axis=0) for own in self.members]
        return np.array(rows, dtype=bool)


@cache
def label_set(name: str = _CHEST_CT) -> LabelSet:
    """Return a label set.

    Args:
        name: One of :data:`LABEL_SETS`: "RAD-ChestCT-80", "CT-RATE-18", "CheXpert-14" or "ChestX-ray14".

    Returns:
        The set.

    Raises:
        ValueError: If there is no such set; the error names the nearest one.

    Example:
        >>> [len(label_set(name).labels) for name in LABEL_SETS]
        [80, 18, 14, 14]
    """
    check_choice(name, LABEL_SETS, "name")
    if name == _CHEST_CT:
        return LabelSet(name, CHEST_CT_LABELS, tuple((label,) for label in CHEST_CT_LABELS), CHEST_CT_LABELS)
    rows = [row for row in read_table("label_sets") if row["set"] == name]
    members = tuple(tuple(row["members"].split(";")) for row in rows)
    return LabelSet(name, tuple(row["label"] for row in rows), members, tuple(row["same"] for row in rows))


@cache
def organs_of_labels() -> dict[str, np.ndarray]:
    """Return the organs that each label of the report labeler may occupy: its 80 labels and the further concepts.

    Returns:
        Bool array (3,) for each label: right lung, mediastinum, left lung. A label elsewhere, such as a fracture, may
        occupy all three, so that no attention to it is penalized.

    Example:
        >>> organs_of_labels()["hernia"].tolist(), organs_of_labels()["fracture"].tolist()
        ([False, True, False], [True, True, True])
    """
    inside = {row["organ"]: np.array([row[organ] == "1" for organ in ORGANS]) for row in read_table("organs")}
    named = [*zip(CHEST_CT_LABELS, CHEST_CT_ORGANS, strict=True)]
    named += [(row["label"], row["organ"]) for row in read_table("concepts")]
    return {label: inside[organ] for label, organ in named}


def merge_states(states: np.ndarray, labels: tuple[str, ...], target: LabelSet) -> np.ndarray:
    """Map states of the report labeler's labels to a label set.

    In each organ a label is present if any of its members is, else uncertain if any is, else absent if any is, else not
    mentioned. "No Finding" is present if no other label except devices is present or uncertain and any is absent.

    Args:
        states: int8 (N, K, 3): 1 present, 0 absent, -1 uncertain, -2 not mentioned.
        labels: The K labels.
        target: The label set with M labels.

    Returns:
        int8 (N, M, 3).

    Raises:
        ValueError: If the shape does not fit, or the K labels lack a member.

    Example:
        >>> states = np.full((1, 2, 3), -2, np.int8)
        >>> states[0, 1, 1] = 1
        >>> one = LabelSet("mine", ("heart",), (("cardiomegaly", "heart failure"),), ("",))
        >>> merge_states(states, ("cardiomegaly", "heart failure"), one).tolist()
        [[[-2, 1, -2]]]
    """
    check(states.ndim == 3 and states.shape[1:] == (len(labels), 3), "states", f"(N, {len(labels)}, 3)", states)
    index = {label: number for number, label in enumerate(labels)}
    strength = np.array([1, 3, 0, 2], dtype=np.int8)  # of the states 0, 1, -2 and -1: these index from the end
    states_of = np.array([-2, 0, -1, 1], dtype=np.int8)
    ranks = strength[states]
    merged = np.zeros((len(states), len(target.labels), 3), dtype=np.int8)
    for number, members in enumerate(target.members):
        if members == (_NO_FINDING,):
            continue
        for member in members:
            check(member in index, "labels", f"with {member!r}", labels[:3])
        merged[:, number] = ranks[:, [index[member] for member in members]].max(axis=1)
    for number, members in enumerate(target.members):
        if members == (_NO_FINDING,):
            others = [k for k, label in enumerate(target.labels) if k != number and label != "Support Devices"]
            found = (merged[:, others] >= 2).any(axis=(1, 2))
            told = (merged[:, others] == 1).any(axis=(1, 2))
            merged[:, number] = np.where(found, 1, np.where(told, 3, 0))[:, None]
    return states_of[merged]
