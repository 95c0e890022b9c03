"""Results and tables from the finished runs: ``python -m tests.experiments.soft_maximum.summary RUNS``.

It adds the baselines of point localization to every run, adds the runs to docs/researchers/results/soft_maximum.json
(in the place of earlier ones of the same kind), and fills the tables of docs/researchers/pylon_evidence.md from it.
Without RUNS only the tables are written.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from monai_pylon.metrics import bootstrap_interval, class_points
from monai_pylon.metrics.baselines import localization_baselines
from tests.experiments.pylon_evidence.radiographs import Radiographs, phantom_radiographs, real_radiographs

RESEARCHERS = Path(__file__).resolve().parents[3] / "docs" / "researchers"
PAGE, RESULTS = RESEARCHERS / "pylon_evidence.md", RESEARCHERS / "results" / "soft_maximum.json"
TITLES = {
    "pylon": "PYLON",
    "pylon_1up": "PYLON 1UP",
    "pylon_2up": "PYLON 2UP",
    "li2018": "Li2018",
    "backbone": "Backbone",
}
POOLINGS = {"soft": "soft, becoming the maximum", "maximum": "maximum", "own": "its own (noisy or)"}
ENCODERS = {"efficientnet_lite0": "Lite0", "resnet18": "ResNet-18"}
FIXED = {
    "random_point": "a random point",
    "image_center": "the image's center, always",
    "class_point": "one point per class, from the boxes of the other folds",
}
CARDIOMEGALY = 1


class Kind(NamedTuple):
    """What distinguishes the rows of the table."""

    network: str
    pooling: str
    encoder: str = "efficientnet_lite0"
    size: int = 192
    epochs: int = 4
    mask_loss: float = 0.0


PYLON, BACKBONE = Kind("pylon", "soft"), Kind("backbone", "soft")
#: The weight of the HiResCAM paper.
BOXED = PYLON._replace(mask_loss=0.3333)
#: Compared kinds of runs; the second may be a point that looks at no image.
PAIRS: tuple[tuple[str, Kind, Kind | str], ...] = (
    ("PYLON − Backbone, soft", PYLON, BACKBONE),
    ("PYLON − Backbone, maximum", PYLON._replace(pooling="maximum"), BACKBONE._replace(pooling="maximum")),
    ("soft − maximum, PYLON", PYLON, PYLON._replace(pooling="maximum")),
    ("soft − maximum, Backbone", BACKBONE, BACKBONE._replace(pooling="maximum")),
    ("PYLON − PYLON 1UP, soft", PYLON, PYLON._replace(network="pylon_1up")),
    ("PYLON − PYLON 2UP, soft", PYLON, PYLON._replace(network="pylon_2up")),
    ("PYLON, soft − Li2018", PYLON, Kind("li2018", "own")),
    ("PYLON − Backbone, soft, ResNet-18", PYLON._replace(encoder="resnet18"), BACKBONE._replace(encoder="resnet18")),
    ("Lite0 − ResNet-18, PYLON, soft", PYLON, PYLON._replace(encoder="resnet18")),
    ("PYLON − Backbone, soft, 8 epochs", PYLON._replace(epochs=8), BACKBONE._replace(epochs=8)),
    ("8 − 4 epochs, Backbone, soft", BACKBONE._replace(epochs=8), BACKBONE),
    ("16 − 8 epochs, PYLON, soft", PYLON._replace(epochs=16), PYLON._replace(epochs=8)),
    ("8 − 4 epochs, PYLON, soft", PYLON._replace(epochs=8), PYLON),
    ("256 − 192 pixels, PYLON, soft", PYLON._replace(size=256), PYLON),
    ("PYLON − Backbone, soft, 256 pixels", PYLON._replace(size=256), BACKBONE._replace(size=256)),
    ("with − without training boxes, PYLON, soft", BOXED, PYLON),
    ("with − without training boxes, PYLON, soft, 8 epochs", BOXED._replace(epochs=8), PYLON._replace(epochs=8)),
    ("PYLON, soft, 8 epochs − one point per class", PYLON._replace(epochs=8), "class_point"),
    ("PYLON with training boxes − one point per class", BOXED, "class_point"),
    ("PYLON with training boxes, 8 epochs − one point per class", BOXED._replace(epochs=8), "class_point"),
)
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


def _kind(run: dict[str, Any]) -> Kind:
    usual = Kind("", "")._asdict()
    return Kind(**{name: run["recipe"].get(name, usual[name]) for name in Kind._fields})


def _text(interval: Any, sign: bool = False) -> str:
    numbers = [f"{value:+.3f}" if sign else f"{value:.3f}" for value in interval]
    estimate, low, high = (number.replace("0.", ".", 1).replace("-", "−") for number in numbers)
    return f"{estimate} ({low} to {high})"


def table(result: dict[str, Any]) -> str:
    """Return the table in Markdown: each network with each pooling, then the points that look at no image."""
    folds = {fold["fold"]: fold for fold in result["folds"]}
    lines = [
        "| network | pooling in training | encoder, pixels, epochs | runs | point localization (95 %) | "
        "SD of seeds | other patients' maps | image-specific gain (95 %) | without cardiomegaly | AUROC |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[Kind, list[dict[str, Any]]] = {}
    for run in result["runs"]:
        groups.setdefault(_kind(run), []).append(run)
    for kind, runs in sorted(groups.items()):
        hits, others = _joined(runs, folds, "hits"), _joined(runs, folds, "other_patients")
        owners = _joined(runs, folds, "patients").astype(int)
        rest = _joined(runs, folds, "classes") != CARDIOMEGALY
        cells = [
            TITLES[kind.network],
            POOLINGS[kind.pooling] + (f"; mask loss × {kind.mask_loss:g} by training boxes" if kind.mask_loss else ""),
            f"{ENCODERS[kind.encoder]}, {kind.size}, {kind.epochs}",
            str(len(runs)),
        ]
        cells += [_text(bootstrap_interval(hits, groups=owners)), _seeds(runs)]
        cells += [f"{np.nanmean(others):.3f}".replace("0.", ".", 1)]
        cells += [_text(bootstrap_interval(hits, others, groups=owners), sign=True)]
        cells += [f"{hits[rest].mean():.3f}".replace("0.", ".", 1)]
        cells += [f"{np.mean([run['auroc'] for run in runs]):.3f}".replace("0.", ".", 1)]
        lines.append("| " + " | ".join(cells) + " |")
    used = [folds[number] for number in sorted({run["fold"] for run in result["runs"]})]
    for name, title in FIXED.items():
        text, share = fixed_point(used, name)
        lines.append(f"| *{title}* |  |  |  | {text} |  |  |  | {share} |  |")
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


def _seeds(runs: list[dict[str, Any]]) -> str:
    """Return the standard deviation over the seeds of the share of hits; empty if seeds have not the same folds."""
    shares: dict[int, list[float]] = {}
    folds: dict[int, list[int]] = {}
    for run in sorted(runs, key=lambda run: run["fold"]):
        shares.setdefault(run["seed"], []).extend(float(hit) for hit in run["hits"])
        folds.setdefault(run["seed"], []).append(run["fold"])
    same = len({tuple(numbers) for numbers in folds.values()}) == 1
    return f"{np.std([np.mean(hits) for hits in shares.values()], ddof=1):.3f}"[1:] if same and len(shares) > 1 else ""


def differences(result: dict[str, Any]) -> str:
    """Return the paired differences in Markdown, each over the folds and seeds that both have."""
    folds = {fold["fold"]: fold for fold in result["folds"]}
    runs = {(_kind(run), run["fold"], run["seed"]): run for run in result["runs"]}
    lines = ["| difference of point localization | runs | (95 %) |", "|---|---|---|"]
    for title, one, other in PAIRS:
        fixed = isinstance(other, str)
        places = [key[1:] for key in runs if key[0] == one and (fixed or (other, *key[1:]) in runs)]
        if places:
            ours = [runs[(one, *place)] for place in places]
            theirs = ours if fixed else [runs[(other, *place)] for place in places]
            owners = _joined(ours, folds, "patients").astype(int)
            reference = _joined(theirs, folds, other if fixed else "hits")
            found = bootstrap_interval(_joined(ours, folds, "hits"), reference, groups=owners)
            lines.append(f"| {title} | {len(places)} | {_text(found, sign=True)} |")
    return "\n".join(lines)


def filled(page: str, result: dict[str, Any]) -> str:
    """Return the page with new tables."""
    tables = {"soft maximum": table(result), "soft maximum, differences": differences(result)}
    for name, made in {**tables, "fixed points": fixed_points(result)}.items():
        marks = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        page = re.sub(marks, lambda found, made=made: f"{found[1]}{made}\n{found[2]}", page, flags=re.DOTALL)
    return page


def with_runs(result: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a result with further runs, and other patients' maps as their baseline."""
    runs = {(_kind(run), run["fold"], run["seed"]): run for run in result["runs"]}
    for size in sorted({record["recipe"]["size"] for record in records}):
        radiographs = real_radiographs(size)
        for record in records:
            if record["recipe"]["size"] == size:
                runs[_kind(record), record["fold"], record["seed"]] = with_baselines(record, radiographs)
    return {**result, "runs": [runs[key] for key in sorted(runs)]}


def without_runs() -> dict[str, Any]:
    """Return a result with the facts of the folds and phantoms, and no runs."""
    radiographs, phantoms = real_radiographs(PYLON.size), phantom_radiographs(2000, PHANTOM_SIZE)
    folds = [baselines(radiographs, fold, PYLON.size)[1] for fold in range(4)]
    return {"folds": folds, "phantoms": [baselines(phantoms, 0, PHANTOM_SIZE)[1]], "runs": []}


def _lines(result: dict[str, Any]) -> str:
    """Write a result with one run or fold a line."""
    parts = (f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for name, rows in result.items())
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="?")
    parser.add_argument("--anew", action="store_true", help="leave out the runs that are committed")
    args = parser.parse_args()
    if args.runs is not None:
        before = without_runs() if args.anew else json.loads(RESULTS.read_text(encoding="utf-8"))
        records = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(args.runs.glob("*.json"))]
        RESULTS.write_text(_lines(with_runs(before, records)), encoding="utf-8")
    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), result), encoding="utf-8")
    print(table(result), differences(result), sep="\n\n")


if __name__ == "__main__":
    main()
