"""Results and tables from the finished runs: ``python -m tests.experiments.soft_maximum.summary RUNS``.

It adds the baselines of point localization to every run, writes docs/researchers/results/soft_maximum.json, and fills
the tables of docs/researchers/pylon_evidence.md from that file. Without RUNS only the tables are written.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from monai_pylon.metrics import bootstrap_interval, class_points
from monai_pylon.metrics.baselines import localization_baselines
from tests.experiments.pylon_evidence.radiographs import Radiographs, phantom_radiographs, real_radiographs

RESEARCHERS = Path(__file__).resolve().parents[3] / "docs" / "researchers"
PAGE, RESULTS = RESEARCHERS / "pylon_evidence.md", RESEARCHERS / "results" / "soft_maximum.json"
TITLES = {"pylon": "PYLON", "backbone": "Backbone"}
POOLINGS = {"soft": "soft, becoming the maximum", "maximum": "maximum"}
FIXED = {
    "random_point": "a random point",
    "image_center": "the image's center, always",
    "class_point": "one point per class, from the boxes of the other folds",
}
CARDIOMEGALY = 1
#: The boxes of phantoms hardly depend on their size, and small ones are rendered faster.
PHANTOM_SIZE = 96


def _instances(part: Radiographs) -> Iterator[tuple[int, str, torch.Tensor]]:
    """Yield class, patient and boxes (K, 4) of the instances of a fold, in the order of a run's hits."""
    for patient, boxes in zip(part.patients, part.boxes, strict=True):
        for label in sorted({int(kind) for kind in boxes[:, 4]}):
            yield label, patient, boxes[boxes[:, 4] == label, :4]


def baselines(
    radiographs: Radiographs, fold: int, size: int, points: list[list[int]] | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the baselines of the instances of a fold, and the facts of the fold that do not depend on a network.

    ``points`` are the highest pixels of a network's maps; without them the baselines of networks mean nothing.
    """
    held = radiographs.folds == fold
    classes, patients, tables = zip(*_instances(radiographs.of(held)), strict=True)
    known = torch.cat(radiographs.of(~held).boxes)
    found = localization_baselines(
        torch.zeros(len(classes), 2) if points is None else torch.tensor(points),
        torch.tensor(classes),
        patients,
        torch.cat(tables),
        torch.repeat_interleave(torch.tensor([len(table) for table in tables])),
        size,
        class_points(known, 14, size),
    )
    names = {name: number for number, name in enumerate(dict.fromkeys(radiographs.patients))}
    fixed = {name: [_rounded(value) for value in found[name]] for name in FIXED}
    return found, {"fold": fold, "classes": list(classes), "patients": [names[name] for name in patients], **fixed}


def with_baselines(record: dict[str, Any], radiographs: Radiographs) -> dict[str, Any]:
    """Return a run's record with the shares of other patients' maps."""
    found, _ = baselines(radiographs, record["fold"], record["recipe"]["size"], record["peaks"])
    assert "".join("01"[int(hit)] for hit in found["network"]) == record["hits"], "the metric sees the same hits"
    kept = ("fold", "seed", "recipe", "losses", "point", "auroc", "map", "hits", "cpu_seconds", "versions")
    others = [_rounded(value) for value in found["other_patients"]]
    return {**{key: record[key] for key in kept}, "other_patients": others}


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _joined(runs: list[dict[str, Any]], folds: dict[int, dict[str, Any]], name: str) -> np.ndarray:
    """Join a run's or a fold's values over the runs."""
    parts = []
    for run in runs:
        values = [int(hit) for hit in run["hits"]] if name == "hits" else run.get(name, folds[run["fold"]].get(name))
        parts.append(np.array(values, dtype=float))
    return np.concatenate(parts)


def _text(interval: Any, sign: bool = False) -> str:
    numbers = [f"{value:+.3f}" if sign else f"{value:.3f}" for value in interval]
    estimate, low, high = (number.replace("0.", ".", 1).replace("-", "−") for number in numbers)
    return f"{estimate} ({low} to {high})"


def table(result: dict[str, Any]) -> str:
    """Return the table in Markdown: each network with each pooling, then the points that look at no image."""
    folds = {fold["fold"]: fold for fold in result["folds"]}
    lines = [
        "| network | pooling in training | runs | point localization (95 %) | other patients' maps | "
        "image-specific gain (95 %) | without cardiomegaly | AUROC |",
        "|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for run in result["runs"]:
        groups.setdefault((run["recipe"]["network"], run["recipe"]["pooling"]), []).append(run)
    for (network, pooling), runs in sorted(groups.items()):
        hits, others = _joined(runs, folds, "hits"), _joined(runs, folds, "other_patients")
        owners = _joined(runs, folds, "patients").astype(int)
        rest = _joined(runs, folds, "classes") != CARDIOMEGALY
        cells = [TITLES[network], POOLINGS[pooling], str(len(runs)), _text(bootstrap_interval(hits, groups=owners))]
        cells += [f"{np.nanmean(others):.3f}".replace("0.", ".", 1)]
        cells += [_text(bootstrap_interval(hits, others, groups=owners), sign=True)]
        cells += [f"{hits[rest].mean():.3f}".replace("0.", ".", 1)]
        cells += [f"{np.mean([run['auroc'] for run in runs]):.3f}".replace("0.", ".", 1)]
        lines.append("| " + " | ".join(cells) + " |")
    used = [folds[number] for number in sorted({run["fold"] for run in result["runs"]})]
    for name, title in FIXED.items():
        text, share = fixed_point(used, name)
        lines.append(f"| *{title}* |  |  | {text} |  |  | {share} |  |")
    return "\n".join(lines)


def fixed_point(folds: list[dict[str, Any]], name: str) -> tuple[str, str]:
    """Return the hits of a point that does not depend on the image, with its interval, and without cardiomegaly."""
    values = np.concatenate([np.array(fold[name], dtype=float) for fold in folds])
    owners = np.concatenate([fold["patients"] for fold in folds])
    rest = np.concatenate([fold["classes"] for fold in folds]) != CARDIOMEGALY
    return _text(bootstrap_interval(values, groups=owners)), f"{values[rest].mean():.3f}".replace("0.", ".", 1)


def fixed_points(result: dict[str, Any]) -> str:
    """Return the table of the points that look at no image, over all folds of real radiographs and on phantoms."""
    lines = ["| point | real radiographs (95 %) | without cardiomegaly | phantoms (95 %) |", "|---|---|---|---|"]
    for name, title in FIXED.items():
        real, share = fixed_point(result["folds"], name)
        lines.append(f"| {title} | {real} | {share} | {fixed_point(result['phantoms'], name)[0]} |")
    return "\n".join(lines)


def differences(result: dict[str, Any]) -> str:
    """Return the paired differences in Markdown, each over the folds and seeds that both have."""
    folds = {fold["fold"]: fold for fold in result["folds"]}
    runs = {(r["recipe"]["network"], r["recipe"]["pooling"], r["fold"], r["seed"]): r for r in result["runs"]}
    lines = ["| difference of point localization | runs | (95 %) |", "|---|---|---|"]
    pairs = [
        ("PYLON − Backbone, soft", ("pylon", "soft"), ("backbone", "soft")),
        ("PYLON − Backbone, maximum", ("pylon", "maximum"), ("backbone", "maximum")),
        ("soft − maximum, PYLON", ("pylon", "soft"), ("pylon", "maximum")),
        ("soft − maximum, Backbone", ("backbone", "soft"), ("backbone", "maximum")),
    ]
    for title, one, other in pairs:
        places = [key[2:] for key in runs if key[:2] == one and (*other, *key[2:]) in runs]
        if places:
            ours, theirs = ([runs[(*kind, *place)] for place in places] for kind in (one, other))
            owners = _joined(ours, folds, "patients").astype(int)
            found = bootstrap_interval(_joined(ours, folds, "hits"), _joined(theirs, folds, "hits"), groups=owners)
            lines.append(f"| {title} | {len(places)} | {_text(found, sign=True)} |")
    return "\n".join(lines)


def filled(page: str, result: dict[str, Any]) -> str:
    """Return the page with new tables."""
    tables = {"soft maximum": table(result), "soft maximum, differences": differences(result)}
    for name, made in {**tables, "fixed points": fixed_points(result)}.items():
        marks = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        page = re.sub(marks, lambda found, made=made: f"{found[1]}{made}\n{found[2]}", page, flags=re.DOTALL)
    return page


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="?")
    args = parser.parse_args()
    if args.runs is not None:
        records = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(args.runs.glob("*.json"))]
        radiographs = real_radiographs(records[0]["recipe"]["size"])
        size, phantoms = records[0]["recipe"]["size"], phantom_radiographs(2000, PHANTOM_SIZE)
        parts = {
            "folds": [baselines(radiographs, fold, size)[1] for fold in range(4)],
            "phantoms": [baselines(phantoms, 0, PHANTOM_SIZE)[1]],
            "runs": [with_baselines(record, radiographs) for record in records],
        }
        rows = [f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in part) + "\n]" for name, part in parts.items()]
        RESULTS.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
    print(table(result), differences(result), sep="\n\n")


if __name__ == "__main__":
    main()
