"""A head on cached features of the chest CT encoder: ``python -m tests.experiments.ct_head`` (MONAI_PYLON_DATA).

The phantoms of :mod:`tests.experiments.organ_regions` and the public scans are prepared as for the encoder's
training, but on a coarser grid, and encoded once. A linear head on the average of the features is trained on phantoms,
without and with the mask loss. Its map is exact. The script says where the evidence of each label lies, in phantoms by
their own organs and in the scans by PARTITION. Figures go to docs/researchers/results/ct_head.json; features stay in
the output folder, and a new start resumes.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, CropForeground, Orientation, Resize, ScaleIntensityRange
from scipy.stats import spearmanr
from torch import nn

from monai_pylon.data import read_volume
from monai_pylon.losses import MaskLoss
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.networks import make_encoder
from monai_pylon.taxonomy import ORGANS as ORGAN_NAMES
from monai_pylon.transforms import partition_organs
from tests.experiments.axialnet_cohort import CONFOUNDED, LABELS, SECTIONS, SPACING
from tests.experiments.axialnet_evidence import write_json
from tests.experiments.axialnet_real import PATIENTS
from tests.experiments.ct_features import organs_in_cells
from tests.experiments.organ_regions.patients import ORGANS, TEST, make_patients
from tests.experiments.partition_figures import DATA

RESEARCHERS = Path(__file__).resolve().parents[2] / "docs" / "researchers"
JSON, PAGE = RESEARCHERS / "results" / "ct_head.json", RESEARCHERS / "ct_encoder.md"
SIZE = (128, 128, 80)
#: Places of evidence: the three organs and the rest.
PLACES = (*ORGAN_NAMES, "elsewhere")
PREPARE = Compose(
    [
        Orientation("RAS", labels=None),
        CropForeground(lambda hu: hu > -1000, allow_smaller=False),
        Resize(SIZE, mode="area"),
        ScaleIntensityRange(-1000, 200, 0, 1, clip=True),
    ]
)


class Scan(NamedTuple):
    """Features (C, x, y, z) and organs (3, x, y, z) of the cells of one scan."""

    features: np.ndarray
    organs: np.ndarray


def encoded(file: Path, image: MetaTensor | None, organs: np.ndarray | None, encoder: nn.Module | None) -> Scan:
    """Encode a scan (1, X, Y, Z) in HU with organ labels (X, Y, Z), or read the features from a file."""
    if not file.is_file():
        assert image is not None
        assert organs is not None
        assert encoder is not None
        prepared = PREPARE(image)
        with torch.inference_mode():
            features = encoder(prepared.as_tensor()[None].float())[-1][0].numpy()
        cells = organs_in_cells(image, np.asarray(organs), prepared, features.shape[1:])
        part = file.with_suffix(".part.npz")
        np.savez(part, features=features.astype(np.float16), organs=cells)
        part.rename(file)
    with np.load(file) as found:
        return Scan(found["features"].astype(np.float32), found["organs"])


def phantom(file: Path) -> tuple[MetaTensor, dict[str, np.ndarray]]:
    """Read a phantom as a scan (1, X, Y, Z) in HU, and its arrays."""
    with np.load(file) as found:
        arrays = dict(found)
    hu = arrays["image"].astype(np.float32) * (1800 / 255) - 1000
    affine = torch.diag(torch.tensor([-SPACING[0], -SPACING[1], SPACING[2], 1.0], dtype=torch.float64))
    return MetaTensor(torch.from_numpy(hu)[None], affine=affine), arrays


class Head(nn.Module):
    """Average over cells and one linear layer, on features divided by their standard deviation between patients."""

    def __init__(self, means: torch.Tensor, labels: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("center", means.mean(0))
        self.register_buffer("scale", means.std(0).clamp_min(1e-3))
        self.layer = nn.Linear(means.shape[1], labels.shape[1])
        nn.init.zeros_(self.layer.weight)
        with torch.no_grad():
            self.layer.bias.copy_(torch.logit(labels.mean(0).clamp(0.02, 0.98)))

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (N, M) and attention (N, M, x, y, z) of features; the mean attention is the logit."""
        values = (features - self.center[:, None, None, None]) / self.scale[:, None, None, None]
        attention = torch.einsum("ncxyz,mc->nmxyz", values, self.layer.weight) + self.layer.bias[:, None, None, None]
        return attention.mean((2, 3, 4)), attention


def trained(
    features: torch.Tensor, labels: torch.Tensor, allowed: torch.Tensor, mask: float, epochs: int, seed: int
) -> tuple[Head, float]:
    """Train a head on features (N, C, x, y, z); return it and the CPU seconds."""
    torch.manual_seed(seed)
    start = time.process_time()
    head, penalty = Head(features.mean((2, 3, 4)), labels), MaskLoss(mask)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.1)
    for _ in range(epochs):
        for chosen in torch.randperm(len(labels)).split(8):
            loss = penalty(head(features[chosen]), labels[chosen], allowed[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return head, time.process_time() - start


def places(attention: torch.Tensor, organs: torch.Tensor) -> np.ndarray:
    """Return the share of the positive evidence (N, M, 4) in the three organs and elsewhere; NaN without any.

    Args:
        attention: Signed attention (N, M, x, y, z).
        organs: Organs of the cells (N, 3, x, y, z), at most one each.
    """
    positive = attention.clamp_min(0)
    inside = torch.einsum("nmxyz,noxyz->nmo", positive, organs.float())
    total = positive.flatten(2).sum(2, keepdim=True)
    shares = torch.cat([inside, total - inside.sum(2, keepdim=True)], 2) / total
    return shares.numpy()


def named(table: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the means over patients of shares (N, M, 4), by label and place."""
    return {
        label: dict(zip(PLACES, np.nanmean(table[:, m], 0).tolist(), strict=True)) for m, label in enumerate(LABELS)
    }


def figures(head: Head, test: dict[str, torch.Tensor], scans: list[Scan]) -> dict[str, Any]:
    """Return what a head does on the phantoms of the test part and on the scans."""
    with torch.no_grad():
        logits, attention = head(test["features"])
        on_scans = [head(torch.from_numpy(one.features)[None]) for one in scans]
    areas = auroc_per_class(logits, test["labels"]).tolist()
    fat = {}
    for m, label in enumerate(LABELS):
        without = test["labels"][:, m] == 0
        fat[label] = float(spearmanr(logits[without, m], test["fat"][without]).statistic)
    shares = places(attention, test["organs"])
    own = (shares[..., :3] * ORGANS).sum(-1)
    shares_of_scans = [
        places(a, torch.from_numpy(s.organs)[None])[0] for (_, a), s in zip(on_scans, scans, strict=True)
    ]
    return {
        "AUROC": float(np.nanmean(areas)),
        "AUROC by label": dict(zip(LABELS, areas, strict=True)),
        "fat by label": fat,
        "fat, confounded labels": float(np.mean([abs(fat[name]) for name in CONFOUNDED])),
        "evidence in the organs of the label": float(np.nanmean(own)),
        "evidence, phantoms": named(shares),
        "evidence, scans": named(np.stack(shares_of_scans)) if scans else {},
        "probability, scans": {
            label: [float(torch.sigmoid(logit[0, m])) for logit, _ in on_scans] for m, label in enumerate(LABELS)
        },
    }


def stacked(rows: list[tuple[Scan, dict[str, np.ndarray]]]) -> dict[str, torch.Tensor]:
    """Stack phantoms: features, organs, labels (N, M), allowed regions (N, M, x, y, z) and fat (N,)."""
    organs = np.stack([scan.organs for scan, _ in rows])
    located = np.stack([arrays["locations"] for _, arrays in rows]).astype(np.uint8)
    return {
        "features": torch.from_numpy(np.stack([scan.features for scan, _ in rows])),
        "organs": torch.from_numpy(organs),
        "labels": torch.from_numpy(np.stack([arrays["label"] for _, arrays in rows])).float(),
        "allowed": torch.from_numpy(np.einsum("nmo,noxyz->nmxyz", located, organs.astype(np.uint8)) > 0),
        "fat": torch.from_numpy(np.array([arrays["fat"] for _, arrays in rows])),
    }


def _means(runs: list[dict[str, Any]], key: str) -> str:
    each = [run[key] for run in runs]
    return f"{np.mean(each):.2f} ({', '.join(f'{value:.2f}' for value in each)})"


def tables(found: dict[str, Any]) -> dict[str, str]:
    """Return the tables of the page by their names: means over seeds, and each seed's value in brackets."""
    by_mask: dict[float, list[dict[str, Any]]] = {}
    for run in found["runs"]:
        by_mask.setdefault(run["mask loss"], []).append(run)
    keys = ("AUROC", "evidence in the organs of the label", "fat, confounded labels", "CPU s for 1,000 scans")
    titles = ("AUROC", "evidence in the label's organs", "absolute correlation with fat", "CPU s for 1,000 scans")
    heads = f"| weight of the mask loss | {' | '.join(titles)} |\n|{'---|' * (len(titles) + 1)}\n"
    for mask, runs in by_mask.items():
        heads += f"| {mask:.2f} | {' | '.join(_means(runs, key) for key in keys)} |\n"
    plain = by_mask[0]
    evidence = f"| label | AUROC | phantoms: {', '.join(PLACES)} | scans |\n|---|---|---|---|\n"
    evidence += "| *cells* | | " + " | ".join(_shares([found[f"cells, {part}"]]) for part in ("phantoms", "scans"))
    for short, label in LABELS.items():
        area = np.mean([run["AUROC by label"][short] for run in plain])
        both = [_shares([run[f"evidence, {part}"][short] for run in plain]) for part in ("phantoms", "scans")]
        evidence += f" |\n| {label} | {area:.2f} | {' | '.join(both)}"
    return {"heads": heads, "evidence": evidence + " |\n"}


def _shares(rows: list[dict[str, float]]) -> str:
    return ", ".join(f"{np.mean([row[place] for row in rows]):.2f}" for place in PLACES)


def filled(page: str, found: dict[str, Any]) -> str:
    """Return the page with its tables."""
    written = tables(found)
    pattern = r"(<!-- table: (.+?) -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}\n{written[match[2]]}\n{match[3]}", page, flags=re.DOTALL)


def main() -> None:
    """Encode phantoms and scans, train heads with three seeds and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "ct_head")
    parser.add_argument("--phantoms", type=Path, default=Path("demo_output") / "organ_regions" / "phantoms")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--training", type=int, default=60, help="number of phantoms for training")
    parser.add_argument("--test", type=int, default=40, help="number of phantoms for the test")
    parser.add_argument("--only-page", action="store_true", help="write the tables of the page only")
    args = parser.parse_args()
    if args.only_page:
        found = json.loads(JSON.read_text(encoding="utf-8"))
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")
        return
    counts = {"training": args.training, TEST: args.test}
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    make_patients(args.phantoms, "small")
    files = [args.output / f"{SECTIONS[part][0] + n:05d}.npz" for part in counts for n in range(counts[part])]
    known = all(file.is_file() for file in (*files, *(args.output / f"{name}.npz" for name in PATIENTS)))
    encoder = None if known else make_encoder("ct_resnet152", 3, 1, weights="chest_ct").eval()
    scans = []
    for name, patient in PATIENTS.items():
        file = args.output / f"{name}.npz"
        image = None if file.is_file() else read_volume(DATA / patient.scan)
        organs = None if image is None else partition_organs(image[0].numpy(), np.asarray(image.affine)).labels
        scans.append(encoded(file, image, organs, encoder))
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for part in (TEST, "training"):
        rows, first = [], SECTIONS[part][0]
        for seed in range(first, first + counts[part]):
            image, arrays = phantom(args.phantoms / f"{seed:05d}.npz")
            rows.append((encoded(args.output / f"{seed:05d}.npz", image, arrays["masks"], encoder), arrays))
        parts[part] = stacked(rows)
    training, runs = parts["training"], []
    for mask in (0, 1 / 3, 10 / 3):
        for seed in args.seeds:
            keys = ("features", "labels", "allowed")
            head, seconds = trained(*(training[key] for key in keys), mask, args.epochs, seed)
            row = {"mask loss": mask, "seed": seed, "training CPU s": round(seconds, 2)}
            per_thousand = round(1000 * seconds / len(training["labels"]), 1)
            runs.append(row | {"CPU s for 1,000 scans": per_thousand} | figures(head, parts[TEST], scans))
            print(mask, seed, f"{runs[-1]['AUROC']:.3f}", runs[-1]["evidence in the organs of the label"], seconds)
    cells = np.mean([[*one.organs.mean((1, 2, 3)), 1 - one.organs.mean((1, 2, 3)).sum()] for one in scans], 0)
    of_phantoms = parts[TEST]["organs"].float().mean((0, 2, 3, 4)).numpy()
    shares = [dict(zip(PLACES, each, strict=True)) for each in (cells, [*of_phantoms, 1 - of_phantoms.sum()])]
    settings = {"grid of the scan": SIZE, "epochs": args.epochs, "patients": counts, "scans": list(PATIENTS)}
    write_json(JSON, {"settings": settings, "cells, scans": shares[0], "cells, phantoms": shares[1], "runs": runs})


if __name__ == "__main__":
    main()
