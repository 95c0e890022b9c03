"""Figures of docs/researchers/partition.md: quality and speed of the organ masks on real scans and phantoms.

``python -m tests.experiments.partition_figures real`` needs the public scans (MONAI_PYLON_DATA); ``phantoms`` makes its
scans. The script prints one line per scan, measured in this run. ``conditions`` prints the table of scans as hospitals
make them: the worst of three patients in each row, and "plain" as the baseline. ``conditions 100`` takes other
patients, the seeds 100 to 102, on which nothing was tuned.
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
from scipy import ndimage

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct, read_volume
from monai_pylon.transforms import partition_organs
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory

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

#: Grid of the phantoms of CONDITIONS, unless a row names another.
CONDITIONS_GRID: dict[str, Any] = {"shape": (120, 108, 108), "spacing": (3.0, 3.0, 3.0)}

#: Options of each phantom of a scan as hospitals make them, by its row in the table.
CONDITIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "contrast, arterial": {"contrast": "arterial"},
    "contrast, venous": {"contrast": "venous"},
    "contrast, streaks at the apex": {"contrast": "streaks"},
    "gas in the oesophagus": {"gas": "oesophagus"},
    "gas in the stomach": {"gas": "stomach"},
    "gas in the stomach, 5 mm slices": {"gas": "stomach", "shape": (225, 200, 64), "spacing": (1.6, 1.6, 5.0)},
    "gas in the bowel": {"gas": "bowel"},
    "gas under the skin": {"gas": "subcutaneous"},
    "mass at the hilum": {"mass": True, "mass_place": "hilum"},
    "mass at the hilum, large": {"mass": True, "mass_place": "hilum", "severity": 1.0},
    "box that cuts the right lung": {"field": "right_side_and_back"},
    "box that cuts the left lung": {"field": "left_side_and_back"},
    "apex to carina": {"field": "upper"},
    "middle 100 mm": {"field": "middle"},
    "base": {"field": "lower"},
    "circle around the lungs": {"padding": -2000.0},
    "circle that cuts both lungs": {"padding": -2000.0, "shape": (84, 84, 108)},
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
    organs: np.ndarray | None = None
    between: dict[str, np.ndarray] = {}


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


def _vertebrae(bone: np.ndarray, canal: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Return the bone (X, Y, Z) within 30 mm of the spinal canal."""
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    return bone & (ndimage.distance_transform_edt(~canal, sampling=edges) < 30.0)


def phantom_cases(phantoms: dict[str, dict[str, Any]], first: int = 0, seeds: int = 3) -> Iterator[Case]:
    """Yield phantoms with their known organs, several patients of each kind, from the seed `first` on."""
    for name, switches in phantoms.items():
        for seed in range(first, first + (1 if "0.8" in name else seeds)):
            made = phantom_chest_ct(seed, **switches)
            is_ = {part: made.structures == value for part, value in PHANTOM_STRUCTURES.items()}
            right, left = made.organs == 1, made.organs == 3
            gas = [is_[place] for place in ("stomach gas", "bowel gas", "oesophagus gas", "subcutaneous gas")]
            leaks = {"airway": is_["airway"], "gas": np.logical_or.reduce(gas)}
            vertebrae = _vertebrae(is_["bone"], is_["spinal canal"], made.affine)
            between = {"oesophagus": is_["oesophagus"] | is_["oesophagus gas"], "vertebrae": vertebrae} | made.lesions
            masks = (right | left, right, left, is_["heart"], leaks, made.organs, between)
            yield Case(f"{name} ({seed})", made.image, made.affine, *masks)


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
    if case.organs is not None:
        row["mediastinum"] = dice(labels == 2, case.organs == 2)
    row |= {f"{name} in mediastinum": float((labels == 2)[mask].mean()) for name, mask in case.between.items()}
    return row | {"CPU s": round(seconds, 2), "peak MB": round(memory), "quality": " ".join(quality.reasons) or "ok"}


def print_conditions(first: int = 0) -> None:
    """Print the table of CONDITIONS in Markdown, the worst of three patients in each row, from the seed `first` on."""
    lows = {"both": "both lungs", "worse": "worse lung", "mediastinum": "mediastinum"}
    lows |= {"heart in mediastinum": "heart inside", "oesophagus in mediastinum": "oesophagus inside"}
    highs = {
        "vertebrae in mediastinum": "vertebrae inside",
        "mass in mediastinum": "mass inside",
        "gas leak": "gas taken",
    }
    print("| phantom |", " | ".join((*lows.values(), *highs.values(), "quality")), "|")
    print("|---" * (len(lows) + len(highs) + 2) + "|")
    for name, switches in CONDITIONS.items():
        rows: list[dict[str, Any]] = [
            measure(case) for case in phantom_cases({name: CONDITIONS_GRID | switches}, first)
        ]
        for row in rows:
            row["worse"] = min(row["right"], row["left"])
        cells = []
        for names, worst in ((lows, min), (highs, max)):
            for key in names:
                values = [row[key] for row in rows if not np.isnan(row.get(key, np.nan))]
                cells.append(f"{worst(values):.3f}" if values else "")
        verdicts = sorted({str(row["quality"]).replace(" ", ", ") for row in rows})
        print(f"| {name} |", " | ".join((*cells, "; ".join(verdicts))), "|", flush=True)


if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) > 1 else "real"
    if kind == "conditions":
        print_conditions(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    for case in {"real": real_cases, "phantoms": lambda: phantom_cases(PHANTOMS)}.get(kind, list)():
        figures = measure(case)
        print("; ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items()), flush=True)
