"""Labels of a radiograph run: those of the dataset, or of the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np

from monai_pylon.data.datasets.public_datasets import find_dataset
from monai_pylon.data.labeled_radiographs.datalist import has_own_labels, own_label_names
from monai_pylon.networks.checkpoints import read_description
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["checkpoint_labels", "choose_labels", "dataset_labels"]


def dataset_labels(dataset_dir: str | PathLike[str]) -> tuple[str, ...]:
    """Return the labels of a dataset.

    Args:
        dataset_dir: A folder or table with labels of your own, a folder of ChestX-ray14, VinDr-CXR, MS-CXR or
            CheXlocalize, or "phantom".

    Returns:
        The label columns of the table, or the labels of the dataset; for phantoms the 14 findings of ChestX-ray14.

    Example:
        >>> dataset_labels("phantom")[:2]
        ('Atelectasis', 'Cardiomegaly')
    """
    if has_own_labels(dataset_dir):
        return own_label_names(dataset_dir)
    public = find_dataset(dataset_dir, "radiograph")
    return CHEST_XRAY14_LABELS if public is None else public.labels


def checkpoint_labels(
    checkpoint: str | PathLike[str], dataset_dir: str | PathLike[str] | None = None
) -> tuple[str, ...]:
    """Return the labels of a trained network.

    Args:
        checkpoint: File with the weights, with its description beside it.
        dataset_dir: Dataset whose labels a checkpoint without description has; None for those of ChestX-ray14.

    Returns:
        The labels that the description names; if it names none, the 14 findings of ChestX-ray14.

    Example:
        >>> len(checkpoint_labels("models/model.pt"))
        14
    """
    description = read_description(checkpoint)
    if not description and dataset_dir is not None:
        return dataset_labels(dataset_dir)
    network = description.get("network")
    return tuple((network.get("labels") if isinstance(network, Mapping) else None) or CHEST_XRAY14_LABELS)


def choose_labels(
    items: Sequence[Mapping[str, Any]], known: Sequence[str], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """Reduce the labels and boxes of a data list to some of its labels.

    Args:
        items: Items with label (L,) and boxes (K, 5) [x1, y1, x2, y2, class].
        known: Names of the L labels of the items.
        labels: Names of the M labels to keep, in their new order.

    Returns:
        Copies of the items with label (M,) and the boxes of these labels, with their new numbers.

    Raises:
        TypeError: If labels is no list.
        ValueError: If a label is unknown or occurs twice; the error names the nearest known one.

    Example:
        >>> item = {"label": np.array([0, 1]), "boxes": np.array([[1, 2, 3, 4, 0], [5, 6, 7, 8, 1]])}
        >>> choose_labels([item], ["Mass", "Nodule"], ["Nodule"])[0]["boxes"].tolist()
        [[5, 6, 7, 8, 0]]
    """
    remedy = "Write --labels \"['first', 'second']\"."
    check_type(labels, (list, tuple), "labels", remedy)
    check(len(labels) > 0 and len(set(labels)) == len(labels), "labels", "different names", labels, remedy)
    if tuple(labels) == tuple(known):
        return [dict(item) for item in items]
    for label in labels:
        check_choice(label, known, "labels")
    kept = np.array([list(known).index(label) for label in labels])
    number = np.full(len(known), -1)
    number[kept] = np.arange(len(kept))
    chosen = []
    for item in items:
        boxes = np.array(item["boxes"])
        boxes[:, 4] = number[boxes[:, 4].astype(int)]
        chosen.append({**item, "label": item["label"][kept], "boxes": boxes[boxes[:, 4] >= 0]})
    return chosen
