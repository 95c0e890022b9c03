"""Phantom datasets: patients rendered on request, without downloads and without files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from torch.utils.data import Dataset

from monai_pylon.data.phantoms.chest_ct import ChestCTPhantom, phantom_chest_ct
from monai_pylon.data.phantoms.radiograph import phantom_radiograph
from monai_pylon.utils import check, check_type

__all__ = ["PhantomChestCTs", "PhantomRadiographs"]


class SeededPhantoms(Dataset):
    """Base class of datasets whose items are rendered from a seed on each access.

    Args:
        count: Number of items.
        first_seed: Seed of the first item; the seeds of the others follow it.
    """

    def __init__(self, count: int, first_seed: int) -> None:
        for name, value in (("count", count), ("first_seed", first_seed)):
            check_type(value, int, name)
        check(count > 0, "count", "positive", count)
        check(first_seed >= 0, "first_seed", "0 or more", first_seed)
        self.count, self.first_seed = count, first_seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not -self.count <= index < self.count:
            raise IndexError(f"index must be below {self.count}, but is {index}.")
        return self.make(self.first_seed + index % self.count)

    def make(self, seed: int) -> dict[str, Any]:
        """Render the item of a seed."""
        raise NotImplementedError


#: Extent of a phantom along (x, y, z), mm.
_EXTENT_MM = (360.0, 320.0, 320.0)
#: Probability of each finding.
_SHARE = 0.35
_FINDINGS = ("mass", "effusion", "collapse", "consolidation", "ild", "pneumothorax")


class PhantomChestCTs(SeededPhantoms):
    """Dataset of phantom chest CTs, with the items of `rad_chestct_datalist` after reading.

    Each item has image, MetaTensor (1, X, Y, Z) in HU; organs, MetaTensor (1, X, Y, Z) uint8; label (80,) float32;
    locations (80, 3) bool; patient_id, the seed as text; and name. Depending on the seed, each finding is drawn in
    about a third of the patients, and nodules in half of them. The same seed gives the same patient.

    Args:
        count: Number of patients.
        spacing: (x, y, z) in mm; a phantom covers 360 x 320 x 320 mm.
        first_seed: Seed of the first patient; the seeds of the others follow it. Give training and test sets different
            seeds.

    Raises:
        ValueError: If count is not positive, the seed is negative, or the spacing leaves too few voxels.

    Example:
        >>> scans = PhantomChestCTs(2, spacing=(8, 8, 8), first_seed=7)
        >>> len(scans), scans[1]["image"].shape, scans[-1]["patient_id"]
        (2, torch.Size([1, 45, 40, 40]), '8')
    """

    def __init__(self, count: int, spacing: Sequence[float] = (2.0, 2.0, 2.0), first_seed: int = 0) -> None:
        super().__init__(count, first_seed)
        check(len(spacing) == 3 and min(spacing) > 0, "spacing", "three positive lengths in mm", tuple(spacing))
        self.spacing = tuple(float(mm) for mm in spacing)
        self.shape = tuple(max(1, round(mm / step)) for mm, step in zip(_EXTENT_MM, self.spacing, strict=True))

    def phantom(self, seed: int) -> ChestCTPhantom:
        """Render the patient of a seed, with image and organs (X, Y, Z), lesions and report."""
        draw = np.random.default_rng([seed, 200])
        findings: dict[str, Any] = {name: bool(draw.random() < _SHARE) for name in _FINDINGS}
        nodules = int(draw.integers(1, 4)) if draw.random() < 0.5 else 0
        severity = float(draw.uniform(0.3, 0.8))
        return phantom_chest_ct(seed, self.shape, self.spacing, nodules=nodules, severity=severity, **findings)

    def make(self, seed: int) -> dict[str, Any]:
        """Render the item of a seed."""
        phantom = self.phantom(seed)
        return {
            "image": MetaTensor(torch.from_numpy(phantom.image)[None], affine=torch.from_numpy(phantom.affine)),
            "organs": MetaTensor(torch.from_numpy(phantom.organs)[None], affine=torch.from_numpy(phantom.affine)),
            "label": phantom.labels.astype(np.float32),
            "locations": phantom.locations,
            "patient_id": str(seed),
            "name": f"phantom_{seed}",
        }


class PhantomRadiographs(SeededPhantoms):
    """Dataset of phantom radiographs, with the items of `chest_xray14_datalist` after reading.

    Each item has image, MetaTensor (1, H, W) between 0 and 1; label (14,) uint8; boxes (K, 5) float32 [x1, y1, x2, y2,
    class]; patient_id, the seed; view; and name. The same seed gives the same radiograph. Rendering takes a few
    hundredths of a second, so nothing is cached.

    Args:
        count: Number of radiographs.
        size: Number of rows and of columns.
        first_seed: Seed of the first radiograph; the seeds of the others follow it. Give training and test sets
            different seeds.

    Raises:
        ValueError: If count is not positive, or the seed is negative.

    Example:
        >>> radiographs = PhantomRadiographs(2, size=64, first_seed=7)
        >>> len(radiographs), radiographs[1]["image"].shape, radiographs[-1]["patient_id"]
        (2, torch.Size([1, 64, 64]), 8)
    """

    def __init__(self, count: int, size: int = 256, first_seed: int = 0) -> None:
        super().__init__(count, first_seed)
        check_type(size, int, "size")
        self.size = size

    def make(self, seed: int) -> dict[str, Any]:
        """Render the item of a seed."""
        radiograph = phantom_radiograph(seed, size=self.size)
        return {
            "image": MetaTensor(torch.from_numpy(radiograph.image), affine=torch.eye(4, dtype=torch.float64)),
            "label": radiograph.labels,
            "boxes": radiograph.boxes,
            "patient_id": seed,
            "view": radiograph.view,
            "name": f"phantom_{seed}",
        }
