"""Means of the runs' figures, with intervals over seeds and patients, for docs/researchers/results/organ_regions.json.

Seeds and patients of the test part are both drawn again, 2000 times, as in :mod:`tests.experiments.axialnet_summary`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.experiments.axialnet_cohort import CONFOUNDED, LABELS
from tests.experiments.axialnet_summary import Draws, auroc_draws, mean_interval
from tests.experiments.organ_regions.judging import LOSSES
from tests.experiments.organ_regions.training import VARIANTS

Row = dict[str, Any]
Arrays = dict[str, np.ndarray]


def read_runs(folder: Path) -> dict[str, list[tuple[Row, Arrays]]]:
    """Read the finished runs of a cohort, by variant in their order, sorted by seed."""
    found: dict[str, list[tuple[Row, Arrays]]] = {name: [] for name in VARIANTS}
    for file in sorted(folder.glob("*.json")):
        with np.load(file.with_suffix(".npz")) as arrays:
            row = json.loads(file.read_text(encoding="utf-8"))
            found[row["variant"]].append((row, dict(arrays)))
    return {name: sorted(runs, key=lambda run: run[0]["seed"]) for name, runs in found.items() if runs}


def _scores(runs: list[Arrays]) -> np.ndarray:
    """Stack scores and labels (S, N, 2, M)."""
    return np.stack([np.stack([run["scores"], run["labels"]], 1) for run in runs]).astype(float)


def auroc_interval(runs: list[Arrays]) -> Row:
    """Return the mean AUROC over labels and seeds with its interval."""
    both = _scores(runs)
    draws = Draws(*both.shape[:2])
    return draws.interval(auroc_draws(both, draws))


def difference(runs: list[Arrays], base: list[Arrays], key: str) -> Row:
    """Return the paired difference of a table between two variants with the same seeds and patients."""
    return mean_interval(np.stack([one[key].astype(float) - two[key] for one, two in zip(runs, base, strict=True)]))


def auroc_difference(runs: list[Arrays], base: list[Arrays]) -> Row:
    """Return the paired difference of the mean AUROC of two variants with the same seeds and patients."""
    one, two = _scores(runs), _scores(base)
    draws = Draws(*one.shape[:2])
    return draws.interval(auroc_draws(one, draws) - auroc_draws(two, draws))


def variant_summary(runs: list[tuple[Row, Arrays]]) -> Row:
    """Return what the tables show of a variant."""
    rows, arrays = [run[0] for run in runs], [run[1] for run in runs]
    ways = [key for key in arrays[0] if key.startswith("OrganIoU, ")]
    fat = [row["fat, confounded labels"] for row in rows]
    found = {
        "seeds": [row["seed"] for row in rows],
        "settings": rows[0]["settings"],
        "AUROC": auroc_interval(arrays),
        **{key: mean_interval(np.stack([one[key] for one in arrays]).astype(float)) for key in (*ways, "peak")},
        "fat, confounded labels": {"mean": float(np.mean(fat)), "seeds": fat},
        "lost": {name: float(np.mean([row["lost"][name] for row in rows])) for name in LOSSES},
        "training CPU s": [row["training CPU s"] for row in rows],
    }
    for key in ("AUROC by label", "OrganIoU by label", "peak by label", "fat by label"):
        found[key] = {label: float(np.mean([row[key][label] for row in rows])) for label in LABELS}
    found["lost by label"] = {
        label: {name: float(np.mean([row["lost by label"][label][name] for row in rows])) for name in LOSSES}
        for label in LABELS
    }
    return found


def fat_by_chance(labels: np.ndarray) -> float:
    """Return the mean absolute rank correlation of independent scores and fat, for patients without each label.

    The standard deviation is 1 / sqrt(n - 1) with n patients, and the mean absolute value sqrt(2 / pi) of it.
    """
    counts = [(labels[:, list(LABELS).index(label)] == 0).sum() for label in CONFOUNDED]
    return float(np.mean([np.sqrt(2 / np.pi / (count - 1)) for count in counts]))


def cohort_summary(output: Path, cohort: str) -> Row:
    """Return baselines, variants and paired differences of a cohort, and the rows of its runs."""
    runs = read_runs(output / "runs" / cohort)
    arrays = {name: {row["seed"]: own for row, own in each} for name, each in runs.items()}
    pairs = [
        ("pooling, masked input", "AxialNet"),
        ("pooling, masked input, mask loss x 10", "pooling, masked input"),
        ("pooling, masked input, whole cells, mask loss x 10", "pooling, masked input"),
        ("6 x 6, mask loss, true", "6 x 6, mask loss, even"),
        *[(name, "mask loss") for name in VARIANTS if name.startswith("mask loss, ")],
        *[(n, "6 x 6, mask loss, even") for n in VARIANTS if n.startswith("6 x 6, mask loss, even, ")],
    ]
    differences = {}
    for name, base in pairs:
        seeds = sorted(arrays.get(name, {}).keys() & arrays.get(base, {}).keys())
        if not seeds:
            continue
        one, two = ([arrays[key][seed] for seed in seeds] for key in (name, base))
        shared = [key for key in one[0] if key.startswith("OrganIoU, ") and key in two[0]]
        tables = {key: difference(one, two, key) for key in (*shared, "peak")}
        differences[f"{name} less {base}"] = {"AUROC": auroc_difference(one, two)} | tables
    any_arrays = next(iter(runs.values()))[0][1]
    return {
        "baselines": json.loads((output / f"baselines_{cohort}.json").read_text(encoding="utf-8")),
        "absolute correlation with fat by chance": fat_by_chance(any_arrays["labels"]),
        "variants": {name: variant_summary(each) for name, each in runs.items()},
        "differences": differences,
        "versions": next(iter(runs.values()))[0][0]["versions"],
    }
