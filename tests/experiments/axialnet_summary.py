"""Summary of the runs of the AxialNet experiment: means, and intervals over seeds and patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr

from monai_pylon.metrics.auroc import auroc_per_class
from tests.experiments.axialnet_cohort import LABELS, Section

Arrays = dict[str, np.ndarray]
TESTS = ("test, plain", "test, confounded")
RESAMPLES = 2000
#: Suffix of a network's name by weight of the mask loss, as a multiple of the weight in the settings.
MASK_NAMES = {0: "", 1: ", mask loss", 10: ", mask loss × 10", 108: ", mask loss × 108"}
#: Number of slice groups on either side of a lesion's middle whose scores are kept.
REACH = 10


class Draws:
    """Bootstrap counts of seeds (R, S) and patients (R, N); the first row has each of them once."""

    def __init__(self, seeds: int, patients: int, resamples: int = RESAMPLES) -> None:
        random = np.random.default_rng(0)
        self.seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), resamples)
        self.patients = random.multinomial(patients, np.full(patients, 1 / patients), resamples).astype(float)
        self.seeds[0], self.patients[0] = 1, 1

    def interval(self, values: np.ndarray) -> dict[str, Any]:
        """Return mean and 95 % interval (percentiles) of a statistic (R, S), and its value for each seed."""
        means = (values * self.seeds).sum(1) / self.seeds.sum(1)
        low, high = np.nanquantile(means, (0.025, 0.975)) if np.isfinite(means).any() else (np.nan, np.nan)
        return {"mean": means[0], "low": low, "high": high, "seeds": values[0]}


def mean_interval(tables: np.ndarray) -> dict[str, Any]:
    """Return mean and interval over all defined values of tables (S, N, M), for OrganIoU the paper's "overall"."""
    draws = Draws(*tables.shape[:2])
    known = ~np.isnan(tables)
    sums, counts = np.where(known, tables, 0).sum(2), known.sum(2)  # (S, N)
    with np.errstate(invalid="ignore"):
        return draws.interval((draws.patients @ sums.T) / (draws.patients @ counts.T))


def auroc_draws(both: np.ndarray, draws: Draws) -> np.ndarray:
    """Return the mean AUROC over labels (R, S) of scores and labels (S, N, 2, M).

    AUROC is the share of pairs of a patient with and one without the label in which the first has the higher score. A
    bootstrap draw weights each pair by the counts of both patients.
    """
    areas = np.full((both.shape[0], both.shape[3], len(draws.patients)), np.nan)
    weights = draws.patients
    for s, m in np.ndindex(areas.shape[:2]):
        score, label = both[s, :, :, m].T
        pairs = np.outer(label == 1, label == 0).astype(float)
        higher = (score[:, None] > score) + 0.5 * (score[:, None] == score)
        total = ((weights @ pairs) * weights).sum(1)
        with np.errstate(invalid="ignore"):
            areas[s, m] = ((weights @ (pairs * higher)) * weights).sum(1) / total
    known = ~np.isnan(areas)
    with np.errstate(invalid="ignore"):
        return (np.where(known, areas, 0).sum(1) / known.sum(1)).T


def _mean(tables: np.ndarray) -> float:
    """Return the mean over all defined values."""
    known = tables[~np.isnan(tables)]
    return float(known.mean()) if known.size else float("nan")


def _over_patients(curves: np.ndarray) -> np.ndarray:
    """Return the mean (P,) of curves (N, P) where they are defined, else NaN."""
    known = ~np.isnan(curves)
    with np.errstate(invalid="ignore"):
        return np.where(known, curves, 0).sum(0) / known.sum(0)


def _auroc(tables: np.ndarray) -> float:
    """Return the mean AUROC over seeds and labels of scores and labels (S, N, 2, M)."""
    each = [auroc_per_class(torch.from_numpy(one[:, 0]), torch.from_numpy(one[:, 1])).numpy() for one in tables]
    return _mean(np.array(each))


def _labels(part: Section, name: str, runs: list[Arrays]) -> np.ndarray:
    """Return scores and labels (S, N, 2, M)."""
    return np.stack([np.stack([run[f"scores/{name}"], part.labels.numpy()], axis=1) for run in runs]).astype(float)


def network_row(runs: list[Arrays], parts: dict[str, Section]) -> dict[str, Any]:
    """Return the numbers of one network on each test part."""
    row: dict[str, Any] = {}
    for name in TESTS:
        both = _labels(parts[name], name, runs)
        draws = Draws(*both.shape[:2])
        found: dict[str, Any] = {"AUROC": draws.interval(auroc_draws(both, draws))}
        found["AUROC by label"] = {key: _auroc(both[..., [m]]) for m, key in enumerate(LABELS)}
        maps = {
            method: f"{method}/{name}" for method in ("Grad-CAM", "HiResCAM") if f"OrganIoU {method}/{name}" in runs[0]
        }
        for method, key in maps.items():
            for what in ("OrganIoU", "peak"):
                values = np.stack([run[f"{what} {key}"] for run in runs]).astype(float)
                found[f"{what} {method}"] = mean_interval(values)
                found[f"{what} {method} by label"] = {one: _mean(values[..., m]) for m, one in enumerate(LABELS)}
        if maps:
            pair = [np.stack([run[f"OrganIoU {key}"] for run in runs]).astype(float) for key in maps.values()]
            found["OrganIoU HiResCAM less Grad-CAM"] = mean_interval(pair[1] - pair[0])
        row[name] = found
    return row


def mask_loss_gain(with_: list[Arrays], without: list[Arrays], parts: dict[str, Section]) -> dict[str, Any]:
    """Return the differences with minus without the mask loss, for the same seeds and patients."""
    found: dict[str, Any] = {}
    for name in TESTS:
        one, two = (_labels(parts[name], name, runs) for runs in (with_, without))
        draws = Draws(*one.shape[:2])
        found[name] = {"AUROC": draws.interval(auroc_draws(one, draws) - auroc_draws(two, draws))}
        for method in ("Grad-CAM", "HiResCAM"):
            for what in ("OrganIoU", "peak"):
                key = f"{what} {method}/{name}"
                pair = np.stack([a[key].astype(float) - b[key] for a, b in zip(with_, without, strict=True)])
                found[name][f"{what} {method}"] = mean_interval(pair)
                found[name][f"{what} {method} by label"] = {k: _mean(pair[..., m]) for m, k in enumerate(LABELS)}
    return found


def fat_in_scores(runs: list[Arrays], part: Section, name: str = "test, plain") -> dict[str, list[float]]:
    """Return Spearman's correlation of score and fat over patients without the label, by label and seed.

    It is 0 for a network that ignores fat, because fat and findings are independent in this part.
    """
    found = {}
    for m, key in enumerate(LABELS):
        without = part.labels[:, m].numpy() == 0
        fat = part.fat.numpy()[without]
        found[key] = [float(spearmanr(run[f"scores/{name}"][without, m], fat).statistic) for run in runs]
    return found


def slice_curves(runs: list[Arrays], part: Section, name: str = "test, plain") -> dict[str, dict[str, Any]]:
    """Return mean slice scores around the middle of lesions, by label, with 95 % intervals over patients.

    Scores are means over seeds. "elsewhere" is the mean score at the same heights in patients without the label.
    "AUROC" compares slice groups with and without lesion in the same patient, as a mean over patients.
    """
    scores = np.mean([run[f"slices/{name}"] for run in runs], axis=0)  # (N, M, S)
    pieces = part.lesions.sum((2, 3)).numpy()
    places = np.arange(pieces.shape[-1])
    found = {}
    for m, key in enumerate(LABELS):
        absent = scores[part.labels[:, m].numpy() == 0, m].mean(0)
        curves, others, areas = [], [], []
        for score, piece in zip(scores[:, m], pieces[:, m], strict=True):
            if piece.sum() == 0:
                continue
            middle = round(float((places * piece).sum() / piece.sum()))
            wanted = middle + np.arange(-REACH, REACH + 1)
            inside = (wanted >= 0) & (wanted < len(places))
            take = wanted.clip(0, len(places) - 1)
            curves.append(np.where(inside, score[take], np.nan))
            others.append(np.where(inside, absent[take], np.nan))
            here = torch.from_numpy(piece > 0).double()[:, None]
            areas.append(float(auroc_per_class(torch.from_numpy(score)[:, None], here)))
        if not curves:
            continue
        random, table = np.random.default_rng(0), np.stack(curves)
        draws = [_over_patients(table[random.integers(len(table), size=len(table))]) for _ in range(RESAMPLES)]
        low, high = np.quantile(draws, (0.025, 0.975), axis=0)
        found[key] = {
            "patients": len(curves),
            "mean": _over_patients(table),
            "low": low,
            "high": high,
            "elsewhere": _over_patients(np.stack(others)),
            "AUROC": mean_interval(np.array(areas)[None, :, None]) | {"seeds": None},
        }
    return found


def summary(rows: list[dict[str, Any]], arrays: list[Arrays], parts: dict[str, Section]) -> dict[str, Any]:
    """Summarize all runs.

    Args:
        rows: Row of each run with network, mask loss, seed, epochs and whether it is a longer run.
        arrays: Arrays of each run.
        parts: Patients by section.
    """
    seeds: dict[str, dict[int, Arrays]] = {}
    bases: dict[str, str] = {}  # the same training without the mask loss
    for row, found in zip(rows, arrays, strict=True):
        base = row["network"] + (f", {row['epochs']} epochs" if row["longer"] else "")
        name = base + MASK_NAMES[row["mask loss"]]
        seeds.setdefault(name, {})[row["seed"]] = found
        bases[name] = base
    named = {name: list(runs.values()) for name, runs in seeds.items()}
    shares = {name: parts[name].allowed.float().mean((2, 3, 4))[parts[name].labels == 1] for name in TESTS}
    result: dict[str, Any] = {"runs": rows}
    result["networks"] = {name: network_row(runs, parts) for name, runs in named.items()}
    result["allowed share of all cells"] = {name: float(share.mean()) for name, share in shares.items()}
    within = {name: (parts[name].lesions * parts[name].allowed).sum((0, 2, 3, 4)) for name in TESTS}
    result["share of the lesions' voxels that is allowed"] = {
        name: dict(zip(LABELS, (inside / parts[name].lesions.sum((0, 2, 3, 4))).tolist(), strict=True))
        for name, inside in within.items()
    }
    result["patients with each label"] = {
        name: dict(zip(LABELS, part.labels.sum(0).int().tolist(), strict=True)) for name, part in parts.items()
    }
    for name in (name for name in named if name.startswith("AxialNet")):
        result[f"slice scores of {name}"] = slice_curves(named[name], parts["test, plain"])
        result[f"fat in the scores of {name}"] = fat_in_scores(named[name], parts["test, plain"])
        base = bases[name]
        if name != base and base in seeds:
            both = sorted(seeds[name].keys() & seeds[base].keys())
            pair = ([seeds[one][seed] for seed in both] for one in (name, base))
            result[f"{name} less {base}"] = mask_loss_gain(*pair, parts)
    return result
