"""Figures of one network: AUROC, OrganIoU and what keeps it below 1, peaks near lesions, and fat in the scores."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from monai_pylon.metrics import OrganIoUMetric
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.metrics.organ_overlap import relative_attention
from monai_pylon.networks.blocks.organ_pooling import OrganPooling
from monai_pylon.networks.nets import AxialNet
from tests.experiments.axialnet_cohort import CONFOUNDED, LABELS
from tests.experiments.axialnet_runs import Settings
from tests.experiments.axialnet_summary import fat_in_scores
from tests.experiments.organ_regions.patients import ORGANS, TEST, Patients
from tests.experiments.organ_regions.training import (
    Cached,
    Variant,
    explained,
    make_network,
    organ_cells,
    regions,
    sides_of_regions,
    train,
)

Maps = dict[str, torch.Tensor]
#: Ways to lose OrganIoU, in this order; with "inside" they sum to 1 for each present label.
LOSSES = ("no evidence", "wrong side", "border", "outside")


def peaks_near_lesions(attention: torch.Tensor, patients: Patients, lost: int) -> np.ndarray:
    """Return for each map (N, M) whether its peak looks at a place within 1.5 cells of a lesion; NaN if absent.

    Cell i looks at the border of the blocks i + lost - 1 and i + lost of 8 voxels.
    """
    lesions = (patients.lesions > 0).float()
    near = functional.max_pool3d(functional.pad(lesions, (1, 1, 2, 1, 2, 1)), (4, 4, 3), 1)
    cells = attention.shape[2:]
    near = near[:, :, lost : lost + cells[0], lost : lost + cells[1]]
    highest, place = attention.flatten(2).max(2, keepdim=True)
    hit = torch.where(highest > 0, near.flatten(2).gather(2, place), 0.0)[..., 0]
    return torch.where(patients.labels == 1, hit, torch.nan).numpy()


def shares_of_labels(patients: Patients, network: AxialNet) -> torch.Tensor:
    """Compute the share of each cell's voxels in the organs of each label, (N, M, x, y, groups)."""
    shares = OrganPooling(ORGANS, len(LABELS))(organ_cells(patients, network, False)[0])
    return shares.permute(0, 2, 4, 3, 1)


def organ_ious(
    maps: Maps, parts: dict[str, Patients], network: AxialNet, v: Variant
) -> tuple[np.ndarray, torch.Tensor]:
    """Return OrganIoU (N, M) of the test part and the thresholds (M,), tuned on the validation part."""
    metric = OrganIoUMetric()
    metric(maps["validation"], (parts["validation"].labels, regions(parts["validation"], network, v)))
    thresholds = metric.tune_thresholds()
    found = OrganIoUMetric(thresholds)(maps[TEST], (parts[TEST].labels, regions(parts[TEST], network, v)))
    return found.numpy(), thresholds


def losses_of_evidence(
    attention: torch.Tensor,
    thresholds: torch.Tensor,
    allowed: torch.Tensor,
    possible: torch.Tensor,
    shares: torch.Tensor,
    labels: torch.Tensor,
) -> np.ndarray:
    """Split 1 - OrganIoU into the parts of :data:`LOSSES`.

    "no evidence": the map of a present label is nowhere positive. Of the cells above the threshold: "wrong side", in
    the organs of the label but not where the report places it; "border", outside these organs by the rule of the
    allowed region, with a part of their voxels inside; "outside", without any voxel inside.

    Args:
        attention: Signed attention (N, M, *grid).
        thresholds: Thresholds (M,), relative to each map's maximum.
        allowed: Allowed regions (N, M, *grid), bool, by the report.
        possible: Allowed regions (N, M, *grid), bool, if each label lay in all of its organs.
        shares: Share of each cell's voxels in the organs of the label (N, M, *grid).
        labels: Labels (N, M).

    Returns:
        (N, M, 4), NaN for absent labels.
    """
    above = torch.stack([relative_attention(one) for one in attention]) > thresholds[:, None, None, None]
    wrong = (~allowed & possible, ~allowed & ~possible & (shares > 0), ~allowed & ~possible & (shares == 0))
    total = above.flatten(2).sum(2)
    parts = [(total == 0).float()] + [(above & one).flatten(2).sum(2) / total.clamp_min(1) for one in wrong]
    return torch.where(labels[..., None] == 1, torch.stack(parts, -1), torch.nan).numpy()


def baselines(parts: dict[str, Patients], network: AxialNet) -> dict[str, Any]:
    """Return the OrganIoU of maps without any network, by "nearest" with the even stretch.

    "everywhere": 1 in every cell. "evenly in the organs": each cell's share of voxels in the label's organs, as the
    pooling weighs them. "whole cells": 1 in the cells in which the label may lie by "nearest". "lesion": the number of
    voxels of the lesion in each cell.
    """
    ways: dict[str, Maps] = {
        "everywhere": {name: torch.ones_like(part.lesions, dtype=torch.float32) for name, part in parts.items()},
        "evenly in the organs": {name: shares_of_labels(part, network) for name, part in parts.items()},
        "whole cells": {name: regions(part, network, Variant(), ORGANS).float() for name, part in parts.items()},
        "lesion": {name: part.lesions.float() for name, part in parts.items()},
    }
    tables = {name: organ_ious(maps, parts, network, Variant())[0] for name, maps in ways.items()}
    return {
        name: {
            "OrganIoU": float(np.nanmean(table)),
            "by label": dict(zip(LABELS, np.nanmean(table, 0).tolist(), strict=True)),
        }
        for name, table in tables.items()
    }


def figures(
    found: dict[str, tuple[torch.Tensor, torch.Tensor]], parts: dict[str, Patients], network: AxialNet, v: Variant
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the figures of a network on the test part and its arrays, from scores and attention by section."""
    maps, scores, part = {name: pair[1] for name, pair in found.items()}, found[TEST][0], parts[TEST]
    areas = auroc_per_class(scores, part.labels).tolist()
    own = Variant(mode=v.mode, dilation=v.dilation)
    ways = {"even": Variant(), "true": Variant(true_positions=True)} if v.paper_reduction else {"even": Variant()}
    ways |= {} if own == Variant() else {"own": own}
    ious = {name: organ_ious(maps, parts, network, way) for name, way in ways.items()}
    allowed, possible = (regions(part, network, Variant(), places) for places in (None, ORGANS))
    shares = shares_of_labels(part, network)
    lost = losses_of_evidence(maps[TEST], ious["even"][1], allowed, possible, shares, part.labels)
    peaks = peaks_near_lesions(maps[TEST], part, network.cells_lost // 2)
    fat = {name: each[0] for name, each in fat_in_scores([{f"scores/{TEST}": scores.numpy()}], part).items()}  # type: ignore[arg-type]
    row = {
        "AUROC": float(np.nanmean(areas)),
        "AUROC by label": dict(zip(LABELS, areas, strict=True)),
        **{f"OrganIoU, {name}": float(np.nanmean(each[0])) for name, each in ious.items()},
        "OrganIoU by label": dict(zip(LABELS, np.nanmean(ious["even"][0], 0).tolist(), strict=True)),
        "thresholds": dict(zip(LABELS, ious["even"][1].tolist(), strict=True)),
        "lost": dict(zip(LOSSES, np.nanmean(lost, (0, 1)).tolist(), strict=True)),
        "lost by label": {
            label: dict(zip(LOSSES, each.tolist(), strict=True))
            for label, each in zip(LABELS, np.nanmean(lost, 0), strict=True)
        },
        "peak": float(np.nanmean(peaks)),
        "peak by label": dict(zip(LABELS, np.nanmean(peaks, 0).tolist(), strict=True)),
        "fat by label": fat,
        "fat, confounded labels": float(np.mean([abs(fat[name]) for name in CONFOUNDED])),
    }
    arrays = {"scores": scores.numpy(), "labels": part.labels.numpy(), "fat": part.fat.numpy(), "peak": peaks}
    return row, arrays | {f"OrganIoU, {name}": each[0] for name, each in ious.items()} | {"lost": lost}


def run(
    v: Variant, seed: int, parts: dict[str, Patients], caches: dict[str, Cached], s: Settings
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train one network; return its figures on the test part and its arrays."""
    torch.manual_seed(seed)
    network = make_network(v, s)
    allowed = sides_of_regions(parts["training"], network, v)
    start = time.process_time()
    train(network, caches["training"], parts["training"].labels, allowed, v, s)
    seconds = time.process_time() - start
    row, arrays = figures({name: explained(network, caches[name]) for name in ("validation", TEST)}, parts, network, v)
    return row | {"training CPU s": round(seconds, 1)}, arrays
