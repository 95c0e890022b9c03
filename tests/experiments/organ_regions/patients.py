"""Patients of the experiment: those of :mod:`tests.experiments.axialnet_cohort`, all of them or fewer."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.organs import possible_locations
from tests.experiments.axialnet_cohort import EARLIER, LABELS, SECTIONS, _inner, make_patient, read

TEST = "test, plain"
#: Number of patients by section for each cohort; "earlier" are the patients on whom the encoder is trained.
COHORTS = {
    "small": {"training": 80, "validation": 24, TEST: 60, "earlier": 24},
    "more": {"training": 120, "validation": 24, TEST: 60, "earlier": 24},
    "full": {"training": 300, "validation": 80, TEST: 100, "earlier": 120},
}
#: Organs in which each label may lie (M, 3), from the taxonomy.
ORGANS = possible_locations()[[CHEST_CT_LABELS.index(label) for label in LABELS.values()]]


class Patients(NamedTuple):
    """Patients of a section: images, organ labels (N, 1, X, Y, Z), labels, locations, lesions in blocks, and fat."""

    images: torch.Tensor
    organs: torch.Tensor
    labels: torch.Tensor
    locations: np.ndarray
    lesions: torch.Tensor
    fat: torch.Tensor


def make_patients(folder: Path, cohort: str) -> None:
    """Write the patients that are missing in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, count in COHORTS[cohort].items():
        first, _, confounded = SECTIONS.get(name, (EARLIER[0], 0, False))
        for seed in range(first, first + count):
            path = folder / f"{seed:05d}.npz"
            if not path.is_file():
                part = path.with_suffix(".part.npz")
                np.savez_compressed(part, **make_patient(seed, confounded))  # type: ignore[arg-type]
                part.rename(path)


def read_patients(folder: Path, name: str, count: int) -> Patients:
    """Read the patients of a section."""
    keys = ("image", "masks", "label", "locations", "lesions", "fat")
    image, masks, label, locations, lesions, fat = read(folder, SECTIONS[name][0], count, *keys)
    return Patients(
        _inner(image[:, None]),
        _inner(masks[:, None]),
        torch.from_numpy(label).float(),
        locations,
        _inner(lesions.astype(np.int32)),
        torch.from_numpy(fat),
    )


def read_earlier(folder: Path, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Read images (N, 1, X, Y, Z) and tissues (N, T, x, y, z) of the patients on whom the encoder is trained."""
    image, tissues = read(folder, EARLIER[0], count, "image", "tissues")
    return _inner(image[:, None]), _inner(tissues)
