"""Figures of an evaluation for parts of the patients: by view, sex and age."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from monai_pylon.workflows.bundle.evaluation import auroc_intervals, localization_intervals

__all__ = ["patient_facts", "subgroup_masks", "subgroup_metrics"]

_VIEWS = ("PA", "AP")
_SEXES = ("F", "M")
_AGES = ((0, 40, "age below 40"), (40, 65, "age 40 to 64"), (65, np.inf, "age 65 and above"))


def patient_facts(batch: Mapping[str, Any], count: int) -> torch.Tensor:
    """Return view, sex and age of a batch as numbers.

    Args:
        batch: "view" ("PA", "AP" or ""), "sex" ("F", "M" or "") and "age" (years or NaN), each optional.
        count: Number of radiographs N.

    Returns:
        (N, 3) float32: number of the view and of the sex, -1 if unknown, and the age.

    Example:
        >>> patient_facts({"view": ["AP"], "age": [70.0]}, 1).tolist()
        [[1.0, -1.0, 70.0]]
    """

    def numbers(key: str, known: tuple[str, ...]) -> list[float]:
        values = batch.get(key, [""] * count)
        return [float(known.index(value)) if value in known else -1.0 for value in values]

    ages = [float(age) for age in batch.get("age", [np.nan] * count)]
    return torch.tensor([numbers("view", _VIEWS), numbers("sex", _SEXES), ages], dtype=torch.float32).T


def subgroup_masks(facts: np.ndarray) -> dict[str, np.ndarray]:
    """Return the members of each subgroup that has any.

    Args:
        facts: (N, 3), see :func:`patient_facts`.

    Returns:
        Masks (N,) by name, such as "view AP", "sex F" and "age 40 to 64".

    Example:
        >>> {name: mask.tolist() for name, mask in subgroup_masks(np.array([[1, -1, 70], [0, -1, np.nan]])).items()}
        {'view PA': [False, True], 'view AP': [True, False], 'age 65 and above': [True, False]}
    """
    masks = {f"view {name}": facts[:, 0] == k for k, name in enumerate(_VIEWS)}
    masks |= {f"sex {name}": facts[:, 1] == k for k, name in enumerate(_SEXES)}
    masks |= {name: (low <= facts[:, 2]) & (facts[:, 2] < high) for low, high, name in _AGES}
    return {name: mask for name, mask in masks.items() if mask.any()}


def subgroup_metrics(
    facts: np.ndarray,
    scores: np.ndarray,
    truth: np.ndarray,
    hits: np.ndarray | None,
    patients: np.ndarray,
    labels: Sequence[str],
    num_resamples: int = 1000,
) -> dict[str, dict[str, Any]]:
    """Compute AUROC and point localization of each subgroup, with bootstrap intervals by patient.

    Args:
        facts: (N, 3), see :func:`patient_facts`.
        scores: Logits (N, M).
        truth: Labels (N, M) of 1, 0 and NaN.
        hits: Hits (N, M) of point localization; None without.
        patients: Patients (N,).
        labels: Names of the M labels.
        num_resamples: Bootstrap samples.

    Returns:
        For each subgroup "images", "auroc" (mean of the classes) and "point_localization" (mean of the instances), each
        with estimate, low, high and n.

    Example:
        >>> facts = np.array([[1.0, -1.0, np.nan]] * 2)
        >>> scores, truth = np.array([[0.1], [0.9]]), np.array([[0.0], [1.0]])
        >>> found = subgroup_metrics(facts, scores, truth, None, [1, 2], ["Mass"], 20)
        >>> list(found), found["view AP"]["auroc"]["estimate"]
        (['view AP'], 1.0)
    """
    found = {}
    for name, mask in subgroup_masks(facts).items():
        who = np.asarray(patients)[mask]
        areas = auroc_intervals(scores[mask], truth[mask], who, labels, num_resamples)
        found[name] = {"images": int(mask.sum()), "auroc": areas["macro"]}
        if hits is not None:
            points = localization_intervals(hits[mask], who, labels, num_resamples)
            found[name]["point_localization"] = points["weighted"]
    return found
