"""Features of the chest CT encoder on real scans: ``python -m tests.experiments.ct_features`` (MONAI_PYLON_DATA).

Each scan is prepared as for the encoder's training and encoded once. The script writes the CPU time of each step, the
size of the features, and how they vary within and between the organs of PARTITION to
docs/researchers/results/ct_features.json; the features themselves stay in the output folder. A new start resumes.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, CropForeground, Orientation, Resize, ScaleIntensityRange
from torch import nn

from monai_pylon.data import read_volume
from monai_pylon.networks import make_encoder
from monai_pylon.taxonomy import ORGANS
from monai_pylon.transforms import allowed_regions, partition_organs
from tests.experiments.axialnet_evidence import write_json
from tests.experiments.axialnet_real import PATIENTS
from tests.experiments.partition_figures import DATA

JSON = Path(__file__).resolve().parents[2] / "docs" / "researchers" / "results" / "ct_features.json"
#: The steps before the encoder's training on chest CT.
PREPARE = Compose(
    [
        Orientation("RAS", labels=None),
        CropForeground(lambda hu: hu > -1000, allow_smaller=False),
        Resize((224, 224, 160), mode="area"),
        ScaleIntensityRange(-1000, 200, 0, 1, clip=True),
    ]
)


def organs_in_cells(image: MetaTensor, organs: np.ndarray, prepared: MetaTensor, grid: tuple[int, ...]) -> np.ndarray:
    """Return the organs (3, x, y, z) of the encoder's cells: those at the voxel of the scan where a cell looks."""
    to_voxels = np.linalg.inv(np.asarray(image.affine)) @ np.asarray(prepared.affine)
    steps = np.array(prepared.shape[1:]) / np.array(grid)
    cells = np.stack(np.meshgrid(*(np.arange(n) * s for n, s in zip(grid, steps, strict=True)), indexing="ij"), -1)
    voxels = np.rint(cells @ to_voxels[:3, :3].T + to_voxels[:3, 3]).astype(int)
    inside = ((voxels >= 0) & (voxels < organs.shape)).all(-1)
    found = np.zeros(grid, dtype=np.uint8)
    found[inside] = organs[tuple(voxels[inside].T)]
    return np.asarray(allowed_regions(found, np.eye(3, dtype=bool), grid))


def explained_by_organ(features: np.ndarray, organs: np.ndarray) -> float:
    """Return the share of the features' variance over cells (C, x, y, z) that the organ of the cell explains."""
    cells = features.reshape(len(features), -1)
    kind = (organs * np.array([1, 2, 3])[:, None, None, None]).sum(0).ravel()
    total = ((cells - cells.mean(1, keepdims=True)) ** 2).sum()
    within = sum(((part - part.mean(1, keepdims=True)) ** 2).sum() for k in set(kind) for part in [cells[:, kind == k]])
    return float(1 - within / total)


def scan_row(name: str, encoder: nn.Module, data: Path, folder: Path) -> dict[str, Any]:
    """Encode a scan, save its features in half precision, and return the CPU time and what the features look like."""
    times, start = {}, time.process_time()

    def lap(step: str) -> None:
        nonlocal start
        now = time.process_time()
        times[step], start = round(now - start, 1), now

    image = read_volume(data / PATIENTS[name].scan)
    lap("read")
    prepared = PREPARE(image)
    lap("prepare")
    with torch.inference_mode():
        features = encoder(prepared.as_tensor()[None].float())[-1][0]
    lap("encode")
    partition = partition_organs(image[0].numpy(), np.asarray(image.affine))
    lap("organs")
    values = features.float().numpy()
    np.save(folder / f"{name}.npy", values.astype(np.float16))
    organs = organs_in_cells(image, np.asarray(partition.labels), prepared, values.shape[1:])
    return {
        "scan": name,
        "voxels": list(image.shape[1:]),
        "CPU s": times,
        "features": list(values.shape),
        "share of zeros": float((values == 0).mean()),
        "cells of each organ": dict(zip(ORGANS, organs.sum((1, 2, 3)).tolist(), strict=True)),
        "variance explained by the organ": explained_by_organ(values, organs),
    }


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "ct_features")
    parser.add_argument("--scans", nargs="+", default=list(PATIENTS), choices=list(PATIENTS))
    parser.add_argument("--half", action="store_true", help="encode in bfloat16")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    encoder = None
    for name in args.scans:
        file = args.output / f"{name}{'-half' * args.half}.json"
        if file.is_file():
            continue
        encoder = encoder or make_encoder("ct_resnet152", 3, 1, weights="chest_ct").eval()
        context = torch.autocast("cpu", torch.bfloat16, enabled=args.half)
        with context:
            write_json(file, scan_row(name, encoder, DATA, args.output))
        print(file.read_text())
    versions = {"torch": torch.__version__, "monai": monai.__version__, "python": platform.python_version()}
    rows = [json.loads(file.read_text()) for file in sorted(args.output.glob("*.json"))]
    write_json(JSON, {"versions": versions, "precision": "bfloat16" if args.half else "float32", "scans": rows})


if __name__ == "__main__":
    main()
