"""Figures of docs/researchers/partition.md: quality and speed of the organ masks on real scans and phantoms.

``python -m tests.experiments.partition_figures real`` needs the public scans (MONAI_PYLON_DATA); ``phantoms`` makes its
scans. The script prints one table row per scan, measured in this run.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import SimpleITK

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct, read_volume
from monai_pylon.transforms import partition_organs
from monai_pylon.workflows.cohort import peak_memory_mb
from monai_pylon.workflows.cohort.memory import restart_peak_memory

DATA = Path(os.environ.get("MONAI_PYLON_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "chest_ct"

#: Options of each phantom by its row in the table.
PHANTOMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "0.8 mm voxels": {"shape": (420, 420, 405), "spacing": (0.8, 0.8, 0.8)},
    "5 mm slices": {"shape": (225, 200, 64), "spacing": (1.6, 1.6, 5.0)},
    "30 mm off the centre": {"off_centre": (30, -10, 0)},
    "turned by 25 degrees": {"rotation": 25},
    "turned by -25 degrees": {"rotation": -25},
    "lungs cut by the field of view": {"cropped": True},
    "arms down": {"arms": "down"},
    "nodules": {"nodules": 6},
    "mass": {"mass": True},
    "pneumothorax": {"pneumothorax": True},
    "effusion": {"effusion": True},
    "effusion, turned": {"effusion": True, "rotation": 25},
    "effusion, large": {"effusion": True, "severity": 0.8},
    "effusion, both sides": {"effusion": "both"},
    "collapsed lobe": {"collapse": True},
    "collapsed lobe, turned": {"collapse": True, "rotation": 25},
    "collapsed lung": {"collapse": True, "severity": 0.95},
    "consolidation": {"consolidation": True},
    "consolidation, turned": {"consolidation": True, "rotation": 25},
    "interstitial disease": {"ild": "both"},
    "interstitial disease, turned": {"ild": "both", "rotation": 25},
}


class Case(NamedTuple):
    """A scan with its reference masks (X, Y, Z), bool; right and left are None if only both together are known."""

    name: str
    ct: np.ndarray
    affine: np.ndarray
    lungs: np.ndarray | None
    right: np.ndarray | None = None
    left: np.ndarray | None = None
    heart: np.ndarray | None = None
    leaks: dict[str, np.ndarray] = {}


def dice(one: np.ndarray, other: np.ndarray) -> float:
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def _nifti(path: Path) -> tuple[np.ndarray, np.ndarray]:
    image = nibabel.nifti1.load(path)
    return np.asarray(image.dataobj), np.asarray(image.affine)


def real_cases(data: Path = DATA) -> Iterator[Case]:
    """Yield the public scans with their reference masks."""
    for name in ("LUNG1-001", "LUNG1-002"):
        ct, affine = _nifti(data / "nsclc_radiomics" / f"{name}_ct.nii.gz")
        sides, _ = _nifti(data / "nsclc_radiomics" / f"{name}_lungs_LR.nii.gz")
        organs, _ = _nifti(data / "nsclc_radiomics" / f"{name}_organs.nii.gz")
        heart = organs == 3
        yield Case(name, ct, affine, sides > 0, sides == 2, sides == 1, heart if heart.any() else None)
    for name in ("id001", "id002"):
        ct, affine = _nifti(data / "imlab_uiip" / f"{name}_ct.nii.gz")
        yield Case(name, ct, affine, _nifti(data / "imlab_uiip" / f"{name}_lungmask.nii.gz")[0] > 0)
    ct = read_volume(data / "cip" / "ct-64.nrrd")
    regions = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(data / "cip" / "lm-64.nrrd"))).T & 255
    right, left = (regions >= 12) & (regions <= 14), (regions >= 9) & (regions <= 11)
    yield Case("ct-64", np.asarray(ct[0]), np.asarray(ct.affine), right | left, right, left)
    ct = read_volume(data / "dicom_lung_pet_ct_dx_A0002")
    yield Case("A0002 (DICOM)", np.asarray(ct[0]), np.asarray(ct.affine), None)


def phantom_cases(seeds: int = 3) -> Iterator[Case]:
    """Yield phantoms with their known organs, several patients of each kind."""
    for name, switches in PHANTOMS.items():
        for seed in range(1 if "0.8" in name else seeds):
            made = phantom_chest_ct(seed, **switches)
            is_ = {part: made.structures == value for part, value in PHANTOM_STRUCTURES.items()}
            right, left = made.organs == 1, made.organs == 3
            leaks = {"airway": is_["airway"], "gas": is_["stomach gas"] | is_["bowel gas"]}
            yield Case(f"{name} ({seed})", made.image, made.affine, right | left, right, left, is_["heart"], leaks)


def measure(case: Case) -> dict[str, float | str]:
    """Measure one scan; NaN without a reference."""
    restart_peak_memory()
    start = time.process_time()
    labels, quality = partition_organs(case.ct, case.affine)
    seconds, memory = time.process_time() - start, peak_memory_mb()
    lungs = (labels == 1) | (labels == 3)
    pairs = {"both": (lungs, case.lungs), "right": (labels == 1, case.right), "left": (labels == 3, case.left)}
    row: dict[str, float | str] = {"scan": case.name}
    row |= {name: float("nan") if true is None else dice(found, true) for name, (found, true) in pairs.items()}
    row["heart in mediastinum"] = float("nan") if case.heart is None else float((labels[case.heart] == 2).mean())
    row["mediastinum mL"] = round(quality.volumes_ml["mediastinum"])
    row |= {f"{name} leak": float(lungs[mask].mean()) for name, mask in case.leaks.items() if mask.any()}
    if case.right is not None and case.left is not None:
        swapped = np.count_nonzero((labels == 1) & case.left) + np.count_nonzero((labels == 3) & case.right)
        row["swapped"] = swapped / np.count_nonzero(lungs)
    return row | {"CPU s": round(seconds, 2), "peak MB": round(memory), "quality": " ".join(quality.reasons) or "ok"}


if __name__ == "__main__":
    cases = {"real": real_cases, "phantoms": phantom_cases}[sys.argv[1] if len(sys.argv) > 1 else "real"]
    for case in cases():
        figures = measure(case)
        print("; ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()), flush=True)
