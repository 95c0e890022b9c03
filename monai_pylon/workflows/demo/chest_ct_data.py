"""The phantom CTs of the demo: nodules and masses go with body fat, which the demo's AxialNet may fall for."""

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

#: The phantom's finding -> the label; the first two go with fat.
CT_DEMO_FINDINGS = {"nodule": "lung nodule", "mass": "lung mass", "effusion": "pleural effusion"}
#: What the encoder learns to see before it meets any label: no finding is among it.
CT_DEMO_TISSUES = ("fat", "muscle", "bone", "heart", "aorta", "lung", "lung vessel")
_SHAPE, _SPACING, _GRID = (80, 80, 54), (5.0, 5.0, 5.6), (10, 10, 18)
_FAT_MEDIAN = 15.5  # mm; phantoms have 7 to 24


class DemoCTs(NamedTuple):
    """Phantom CTs with what is known of them.

    Attributes:
        hu: (N, 1, X, Y, Z).
        labels: (N, M): lung nodule, lung mass, pleural effusion.
        allowed: (N, M, *grid) bool, the organs of each finding on AxialNet's grid.
        tissues: (N, T, *grid) bool, which tissues each cell holds.
        regions: (N, M, X, Y, Z) bool, the same organs on the voxels.
        heights: (N, M), the slice through each finding's middle; 0 where it is absent.

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
    """The findings of a phantom patient, by chance.

    Args:
        seed: the patient.
        confounded: whether nodules and masses go with the patient's fat (8 in 10 of the stouter half, 1 in 10 of the
            leaner one), or are equally frequent in both.

    Returns:
        some of "nodule", "mass", "effusion".

    Example:
        >>> demo_ct_findings(1, confounded=True)
        ['nodule', 'mass']
    """
    stout = make_anatomy(np.random.default_rng([seed, 0])).fat > _FAT_MEDIAN  # phantom_chest_ct's own patient
    bound = (0.8 if stout else 0.1) if confounded else 0.45
    chances = dict(zip(CT_DEMO_FINDINGS, (bound, bound, 0.3), strict=True))
    drawn = np.random.default_rng([seed, 7]).random(len(CT_DEMO_FINDINGS))
    return [name for name, number in zip(CT_DEMO_FINDINGS, drawn, strict=True) if number < chances[name]]


def demo_cts(count: int, first_seed: int, confounded: bool) -> DemoCTs:
    """Phantom CTs of (80, 80, 54) voxels with nodules, masses and effusions.

    Args:
        count: N, how many.
        first_seed: of the first one.
        confounded: whether nodules and masses go with body fat.

    Returns:
        images and what is known of them.

    Example:
        >>> demo_cts(1, first_seed=1, confounded=True).labels.tolist()
        [[1.0, 1.0, 0.0]]
    """
    rows: list[tuple[np.ndarray, ...]] = []
    names = [CHEST_CT_LABELS.index(label) for label in CT_DEMO_FINDINGS.values()]
    for seed in range(first_seed, first_seed + count):
        found = demo_ct_findings(seed, confounded)
        switches: dict[str, Any] = {"nodules": 4 * ("nodule" in found), "mass": "mass" in found}
        made = phantom_chest_ct(seed, _SHAPE, _SPACING, effusion="effusion" in found, severity=0.6, **switches)
        locations = made.locations[names]
        cells = [made.structures == PHANTOM_STRUCTURES[tissue] for tissue in CT_DEMO_TISSUES]
        shares = functional.adaptive_avg_pool3d(torch.from_numpy(np.stack(cells)).float(), _GRID)
        organs = np.stack([made.organs == value for value in (1, 2, 3)])
        regions = np.einsum("mo,oxyz->mxyz", locations.astype(np.uint8), organs.astype(np.uint8)) > 0
        allowed = allowed_regions(made.organs, locations, _GRID)
        middles = [_middle(made.lesions.get(name)) for name in CT_DEMO_FINDINGS]
        known = np.asarray(allowed), (shares > 0).numpy(), regions, np.array(middles)
        rows.append((made.image[None], made.labels[names].astype(np.float32), *known))
    return DemoCTs(*(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)))


def _middle(lesion: np.ndarray | None) -> int:
    """The slice in the middle of a lesion (X, Y, Z); 0 where there is none."""
    if lesion is None or not lesion.any():
        return 0
    return int(np.median(np.nonzero(lesion)[2]))
