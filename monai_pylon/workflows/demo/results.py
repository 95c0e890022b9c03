"""Results of the demo beside the truth of its phantoms, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from monai_pylon.networks import load_checkpoint
from monai_pylon.reports.page.content import percent
from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.utils import check
from monai_pylon.visualize import audit_explanation
from monai_pylon.workflows.bundle import explained_layer, make_network
from monai_pylon.workflows.cohort.page_writer import audit_sentences
from monai_pylon.workflows.demo.checkpoints import demo_checkpoint, demo_description

__all__ = ["audit_of_demo", "dice_by_organ", "figures_sentence", "finding_rows", "place_of_peak"]


def dice_by_organ(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compute the Dice coefficient of each organ.

    Args:
        found: Organ labels (X, Y, Z).
        truth: True organ labels (X, Y, Z).

    Returns:
        Dice coefficient by organ, 0 to 1; NaN if neither has the organ.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> dice = dice_by_organ(np.array([[[1, 1, 3]]]), np.array([[[1, 0, 3]]]))
        >>> {organ: round(value, 2) for organ, value in dice.items()}
        {'right lung': 0.67, 'mediastinum': nan, 'left lung': 1.0}
    """
    check(found.shape == truth.shape, "found", f"of the truth's shape {truth.shape}", found)
    dice = {}
    for organ, value in ORGAN_VALUES.items():
        a, b = found == value, truth == value
        total = int(a.sum() + b.sum())
        dice[organ] = 2 * int((a & b).sum()) / total if total else float("nan")
    return dice


def place_of_peak(lesion: np.ndarray, peak: Sequence[int], spacing: Sequence[float], unit: str) -> str:
    """Say where the peak of a map lies with respect to a finding.

    Args:
        lesion: Pixels or voxels of the finding (*spatial), bool, not empty.
        peak: Position of the peak in pixels or voxels.
        spacing: Distance of pixels or voxels along each axis.
        unit: Unit of the spacing.

    Returns:
        "on the finding", or the distance to the nearest pixel or voxel of the finding.

    Example:
        >>> place_of_peak(np.array([[True, False, False]]), (0, 2), (2.0, 2.0), "mm")
        '4 mm beside the finding'
    """
    if lesion[tuple(peak)]:
        return "on the finding"
    offsets = (np.argwhere(lesion) - np.asarray(peak)) * np.asarray(spacing)
    return f"{np.linalg.norm(offsets, axis=1).min():.0f} {unit} beside the finding"


def finding_rows(
    row: Mapping[str, str],
    labels: Sequence[str],
    mapped: str,
    truth: Mapping[str, np.ndarray],
    spacing: Sequence[float],
    unit: str,
) -> list[dict[str, str]]:
    """Put the findings of a case beside the truth, the most probable first.

    Args:
        row: Row of the table of results, with the probability of each label and with "peaks".
        labels: Names of the labels.
        mapped: Column with the names of the labels that have a map.
        truth: Pixels (W, H) or voxels (X, Y, Z) of each finding that is present, by label, bool.
        spacing: Distance of pixels or voxels.
        unit: Unit of the spacing.

    Returns:
        Rows with "finding", "probability", "true" and "strongest evidence".

    Example:
        >>> row = {"Mass": "0.9", "Nodule": "0.2", "top": "Mass", "peaks": "1 0"}
        >>> finding_rows(row, ["Mass", "Nodule"], "top", {"Mass": np.array([[0], [1]])}, (1.0, 1.0), "pixels")[0]
        {'finding': 'Mass', 'probability': '90 %', 'true': 'yes', 'strongest evidence': 'on the finding'}
    """
    peaks = dict(zip(row[mapped].split("; "), row["peaks"].split("; "), strict=True))
    rows = []
    for name in sorted(labels, key=lambda name: -float(row[name])):
        there = name in truth
        place = ""
        if there and name in peaks:
            place = place_of_peak(truth[name], [int(number) for number in peaks[name].split()], spacing, unit)
        values = (name, percent(float(row[name])), "yes" if there else "no", place)
        rows.append(dict(zip(("finding", "probability", "true", "strongest evidence"), values, strict=True)))
    return rows


def audit_of_demo(bundle: str) -> list[str]:
    """Audit the maps of a demo checkpoint, and put the result into words.

    Args:
        bundle: Name of the bundle.

    Returns:
        Sentences: whether the map is guaranteed to show what the score was made of, and why.

    Example:
        >>> audit_of_demo("chest_xray_classification_pylon")[0].split(":")[0]
        'Yes, as to what the network used'
    """
    description = demo_description(bundle)
    spec, inputs = description["network"], description["inputs"]
    options = {key: value for key, value in spec.items() if key != "labels"}
    network = make_network(options, bundle=bundle, num_classes=len(spec["labels"]))
    load_checkpoint(network, demo_checkpoint(bundle), spec, inputs)
    if bundle == "chest_ct_classification_axialnet":
        shape, layer, name = (*spec["image_size"][:2], 6), explained_layer(spec["name"]), "HiResCAM"
    else:
        shape, layer, name = (inputs["image_size"],) * 2, "head", "map"
    return audit_sentences(audit_explanation(network.eval(), layer or "", torch.zeros(1, 1, *shape)), name)


def figures_sentence(bundle: str) -> str:
    """Put the figures of a demo checkpoint on held-out phantoms into words.

    Args:
        bundle: Name of the bundle.

    Returns:
        The sentence.

    Example:
        >>> "other phantoms" in figures_sentence("chest_xray_classification_pylon")
        True
    """
    figures = demo_description(bundle)["figures"]
    every = figures["labels"]["all"]
    place = "on finding" if "peak on finding" in every else "in box"
    where = "on the finding" if place == "on finding" else "in the finding's box"
    return (
        f"Of {every['findings']} findings in {figures['patients']} other phantoms, {every[f'peak {place}']:.0%} have "
        f"their strongest evidence {where}; a random point lies there in {every[f'random {place}']:.0%}. Mean AUROC "
        f"{every['AUROC']:.2f}; chance is 0.50. The model card lists each label."
    )
