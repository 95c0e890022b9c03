"""Tables 1 and 2 of the HiResCAM paper in miniature, on phantom CTs: ``python -m tests.experiments.axialnet_evidence``.

The script makes 700 phantoms, trains every network with several seeds on one thread of the CPU, and writes
docs/researchers/axialnet_evidence.json. Finished runs are kept in the output folder, and a new start resumes there.
``python -m tests.experiments.axialnet_page`` makes tables and figures from the file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any, NamedTuple

import monai
import numpy as np
import torch

from tests.experiments.axialnet_cohort import SECTIONS, Section, earlier_patients, make_cohort
from tests.experiments.axialnet_runs import NETWORKS, Settings, first_encoder, run, save_run
from tests.experiments.axialnet_summary import TESTS, summary

JSON = Path(__file__).resolve().parents[2] / "docs" / "researchers" / "axialnet_evidence.json"

#: Weights of the mask loss, as multiples of the weight in the settings, and their names in files. 108 gives 196, the
#: number of grid cells in a slice: at the start, both losses then have equal gradients on a grid cell. 10 is in
#: between.
MASKS = {0: "plain", 1: "mask", 10: "mask-x10", 108: "mask-x108"}
#: Factor of the epochs of longer trainings, which test whether the mask loss needs more time, as in the paper.
LONGER = 10


class Run(NamedTuple):
    """One run: network, weight of the mask loss, seed, and factor of the number of epochs."""

    network: str
    mask: int
    seed: int
    longer: int = 1

    @property
    def key(self) -> str:
        """Name of the run in files."""
        longer = " longer" if self.longer > 1 else ""
        return f"{self.network} {MASKS[self.mask]}{longer} {self.seed}".replace(" ", "-")


def plan(seeds: int, table2_seeds: int) -> list[Run]:
    """List all runs, the most important first."""
    pairs = [Run("AxialNet", mask, seed) for seed in range(seeds) for mask in (0, 1)]
    heavy = [Run("AxialNet", mask, seed) for mask in (108, 10) for seed in range(seeds)]
    rows = [Run(name, 0, seed) for seed in range(seeds) for name in NETWORKS if name != "AxialNet"]
    long = [Run("AxialNet", mask, seed, LONGER) for masks in ((0, 1), (10,)) for seed in range(seeds) for mask in masks]
    more = [Run("AxialNet", mask, seed) for seed in range(seeds, table2_seeds) for mask in (0, 1)]
    return [*pairs, *heavy, *rows, *long, *more]


def plain(what: Any) -> Any:
    """Convert a value for JSON: numbers to five decimals, undefined values to null."""
    if isinstance(what, dict):
        return {key: plain(value) for key, value in what.items()}
    if isinstance(what, list | tuple | np.ndarray):
        return [plain(value) for value in what]
    if isinstance(what, float | np.floating):
        return round(float(what), 5) if np.isfinite(what) else None
    return what.item() if isinstance(what, np.generic) else what


def write_json(path: Path, what: Any) -> None:
    """Write a JSON file atomically."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(plain(what), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    part.rename(path)


def _first_weights(folder: Path, s: Settings, most: int | None) -> dict[str, torch.Tensor]:
    """Return the encoder's initial weights, computed once."""
    file = folder / "first_encoder.pt"
    if not file.is_file():
        torch.save(first_encoder(*earlier_patients(folder / "phantoms", most), s), file)
    return torch.load(file, weights_only=True)


def experiment(
    folder: Path, runs: list[Run], s: Settings, most: int | None = None, only_finished: bool = False
) -> dict[str, Any]:
    """Do the runs that are missing in a folder and summarize all of them.

    Args:
        folder: Folder for phantoms and runs.
        runs: Runs to do.
        s: Settings; a run with other settings is repeated.
        most: Maximum number of patients per section, for a trial.
        only_finished: Whether to summarize the finished runs without doing more.
    """
    made, kept = folder / "phantoms", folder / "runs"
    kept.mkdir(parents=True, exist_ok=True)
    make_cohort(made, most)
    wanted = TESTS if only_finished else SECTIONS
    parts = {name: Section(made, name, most) for name in wanted}
    counts = {name: min(count, most or count) for name, (_, count, _) in SECTIONS.items()}
    settings = plain(s._asdict()) | {"patients": counts}
    weights = None
    rows, arrays = [], []
    for one in runs:
        file, own = kept / f"{one.key}.json", s._replace(epochs=s.epochs * one.longer)
        known = settings | {"epochs": own.epochs}
        if not file.is_file() or json.loads(file.read_text())["settings"] != known:
            if only_finished:
                continue
            weights = weights or _first_weights(folder, s, most)
            row, found = run(one.network, one.mask, one.seed, parts, own, weights)
            save_run(kept, one.key, found)
            write_json(file, {**row, "settings": known})
            print(f"{one.key}: {row['training CPU s']} s of training", flush=True)
        row = {key: value for key, value in json.loads(file.read_text()).items() if key != "settings"}
        rows.append(row | {"epochs": own.epochs, "longer": one.longer > 1})
        with np.load(kept / f"{one.key}.npz") as tables:
            arrays.append(dict(tables))
    versions = {"torch": torch.__version__, "monai": monai.__version__, "python": platform.python_version()}
    device = f"CPU, one thread, bfloat16 autocast in training ({torch.backends.cpu.get_cpu_capability()})"
    about = {"versions": versions, "device": device, "settings": settings}
    return about | summary(rows, arrays, parts)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.axialnet_evidence", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "axialnet_evidence")
    parser.add_argument("--json", type=Path, default=JSON)
    parser.add_argument("--seeds", type=int, default=3, help="number of seeds of every network")
    parser.add_argument(
        "--table2-seeds", type=int, default=6, help="number of seeds of AxialNet with and without the mask loss"
    )
    parser.add_argument(
        "--patients", type=int, default=None, help="maximum number of patients per section, for a trial"
    )
    parser.add_argument("--only-finished", action="store_true", help="summarize the finished runs only")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    found = experiment(args.output, plan(args.seeds, args.table2_seeds), Settings(), args.patients, args.only_finished)
    write_json(args.json, found)


if __name__ == "__main__":
    main()
