"""Results and tables of ``tests.experiments.organ_regions``: ``python -m tests.experiments.organ_regions_page RUNS``.

It collects the finished runs in docs/researchers/results/organ_regions.json and fills the tables of
docs/researchers/organ_pooling.md from that file. Without RUNS only the tables are written.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from tests.experiments.axialnet_cohort import LABELS
from tests.experiments.axialnet_evidence import write_json
from tests.experiments.organ_regions import VARIANTS

RESEARCHERS = Path(__file__).resolve().parents[2] / "docs" / "researchers"
PAGE, RESULTS = RESEARCHERS / "organ_pooling.md", RESEARCHERS / "results" / "organ_regions.json"
Runs = list[dict[str, Any]]


def _of(runs: Runs, name: str) -> Runs:
    return sorted((run for run in runs if run["variant"] == name), key=lambda run: run["seed"])


def _values(runs: Runs, key: str) -> str:
    """Return the mean of a figure over seeds and, with several seeds, each seed's."""
    each = [run[key] for run in runs if key in run]
    if not each:
        return "–"
    mean = f"{np.mean(each):.2f}"
    return mean if len(each) == 1 else f"{mean} ({', '.join(f'{value:.2f}' for value in each)})"


def figures(runs: Runs, names: list[str], keys: dict[str, str]) -> str:
    """Return the table of some variants with some figures, the titles of columns by their keys."""
    head = f"| network | seeds | {' | '.join(keys.values())} |\n|{'---|' * (len(keys) + 2)}\n"
    rows = [(name, own) for name in names if (own := _of(runs, name))]
    return head + "".join(
        f"| {name} | {len(own)} | {' | '.join(_values(own, key) for key in keys)} |\n" for name, own in rows
    )


def labels(runs: Runs, names: list[str]) -> str:
    """Return the table of each label's figures: a value for each variant."""
    known = [own for name in names if (own := _of(runs, name))]
    keys = {"AUROC by label": "AUROC", "OrganIoU by label": "OrganIoU", "fat by label": "score and fat"}
    table = f"| label | {' | '.join(keys.values())} |\n|---|---|---|---|\n"
    for short, label in LABELS.items():
        cells = [" → ".join(f"{np.mean([run[key][short] for run in own]):+.2f}" for own in known) for key in keys]
        table += f"| {label} | {' | '.join(cells[:2]).replace('+', '')} | {cells[2]} |\n"
    return table


def tables(runs: Runs) -> dict[str, str]:
    """Return every table of the page by its name."""
    pooling = [name for name in VARIANTS if not name.startswith("6 x 6")]
    keys = {"AUROC": "AUROC", "OrganIoU, even": "OrganIoU", "peak": "peak near a lesion"}
    fat = {"fat, confounded labels": "absolute correlation of score and fat, nodule and mass"}
    small = [name for name in VARIANTS if name.startswith("6 x 6")]
    positions = {"OrganIoU, even": "OrganIoU, even stretch", "OrganIoU, true": "OrganIoU, true positions"}
    return {
        "pooling": figures(runs, pooling, keys | fat),
        "labels": labels(runs, ["AxialNet", "mask loss", "pooling, masked input"]),
        "regions": figures(runs, small, {"AUROC": "AUROC"} | positions | {"peak": "peak near a lesion"}),
    }


def filled(page: str, runs: Runs) -> str:
    """Return the page with its tables."""
    for name, table in tables(runs).items():
        pattern = rf"(<!-- table: {name} -->\n).*?(\n?<!-- end -->)"
        assert len(re.findall(pattern, page, re.DOTALL)) == 1, name
        page = re.sub(pattern, lambda match, table=table: match[1] + "\n" + table + "\n<!-- end -->", page, flags=re.S)
    return page


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, nargs="?")
    args = parser.parse_args()
    if args.runs:
        found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(args.runs.glob("*.json"))]
        write_json(RESULTS, {"runs": found})
    runs = json.loads(RESULTS.read_text(encoding="utf-8"))["runs"]
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), runs), encoding="utf-8")


if __name__ == "__main__":
    main()
