"""All steps of the HiResCAM paper on real scans: ``python -m tests.experiments.axialnet_real`` (MONAI_PYLON_DATA).

The script reads the six public scans, makes organ masks (PARTITION) and allowed regions, and trains AxialNet on these
scans until it has memorized them, without and with the mask loss. This shows that all steps work together on real scans
and where the evidence lies. It says nothing about other patients. The script writes numbers to
docs/researchers/axialnet_real.json, and figures, which stay outside the project, to the output folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import torch
from matplotlib.figure import Figure
from monai.data import MetaTensor
from monai.transforms import Orientation, ResizeWithPadOrCrop, Spacing

from monai_pylon.data import read_volume
from monai_pylon.metrics import OrganIoUMetric
from monai_pylon.networks.nets import AxialNet
from monai_pylon.networks.plain_encoder import PlainPyramid
from monai_pylon.reports.display import window_to_gray
from monai_pylon.reports.heatmap import paint_heatmap
from monai_pylon.transforms import allowed_regions, partition_organs
from monai_pylon.transforms.attention_regions import allowed_share
from monai_pylon.utils import upsample
from monai_pylon.visualize import audit_explanation
from tests.experiments.axialnet_cohort import SEEN, SEEN_GRID, SPACING
from tests.experiments.axialnet_evidence import plain, write_json
from tests.experiments.axialnet_runs import METHODS, Settings, maps_of, normalized, train
from tests.experiments.partition_figures import DATA

JSON = Path(__file__).resolve().parents[2] / "docs" / "researchers" / "axialnet_real.json"
LABELS = ("lung mass", "lung nodule", "lung opacity")
#: Weight of the mask loss, as a multiple of the weight in the settings.
WEIGHTS = {"labels alone": 0, "mask loss × 108": 108, "mask loss": 1}
RIGHT, LEFT = (True, False, False), (False, False, True)
BOTH = (True, False, True)


class Patient(NamedTuple):
    """A scan, the lungs in which a non-radiologist saw each finding, and the file of the drawn tumor, if any."""

    scan: str
    findings: dict[str, tuple[bool, bool, bool]]
    tumour: str = ""


PATIENTS = {
    "LUNG1-001": Patient(
        "nsclc_radiomics/LUNG1-001_ct.nii.gz",
        {"lung mass": LEFT, "lung opacity": BOTH},
        "nsclc_radiomics/LUNG1-001_organs.nii.gz",
    ),
    "LUNG1-002": Patient(
        "nsclc_radiomics/LUNG1-002_ct.nii.gz",
        {"lung mass": RIGHT, "lung opacity": RIGHT},
        "nsclc_radiomics/LUNG1-002_organs.nii.gz",
    ),
    "A0002": Patient("dicom_lung_pet_ct_dx_A0002", {"lung mass": RIGHT}),
    "id001": Patient("imlab_uiip/id001_ct.nii.gz", {"lung nodule": LEFT}),
    "id002": Patient("imlab_uiip/id002_ct.nii.gz", {}),
    "ct-64": Patient("cip/ct-64.nrrd", {}),
}


class Scans:
    """All scans on one grid, with images, allowed regions and labels as `axialnet_cohort.Section`, and drawn tumors."""

    def __init__(self, folder: Path = DATA) -> None:
        rows = [read_patient(folder, patient) for patient in PATIENTS.values()]
        images, organs, tumours, self.quality = (list(column) for column in zip(*rows, strict=True))
        locations = [[p.findings.get(label, (False,) * 3) for label in LABELS] for p in PATIENTS.values()]
        each = [allowed_regions(o, np.array(place), SEEN_GRID) for o, place in zip(organs, locations, strict=True)]
        self.images, self.allowed = torch.stack(images), torch.from_numpy(np.stack(each))
        self.labels = torch.tensor([[float(label in p.findings) for label in LABELS] for p in PATIENTS.values()])
        self.organs, self.tumours = organs, tumours

    def __len__(self) -> int:
        return len(self.images)


def on_grid(volume: MetaTensor, mode: str, outside: float) -> np.ndarray:
    """Turn a volume (1, X, Y, Z) to LPS and resample it to the experiment's voxels and size."""
    turned = Spacing(SPACING, mode=mode, padding_mode="border")(Orientation("LPS", labels=None)(volume))
    return np.asarray(ResizeWithPadOrCrop(SEEN, mode="constant", constant_values=outside)(turned)[0])


def read_patient(folder: Path, patient: Patient) -> tuple[torch.Tensor, np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Return the image uint8 (1, X, Y, Z) of -1000 to 800 HU, the organs, the tumor or None, and the mask quality."""
    ct = read_volume(folder / patient.scan)
    found = partition_organs(np.asarray(ct[0]), np.asarray(ct.affine))
    organs = on_grid(MetaTensor(torch.from_numpy(found.labels[None]).float(), affine=ct.affine), "nearest", 0)
    image = (np.clip(on_grid(ct, "bilinear", -1000.0), -1000, 800) + 1000) * (255 / 1800)
    tumour = None
    if patient.tumour:
        drawn = nibabel.nifti1.load(folder / patient.tumour)
        mask = torch.from_numpy(np.asarray(drawn.dataobj) == 6).float()[None]
        tumour = on_grid(MetaTensor(mask, affine=torch.from_numpy(drawn.affine)), "nearest", 0) > 0
    labels = np.rint(organs).astype(np.uint8)
    share = allowed_share(labels, allowed_regions(labels, np.eye(3, dtype=bool), SEEN_GRID))
    quality = {"ok": found.quality.ok, "reasons": list(found.quality.reasons), "share of the organs allowed": share}
    return torch.from_numpy(np.rint(image).astype(np.uint8))[None], labels, tumour, quality


def judge(network: AxialNet, scans: Scans) -> dict[str, Any]:
    """Measure probabilities, OrganIoU with thresholds for these scans, and the evidence in drawn tumors."""
    network.eval()
    found: dict[str, Any] = {}
    with torch.no_grad():
        logits, attention, _ = network.explain(normalized(scans.images))
    scores = attention.sum((2, 3, 4)) / attention.shape[4] + network.head.bias.detach()
    found["largest difference of a map's sum and its score"] = float((scores - logits).abs().max())
    found["probability"] = {
        name: dict(zip(LABELS, row, strict=True)) for name, row in zip(PATIENTS, logits.sigmoid().tolist(), strict=True)
    }
    for method in METHODS:
        maps, _ = maps_of(network, "reduction", method, scans.images)
        metric = OrganIoUMetric()
        metric(maps, (scans.labels, scans.allowed))
        metric.tune_thresholds()
        numbers = metric.aggregate()
        found[f"OrganIoU {method}"] = {
            "all": numbers["weighted"],
            **dict(zip(LABELS, numbers["per_class"].tolist(), strict=True)),
        }
        tumours = {}
        for name, one, tumour in zip(PATIENTS, maps[:, 0], scans.tumours, strict=True):
            if tumour is not None:
                held = tumour.reshape(14, 8, 14, 8, 27, 3).any((1, 3, 5))
                share = one.clamp_min(0) / one.clamp_min(0).sum().clamp_min(1e-12)
                peak = np.unravel_index(int(one.argmax()), held.shape)
                away = np.abs(np.argwhere(held) - peak).max(1).min()
                tumours[name] = {
                    "share of the evidence": float(share[torch.from_numpy(held)].sum()),
                    "share of the cells": float(held.mean()),
                    "cells from the peak to the tumour": int(away),
                }
        found[f"drawn tumours, {method}"] = tumours
    return found


def picture(networks: dict[str, AxialNet], scans: Scans) -> Figure:
    """Draw, for each patient and finding, the slice with the most evidence of each network."""
    pairs = [(n, m) for n, m in np.argwhere(scans.labels.numpy() == 1)]
    figure = Figure(figsize=(3 * len(pairs), 3.2 * len(networks)), dpi=80)
    panels = figure.subplots(len(networks), len(pairs), squeeze=False)
    for row, (name, network) in zip(panels, networks.items(), strict=True):
        maps, _ = maps_of(network, "reduction", "HiResCAM", scans.images)
        for axes, (n, m) in zip(row, pairs, strict=True):
            relative = maps[[n], [m]][None].clamp_min(0) / maps[n, m].max().clamp_min(1e-12)
            z = 3 * int(relative[0, 0].sum((0, 1)).argmax()) + 1
            heat = upsample(relative, SEEN, 0)[0, ..., z].numpy().clip(0, 1)
            gray = window_to_gray(scans.images[n, 0, ..., z].numpy() * (1800 / 255) - 1000.0)
            axes.imshow(paint_heatmap(gray.T, heat.T))
            for mask, color in ((scans.organs[n] == 1, "c"), (scans.organs[n] == 3, "b"), (scans.tumours[n], "w")):
                if mask is not None and mask[..., z].any():
                    axes.contour(mask[..., z].T, levels=[0.5], colors=color, linewidths=0.8)
            axes.set_title(f"{list(PATIENTS)[n]}, {LABELS[m]}\n{name}, z={z}", fontsize=8)
            axes.set_axis_off()
    return figure


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.axialnet_real", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "axialnet_real")
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--epochs", type=int, default=120)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    scans, s = Scans(), Settings(epochs=args.epochs)
    networks, found = {}, {}
    for name, mask in WEIGHTS.items():
        torch.manual_seed(0)
        network = AxialNet(len(LABELS), PlainPyramid("conv5", 2, 3, s.widths), 3, SEEN[:2], s.reduction, 1)
        file = args.output / f"{args.epochs} epochs, {name}.pt"
        if file.is_file():
            network.load_state_dict(torch.load(file, weights_only=True))
        else:
            train(network, scans, s, mask, seed=0)
            torch.save(network.state_dict(), file)
        found[name] = judge(network, scans)
        networks[name] = network
        print(json.dumps(plain(found[name])), flush=True)
    audit = audit_explanation(networks["labels alone"], "reduction", normalized(scans.images[:1]))
    masks = dict(zip(PATIENTS, scans.quality, strict=True))
    about = {"settings": s._asdict(), "seed": 0, "torch": torch.__version__, "audit": audit.architecture}
    write_json(args.json, {**about, "organ masks": masks, "networks": found})
    picture(networks, scans).savefig(args.output / "overlays.png")


if __name__ == "__main__":
    main()
