"""Command line of the comparison: ``python -m tests.experiments.pylon_evidence phantoms``, then the same with ``real``.

It trains and tests the networks and writes the results as JSON. A new start resumes after the finished runs, which are
kept in a folder. The tables and plots of docs/researchers/pylon_evidence.md are made from the JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch

from tests.experiments.pylon_evidence.plan import Run, first, plan
from tests.experiments.pylon_evidence.radiographs import DATA, Radiographs, phantom_radiographs, real_radiographs
from tests.experiments.pylon_evidence.table import TITLES
from tests.experiments.pylon_evidence.training import run as do_run

COMMAND = "python -m tests.experiments.pylon_evidence"
RESULTS = Path(__file__).resolve().parents[3] / "docs" / "researchers" / "results"


def _state_of(run: Run, runs: Path) -> Path:
    return runs / f"{run.key}.pt"


def _do(run: Run, radiographs: Radiographs, runs: Path, weights: Path | None) -> None:
    """Do a run, and before it the run that it starts from, unless they are finished."""
    done = runs / f"{run.key}.json"
    if done.is_file():
        return
    before = first(run)
    if before is not None and before.data == run.data:
        _do(before, radiographs, runs, weights)
    if before is not None and not _state_of(before, runs).is_file():
        raise SystemExit(f"{run.key} starts from {before.key}. First run {COMMAND} {before.data}")
    state = torch.load(_state_of(before, runs), weights_only=True) if before else None
    start = time.perf_counter()

    def progress(text: str) -> None:
        print(f"{run.key}: {text}, {time.perf_counter() - start:.0f} s", flush=True)

    left_out = radiographs.folds == run.fold
    figures, network = do_run(
        run.settings, radiographs.of(~left_out), radiographs.of(left_out), run.seed, state, weights, progress
    )
    if before is None:
        torch.save(network.encoder.state_dict(), _state_of(run, runs))  # type: ignore[union-attr]
    elif run.name in ("backbone", "pylon"):
        torch.save(network.state_dict(), _state_of(run, runs))  # for inspection
    record = {"name": run.name, "fold": run.fold, "seed": run.seed, "recipe": asdict(run.settings), **figures}
    done.write_text(json.dumps(record), encoding="utf-8")
    progress(f"point localization {figures['point']:.3f}, AUROC {figures['auroc']:.3f}")


def _instances(radiographs: Radiographs) -> list[dict[str, object]]:
    """Return patient (a running number) and class of every instance by fold, in the order of the runs' hits."""
    folds, numbers = [], {name: number for number, name in enumerate(dict.fromkeys(radiographs.patients))}
    for fold in sorted(set(radiographs.folds.tolist())):
        part = radiographs.of(radiographs.folds == fold)
        patients, classes = [], []
        for patient, boxes in zip(part.patients, part.boxes, strict=True):
            for kind in sorted({int(kind) for kind in boxes[:, 4]}):
                patients.append(numbers[patient])
                classes.append(kind)
        folds.append({"fold": fold, "radiographs": len(part.images), "patients": patients, "classes": classes})
    return folds


def _lines(result: dict[str, Any]) -> str:
    """Format JSON with one line per entry and per item of a list of tables, so that a diff shows few lines."""
    entries = []
    for name, value in result.items():
        rows = isinstance(value, list) and value and isinstance(value[0], dict)
        text = "[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]" if rows else json.dumps(value)
        entries.append(f"{json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=("real", "phantoms"))
    parser.add_argument(
        "--folds", type=int, nargs="+", help="folds to test on; default: all four, or the first of the phantoms"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--phantoms", type=int, default=2000)
    parser.add_argument("--weights", type=Path, default=DATA / "weights" / "resnet18_imagenet_partial.npz")
    parser.add_argument("--runs", type=Path, default=Path("evidence_runs"), help="folder of the finished runs")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--quick", action="store_true", help="one epoch at 64 pixels, as a trial")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.runs.mkdir(parents=True, exist_ok=True)
    folds = tuple(args.folds or ((0, 1, 2, 3) if args.data == "real" else (0,)))
    todo = plan(args.data, folds, tuple(args.seeds))
    if args.quick:
        todo = [run._replace(settings=run.settings.but(epochs=1, first_epochs=1, size=64)) for run in todo]
    size = todo[0].settings.size
    radiographs = real_radiographs(size) if args.data == "real" else phantom_radiographs(args.phantoms, size)
    for run in todo:
        _do(run, radiographs, args.runs, args.weights)
    done = sorted(args.runs.glob(f"{args.data}-*.json"))
    records = [json.loads(file.read_text(encoding="utf-8")) for file in done]
    boxes = torch.cat(radiographs.boxes)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    versions = {"torch": torch.__version__, "monai": monai.__version__, "numpy": np.__version__}
    result = {
        "command": f"{COMMAND} {args.data}",
        "device": f"CPU, one thread, bfloat16 where a convolution can ({platform.machine()})",
        "versions": {**versions, "python": platform.python_version()},
        "chance": float(areas.mean()) / size**2,
        "titles": TITLES,
        "instances": _instances(radiographs),
        "runs": records,
    }
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / f"pylon_{args.data}.json").write_text(_lines(result), encoding="utf-8")


if __name__ == "__main__":
    main()
