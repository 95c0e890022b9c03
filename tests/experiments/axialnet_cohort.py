"""Patients of the AxialNet experiment: phantom chest CTs in which nodules and masses are correlated with body fat.

Fat does not cause nodules. In this cohort, patients with more fat have more of them, as patients with more fat have
more atherosclerosis in the paper's hospital. A network can then score a nodule that it does not see by the fat that it
sees. In half of the test patients, fat and findings are independent.

The volumes have about a quarter of the paper's size: voxels of 3.125 x 3.125 x 3.75 mm, so that the paper's 14 x 14
grid cells of 25 mm are 8 voxels wide, and 27 groups of three slices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct
from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.chest_ct import ChestCTPhantom
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions

SHAPE, SPACING, GRID = (128, 128, 81), (3.125, 3.125, 3.75), (16, 16, 27)
#: Networks see 350 of 400 mm in plane (the paper: 336 mm), one grid cell less on every side.
SEEN, SEEN_GRID = (112, 112, 81), (14, 14, 27)
#: Label of Table 5 by finding; the last two are painted here, the others by the phantom.
LABELS = {
    "nodule": "lung nodule",
    "mass": "lung mass",
    "effusion": "pleural effusion",
    "consolidation": "consolidation",
    "ild": "interstitial lung disease",
    "pneumothorax": "pneumothorax",
    "calcification": "heart calcification",
    "pericardial": "pericardial effusion",
}
CONFOUNDED = ("nodule", "mass")
#: Probability of other findings; of confounded findings independent of fat, with less fat, and with more fat.
CHANCE, CHANCE_PLAIN, CHANCE_LEAN, CHANCE_STOUT = 0.3, 0.45, 0.1, 0.8
FAT_MEDIAN = 15.5  # mm; phantoms have 7 to 24
#: First seed, number of patients, and whether fat correlates with nodules and masses, by section.
SECTIONS = {
    "training": (0, 300, True),
    "validation": (1000, 80, True),
    "test, confounded": (2000, 100, True),
    "test, plain": (3000, 100, False),
}
#: First seed and number of the patients on whom the encoder is pretrained.
EARLIER = (5000, 120)


def patient_fat(seed: int) -> float:
    """Return the thickness in mm of the fat under the skin of a phantom, without rendering it."""
    return make_anatomy(np.random.default_rng([seed, 0])).fat


def draw_findings(seed: int, confounded: bool) -> list[str]:
    """Draw the findings of a patient at random."""
    random = np.random.default_rng([seed, 7]).random(len(LABELS))
    stout = patient_fat(seed) > FAT_MEDIAN
    with_fat = (CHANCE_STOUT if stout else CHANCE_LEAN) if confounded else CHANCE_PLAIN
    return [
        name
        for name, number in zip(LABELS, random, strict=True)
        if number < (with_fat if name in CONFOUNDED else CHANCE)
    ]


def _paint(phantom: ChestCTPhantom, names: list[str], random: np.random.Generator) -> dict[str, np.ndarray]:
    """Paint what the phantom lacks, fluid around the heart and calcifications in its rim, and return their voxels."""
    heart = phantom.structures == PHANTOM_STRUCTURES["heart"]
    painted = {}
    if "pericardial" in names:
        fat = phantom.structures == PHANTOM_STRUCTURES["mediastinal fat"]
        around = binary_dilation(heart, iterations=int(random.integers(2, 5))) & fat
        phantom.image[around] += 100.0  # from the HU of fat to that of fluid; the noise stays
        painted["pericardial"] = around
    if "calcification" in names:
        rim = np.argwhere(heart & binary_dilation(~heart, iterations=2))
        seeds = np.zeros(SHAPE, dtype=bool)
        seeds[tuple(rim[random.choice(len(rim), int(random.integers(6, 16)), replace=False)].T)] = True
        spots = binary_dilation(seeds) & heart
        phantom.image[spots] = random.uniform(300.0, 900.0, int(spots.sum()))
        painted["calcification"] = spots
    return painted


def _blocks(voxels: np.ndarray) -> np.ndarray:
    """Count the voxels of a mask (X, Y, Z) in each grid cell."""
    return voxels.reshape(GRID[0], 8, GRID[1], 8, GRID[2], 3).sum(axis=(1, 3, 5))


def make_patient(seed: int, confounded: bool) -> dict[str, np.ndarray]:
    """Make one patient.

    Returns:
        "image" uint8 (X, Y, Z) of -1000 to 800 HU; "label" (M,); "locations" (M, 3); "organs" (3, *GRID), the grid
        cells of the organs; "masks" uint8 (X, Y, Z), the organs' voxels; "lesions" (M, *GRID), the voxels of each
        label's lesions in each grid cell; "tissues" (T, *GRID), the tissues in each grid cell; "fat" in mm.
    """
    random = np.random.default_rng([seed, 8])
    names = draw_findings(seed, confounded)
    severity, nodules = float(random.uniform(0.3, 0.9)), int(random.integers(2, 7))
    switches: dict[str, Any] = {name: True for name in names if name in list(LABELS)[1:6]}
    phantom = phantom_chest_ct(
        seed, SHAPE, SPACING, nodules=nodules * ("nodule" in names), severity=severity, **switches
    )
    lesions = phantom.lesions | _paint(phantom, names, random)
    locations = np.zeros((len(LABELS), 3), dtype=bool)
    cells = np.zeros((len(LABELS), *GRID), dtype=np.uint16)
    for number, (name, label) in enumerate(LABELS.items()):
        if name in names:
            known = name not in ("calcification", "pericardial")
            locations[number] = phantom.locations[CHEST_CT_LABELS.index(label)] if known else (False, True, False)
            cells[number] = _blocks(lesions[name])
    return {
        "image": np.rint((np.clip(phantom.image, -1000, 800) + 1000) * (255 / 1800)).astype(np.uint8),
        "label": np.isin(list(LABELS), names).astype(np.uint8),
        "locations": locations,
        "organs": np.asarray(allowed_regions(phantom.organs, np.eye(3, dtype=bool), GRID)),
        "masks": phantom.organs,
        "lesions": cells,
        "tissues": np.stack([_blocks(phantom.structures == value) > 0 for value in PHANTOM_STRUCTURES.values()]),
        "fat": np.float32(patient_fat(seed)),
    }


def make_cohort(folder: Path, most: int | None = None) -> None:
    """Write the patients that are missing in a folder, up to a maximum per section."""
    folder.mkdir(parents=True, exist_ok=True)
    for first, count, confounded in (*SECTIONS.values(), (*EARLIER, False)):
        for seed in range(first, first + min(count, most or count)):
            path = folder / f"{seed:05d}.npz"
            if not path.is_file():
                part = path.with_suffix(".part.npz")
                np.savez_compressed(part, **make_patient(seed, confounded))  # type: ignore[arg-type]
                part.rename(path)


def _inner(cells: np.ndarray) -> torch.Tensor:
    """Crop volumes or grids (N, C, x, y, z) to the part that the networks see."""
    edge = cells.shape[2] // 16
    return torch.from_numpy(cells[:, :, edge:-edge, edge:-edge])


def read(folder: Path, first: int, count: int, *keys: str) -> list[np.ndarray]:
    """Read arrays of patients, each (N, ...)."""
    files = [np.load(folder / f"{seed:05d}.npz") for seed in range(first, first + count)]
    return [np.stack([file[key] for file in files]) for key in keys]


class Section:
    """Patients of one section, in memory.

    Attributes:
        images: Volumes (N, 1, X, Y, Z), uint8.
        labels: Labels (N, M).
        allowed: Allowed regions (N, M, *SEEN_GRID), bool.
        lesions: Number of lesion voxels (N, M, *SEEN_GRID).
        fat: Fat (N,) in mm.
    """

    def __init__(self, folder: Path, name: str, most: int | None = None) -> None:
        first, count, _ = SECTIONS[name]
        keys = ("image", "label", "locations", "organs", "lesions", "fat")
        image, label, locations, organs, lesions, fat = read(folder, first, min(count, most or count), *keys)
        self.images, self.labels = _inner(image[:, None]), torch.from_numpy(label).float()
        within = np.einsum("nmo,noxyz->nmxyz", locations.astype(np.uint8), organs.astype(np.uint8))
        self.allowed, self.lesions = _inner(within > 0), _inner(lesions.astype(np.int32))
        self.fat = torch.from_numpy(fat)

    def __len__(self) -> int:
        return len(self.images)


def earlier_patients(folder: Path, most: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return images (N, 1, X, Y, Z) uint8 and tissues (N, T, *SEEN_GRID) for pretraining the encoder."""
    first, count = EARLIER
    image, tissues = read(folder, first, min(count, most or count), "image", "tissues")
    return _inner(image[:, None]), _inner(tissues)
