"""Phantom CTs of the demo, in which nodules and masses are correlated with body fat."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct
from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions

__all__ = ["CT_DEMO_FINDINGS", "CT_DEMO_TISSUES", "DemoCTs", "demo_ct_findings", "demo_cts"]

#: Label by finding of the phantom; the first two are correlated with fat.
CT_DEMO_FINDINGS = {"nodule": "lung nodule", "mass": "lung mass", "effusion": "pleural effusion"}
#: Tissues that the encoder is pretrained on; no finding is among them.
CT_DEMO_TISSUES = ("fat", "muscle", "bone", "heart", "aorta", "lung", "lung vessel")
_SHAPE, _SPACING, _GRID = (80, 80, 54), (5.0, 5.0, 5.6), (10, 10, 18)
_FAT_MEDIAN = 15.5  # mm; phantoms have 7 to 24


class DemoCTs(NamedTuple):
    """Phantom CTs with their labels, allowed regions and tissues.

    Attributes:
        hu: Voxels (N, 1, X, Y, Z) in HU.
        labels: Labels (N, M): lung nodule, lung mass, pleural effusion.
        allowed: Organs of each finding (N, M, *grid) on AxialNet's grid, bool.
        tissues: Tissues in each grid cell (N, T, *grid), bool.
        regions: Organs of each finding (N, M, X, Y, Z) on the voxels, bool.
        heights: Index (N, M) of the slice through the middle of each finding; 0 if it is absent.

    Example:
        >>> DemoCTs._fields[0]
        'hu'
    """

    hu: torch.Tensor
    labels: torch.Tensor
    allowed: torch.Tensor
    tissues: torch.Tensor
    regions: torch.Tensor
    heights: torch.Tensor


def demo_ct_findings(seed: int, confounded: bool) -> list[str]:
    """Draw the findings of a phantom patient.

    Args:
        seed: Seed of the patient.
        confounded: Whether nodules and masses depend on the patient's fat: 8 in 10 patients of the half with more fat
            have them, 1 in 10 of the other half. If False, they are equally frequent in both.

    Returns:
        A subset of "nodule", "mass", "effusion".

    Example:
        >>> demo_ct_findings(1, confounded=True)
        ['nodule', 'mass']
    """
    more_fat = make_anatomy(np.random.default_rng([seed, 0])).fat > _FAT_MEDIAN  # as phantom_chest_ct draws it
    dependent = (0.8 if more_fat else 0.1) if confounded else 0.45
    chances = dict(zip(CT_DEMO_FINDINGS, (dependent, dependent, 0.3), strict=True))
    drawn = np.random.default_rng([seed, 7]).random(len(CT_DEMO_FINDINGS))
    return [name for name, number in zip(CT_DEMO_FINDINGS, drawn, strict=True) if number < chances[name]]


def demo_cts(count: int, first_seed: int, confounded: bool) -> DemoCTs:
    """Draw phantom CTs of (80, 80, 54) voxels with nodules, masses and effusions.

    Args:
        count: Number N of CTs.
        first_seed: Seed of the first CT; the others follow.
        confounded: Whether nodules and masses depend on body fat.

    Returns:
        CTs with labels, allowed regions and tissues.

    Example:
        >>> demo_cts(1, first_seed=1, confounded=True).labels.tolist()
        [[1.0, 1.0, 0.0]]
    """
    rows: list[tuple[np.ndarray, ...]] = []
    indices = [CHEST_CT_LABELS.index(label) for label in CT_DEMO_FINDINGS.values()]
    for seed in range(first_seed, first_seed + count):
        findings = demo_ct_findings(seed, confounded)
        options: dict[str, Any] = {"nodules": 4 * ("nodule" in findings), "mass": "mass" in findings}
        phantom = phantom_chest_ct(seed, _SHAPE, _SPACING, effusion="effusion" in findings, severity=0.6, **options)
        locations = phantom.locations[indices]
        tissues = [phantom.structures == PHANTOM_STRUCTURES[tissue] for tissue in CT_DEMO_TISSUES]
        shares = functional.adaptive_avg_pool3d(torch.from_numpy(np.stack(tissues)).float(), _GRID)
        organs = np.stack([phantom.organs == value for value in (1, 2, 3)])
        regions = np.einsum("mo,oxyz->mxyz", locations.astype(np.uint8), organs.astype(np.uint8)) > 0
        allowed = np.asarray(allowed_regions(phantom.organs, locations, _GRID))
        heights = np.array([_middle_slice(phantom.lesions.get(name)) for name in CT_DEMO_FINDINGS])
        labels = phantom.labels[indices].astype(np.float32)
        rows.append((phantom.image[None], labels, allowed, (shares > 0).numpy(), regions, heights))
    return DemoCTs(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))


def _middle_slice(lesion: np.ndarray | None) -> int:
    """Return the index of the slice in the middle of a lesion (X, Y, Z); 0 without a lesion."""
    if lesion is None or not lesion.any():
        return 0
    return int(np.median(np.nonzero(lesion)[2]))
