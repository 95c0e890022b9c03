"""Trainings with several seeds as one table, mean ± standard deviation: ``python -m tests.experiments.seed_table BUNDLE``.

It trains and evaluates networks of a bundle with each seed, as Table 2 of the PYLON paper has five, and writes the table
as CSV and Markdown. Finished runs are kept in the folder: a new start resumes. Settings of the bundle are given as
KEY=VALUE: ``--set dataset_dir=ChestX-ray14`` for both, ``--train max_epochs=5`` and ``--evaluate num_resamples=200``.
"""  # noqa: E501

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_pylon.utils import write_rows
from monai_pylon.workflows.bundle.seeds import seed_rows
from tests.workflows.bundle_runs import BundleRuns


def parsed(pairs: Sequence[str]) -> dict[str, Any]:
    """Read texts KEY=VALUE; a value is JSON, or else a text."""
    found = {}
    for key, text in (pair.split("=", 1) for pair in pairs):
        try:
            found[key] = json.loads(text)
        except json.JSONDecodeError:
            found[key] = text
    return found


def run(
    bundle: str, network: str, seed: int, folder: Path, training: dict[str, Any], evaluation: dict[str, Any]
) -> Path:
    """Train and evaluate with a seed unless that is done, and return the file of the evaluation."""
    place = folder / network / f"seed{seed}"
    file = place / "evaluation" / "evaluation.json"
    if not file.is_file():
        runs = BundleRuns(bundle, network_name=network, bundle_root=str(place), progress=False)
        runs.run("train", seed=seed, **training)
        runs.run("evaluate", output=str(file.parent), **evaluation)
    return file


def markdown(table: dict[str, list[dict[str, Any]]], kinds: Sequence[str] = ("weighted", "median")) -> str:
    """Return a table in Markdown, networks in columns: the weighted mean of each metric, and the median of AUROC."""
    keys = list(dict.fromkeys((row["metric"], row["class"]) for rows in table.values() for row in rows))
    lines = [f"| metric | {' | '.join(table)} |", f"|---|{'---|' * len(table)}"]
    for metric, kind in keys:
        if kind not in kinds:
            continue
        cells = []
        for rows in table.values():
            row = next((row for row in rows if (row["metric"], row["class"]) == (metric, kind)), None)
            spread = "" if row is None or row["sd"] is None else f" ± {row['sd']:.3f}"
            cells.append("" if row is None else f"{row['mean']:.3f}{spread}")
        lines.append(f"| {metric}, {kind} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run all networks and seeds, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", choices=("chest_xray_classification_pylon", "chest_ct_classification_axialnet"))
    parser.add_argument("--networks", nargs="+", required=True, help="names in networks.json of the bundle")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--folder", type=Path, default=Path("seeds"), help="folder for runs and table")
    for name in ("set", "train", "evaluate"):
        parser.add_argument(f"--{name}", nargs="*", default=[], metavar="KEY=VALUE", help="settings of the bundle")
    args = parser.parse_args()
    both, training, evaluation = (parsed(pairs) for pairs in (args.set, args.train, args.evaluate))
    table, rows = {}, []
    for network in args.networks:
        settings = ({**both, **training}, {**both, **evaluation})
        files = [run(args.bundle, network, seed, args.folder, *settings) for seed in args.seeds]
        table[network] = seed_rows(files)
        rows += [{"network": network, **row} for row in table[network]]
        write_rows(args.folder / "seeds.csv", [{k: "" if v is None else v for k, v in row.items()} for row in rows])
    text = markdown(table)
    (args.folder / "seeds.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
