"""Tables of docs/researchers/pylon_evidence.md from the JSON results.

``python -m tests.experiments.pylon_evidence.table`` writes them into the page between HTML comments; a test compares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.metrics import bootstrap_interval
from monai_pylon.metrics.intervals import Interval

RESEARCHERS = Path(__file__).resolve().parents[3] / "docs" / "researchers"
PAGE = RESEARCHERS / "pylon_evidence.md"

#: Titles of the rows by their names in the results.
TITLES = {
    "backbone": "Backbone",
    "li2018": "Li2018",
    "fpn": "FPN (group norm)",
    "fpn_bn": "FPN (BN)",
    "pan": "PAN",
    "pan_no_gap": "PAN (No GAP)",
    "pylon_1up": "PYLON 1UP",
    "pylon_2up": "PYLON 2UP",
    "pylon": "PYLON",
}
#: The paper's Table 2, point localization, weighted.
PAPER = {
    "backbone": 0.45,
    "li2018": 0.48,
    "fpn": 0.08,
    "fpn_bn": 0.52,
    "pan": 0.37,
    "pan_no_gap": 0.57,
    "pylon_1up": 0.53,
    "pylon_2up": 0.60,
    "pylon": 0.62,
}


class Row(NamedTuple):
    """A network over folds and seeds: hits pooled over instances, intervals by resampling patients."""

    name: str
    point: Interval
    spread: tuple[float, float]
    difference: Interval | None
    box: float
    auroc: float
    map: list[int]
    runs: int


def load(data: str) -> dict[str, Any]:
    """Read the results of "real" or "phantoms"."""
    return json.loads((RESEARCHERS / "results" / f"pylon_{data}.json").read_text(encoding="utf-8"))


def _hits(runs: list[dict[str, Any]], patients: dict[int, list[int]]) -> tuple[np.ndarray, list[int]]:
    """Return, for every instance of the runs' folds, the share of seeds that hit it, and its patient."""
    values, owners = [], []
    for fold in sorted({run["fold"] for run in runs}):
        seeds = [[int(hit) for hit in run["hits"]] for run in runs if run["fold"] == fold]
        values.append(np.mean(seeds, axis=0))
        owners += patients[fold]
    return np.concatenate(values), owners


def summarize(result: dict[str, Any], names: list[str], against: str = "backbone") -> list[Row]:
    """Return a row for each name with runs; differences use the folds and seeds that both networks have."""
    patients = {part["fold"]: part["patients"] for part in result["instances"]}
    rows = []
    for name in names:
        runs = [run for run in result["runs"] if run["name"] == name]
        if not runs:
            continue
        values, owners = _hits(runs, patients)
        places = {(run["fold"], run["seed"]) for run in runs}
        others = [run for run in result["runs"] if run["name"] == against and (run["fold"], run["seed"]) in places]
        difference = None
        if name != against and len(others) == len(runs):
            difference = bootstrap_interval(values, _hits(others, patients)[0], groups=owners)
        points, boxes, areas = ([f(run) for run in runs] for f in (_point, _box, _auroc))
        interval = bootstrap_interval(values, groups=owners)
        spread = (min(points), max(points))
        shape = runs[0]["map"]
        rows.append(Row(name, interval, spread, difference, np.mean(boxes), np.mean(areas), shape, len(runs)))
    return rows


def _point(run: dict[str, Any]) -> float:
    return run["point"]


def _box(run: dict[str, Any]) -> float:
    return run["box"]["0.25"]


def _auroc(run: dict[str, Any]) -> float:
    return run["auroc"]


def _number(value: float, sign: bool = False) -> str:
    text = f"{value:+.3f}" if sign else f"{value:.3f}"
    return text.replace("0.", ".", 1).replace("-", "−")


def _interval(found: Interval | None, sign: bool = False) -> str:
    if found is None:
        return ""
    estimate, low, high = (_number(float(value), sign) for value in found)
    return f"{estimate} ({low} to {high})"


def comparison(result: dict[str, Any]) -> str:
    """Return the table of all networks in Markdown."""
    lines = [
        "| network | map | point localization (95 %) | folds | less Backbone (95 %) | boxes | AUROC | the paper |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in summarize(result, list(TITLES)):
        cells = [TITLES[row.name], f"{row.map[0]} x {row.map[1]}", _interval(row.point)]
        folds = " to ".join(map(_number, row.spread)) if row.runs > 1 else "one"
        cells += [folds, _interval(row.difference, sign=True)]
        cells += [_number(row.box), _number(row.auroc), _number(PAPER[row.name])[:3]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def changes(result: dict[str, Any]) -> str:
    """Return the table of changes to the training of PYLON in Markdown, on the folds with such runs."""
    names = sorted({run["name"] for run in result["runs"]} - set(TITLES) - {"encoder"})
    folds = {(run["fold"], run["seed"]) for run in result["runs"] if run["name"] in names}
    part = {**result, "runs": [run for run in result["runs"] if (run["fold"], run["seed"]) in folds]}
    lines = ["| PYLON | point localization (95 %) | less PYLON of the table (95 %) | AUROC |", "|---|---|---|---|"]
    for row in summarize(part, ["pylon", *names], against="pylon"):
        title = "as in the table" if row.name == "pylon" else row.name.removeprefix("pylon, ")
        cells = [title, _interval(row.point), _interval(row.difference, sign=True), _number(row.auroc)]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def filled(page: str) -> str:
    """Return the page with new tables."""
    real, phantoms = load("real"), load("phantoms")
    tables = {"real": comparison(real), "phantoms": comparison(phantoms), "changes": changes(real)}
    for name, table in tables.items():
        marks = rf"(<!-- table: {name} -->\n).*?(<!-- end -->)"
        page = re.sub(marks, lambda found, table=table: f"{found[1]}{table}\n{found[2]}", page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
