"""Labels of the public datasets, and which of them mean the same as the labels of a network."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from monai_pylon.data.labeled_radiographs.tables import label_key
from monai_pylon.taxonomy.label_sets import LABEL_SETS, label_set
from monai_pylon.taxonomy.labels import read_table
from monai_pylon.utils import check

__all__ = ["match_labels", "public_labels", "relabel"]

_LOGGER = logging.getLogger(__name__)


def public_labels(dataset: str) -> tuple[str, ...]:
    """Return the labels of a public dataset.

    Args:
        dataset: "VinDr-CXR", "MS-CXR", "CheXlocalize", "LUNA16" or "CT-RATE".

    Returns:
        The labels, in the order of the label axis.

    Example:
        >>> public_labels("LUNA16"), len(public_labels("VinDr-CXR")), len(public_labels("CT-RATE"))
        (('lung nodule',), 28, 18)
    """
    if dataset == "CT-RATE":
        return label_set("CT-RATE-18").labels
    return tuple(row["label"] for row in read_table("dataset_labels") if row["dataset"] == dataset)


@cache
def _meanings() -> dict[str, str]:
    """Return the label of the report labeler that means the same as a label, by the label's key."""
    pairs = [
        (label, same)
        for name in LABEL_SETS
        for label, same in zip(label_set(name).labels, label_set(name).same, strict=True)
    ]
    pairs += [(row["label"], row["same"]) for row in read_table("dataset_labels")]
    return {label_key(label): same for label, same in pairs if same}


def match_labels(known: Sequence[str], wanted: Sequence[str]) -> list[int | None]:
    """Find for each label of a network the label of a dataset with the same name, or the same meaning.

    Args:
        known: L labels of the dataset.
        wanted: M labels of the network.

    Returns:
        M numbers of labels of the dataset; None where it has no such label.

    Example:
        >>> match_labels(["Pleural effusion", "Nodule/Mass"], ["Effusion", "Mass", "nodule/mass"])
        [0, None, 1]
    """
    by_name = {label_key(label): number for number, label in enumerate(known)}
    meanings = _meanings()
    by_meaning = {meanings[name]: number for name, number in by_name.items() if name in meanings}
    keys = [label_key(label) for label in wanted]
    return [by_name.get(key, by_meaning.get(meanings.get(key, key))) for key in keys]


def relabel(
    items: Sequence[Mapping[str, Any]], dataset: str, wanted: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Give the items of a public dataset the labels of a network.

    Args:
        items: Items with label (L,), and perhaps boxes or nodules (K, C), whose last column is the class, or masks,
            dictionaries with "label", the class.
        dataset: Name of the dataset; see :func:`public_labels`.
        wanted: M labels; None for those of the dataset.

    Returns:
        Copies of the items with label (M,) float32, NaN where the dataset does not have the label, and the boxes,
        nodules and masks of these labels with their new numbers.

    Raises:
        ValueError: If the dataset has none of the labels.

    Example:
        >>> item = {"label": np.array([1], np.float32), "boxes": np.array([[1.0, 2, 3, 4, 0]])}
        >>> found = relabel([item], "LUNA16", ["lung mass", "lung nodule"])[0]
        >>> found["label"].tolist(), found["boxes"].tolist()
        ([nan, 1.0], [[1.0, 2.0, 3.0, 4.0, 1.0]])
    """
    known = public_labels(dataset)
    names = known if wanted is None else tuple(wanted)
    numbers = match_labels(known, names)
    remedy = f"{dataset} has {', '.join(known[:6])} ..."
    check(any(number is not None for number in numbers), "labels", f"some of {dataset}", list(names)[:6], remedy)
    without = [name for name, number in zip(names, numbers, strict=True) if number is None]
    if without:
        more = f" and {len(without) - 6} more" if len(without) > 6 else ""
        _LOGGER.warning("%s does not have %s%s: left out.", dataset, ", ".join(without[:6]), more)
    new = {number: place for place, number in enumerate(numbers) if number is not None}
    return [_renumbered(item, numbers, new) for item in items]


def _renumbered(item: Mapping[str, Any], numbers: Sequence[int | None], new: Mapping[int, int]) -> dict[str, Any]:
    """Return a copy of an item with the labels, boxes and masks of a network."""
    label = np.array([np.nan if number is None else item["label"][number] for number in numbers], dtype=np.float32)
    found = {**item, "label": label}
    for key in {"boxes", "nodules"} & set(item):
        table = np.array([row for row in item[key] if int(row[-1]) in new], dtype=np.float32)
        table = table.reshape(-1, item[key].shape[1])
        table[:, -1] = [new[int(number)] for number in table[:, -1]]
        found[key] = table
    if "masks" in item:
        masks = [mask for mask in item["masks"] if mask["label"] in new]
        found["masks"] = [{**mask, "label": new[mask["label"]]} for mask in masks]
    return found
