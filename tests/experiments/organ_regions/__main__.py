"""Command line: ``python -m tests.experiments.organ_regions --cohort full``. A new start resumes.

The encoder is trained on other patients to recognize tissues and stays frozen, so that its maps are computed once;
reduction and head are trained. Each run is one JSON file and one file of arrays in the folder of runs.
``python -m tests.experiments.organ_regions.page`` makes the tables of docs/researchers/organ_pooling.md.
"""

from __future__ import annotations

import argparse
import platform
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch

from tests.experiments.axialnet_evidence import write_json
from tests.experiments.axialnet_runs import Settings, first_encoder
from tests.experiments.organ_regions.judging import baselines, run
from tests.experiments.organ_regions.patients import (
    COHORTS,
    TEST,
    Patients,
    make_patients,
    read_earlier,
    read_patients,
)
from tests.experiments.organ_regions.training import VARIANTS, Cached, encoder_maps, make_network, organ_cells


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """Return tensors from a file, which is made first if it is missing."""
    if not path.is_file():
        part = path.with_suffix(".part")
        torch.save(make(), part)
        part.rename(path)
    return torch.load(path, weights_only=True, mmap=True)


def of_sections(parts: dict[str, Patients], make: Callable[..., Any], *options: Any) -> dict[str, Any]:
    """Return what a function makes of the patients of each section."""
    return {name: make(part, *options) for name, part in parts.items()}


def main() -> None:
    """Train and judge each variant with each seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "organ_regions")
    parser.add_argument("--cohort", default="small", choices=list(COHORTS))
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--rate", type=float, default=1e-3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    counts = COHORTS[args.cohort]
    folder, runs = args.output / "phantoms", args.output / "runs" / args.cohort
    runs.mkdir(parents=True, exist_ok=True)
    make_patients(folder, args.cohort)
    s = Settings(epochs=args.epochs, batch=args.batch, rate=args.rate)
    parts = {name: read_patients(folder, name, counts[name]) for name in ("training", "validation", TEST)}
    file = args.output / f"first_encoder_{args.cohort}.pt"
    encoder = kept(file, lambda: first_encoder(*read_earlier(folder, counts["earlier"]), Settings()))
    maps: dict[bool, dict[str, list[torch.Tensor]]] = {}
    shares: dict[bool, dict[str, list[torch.Tensor]]] = {}
    if not (args.output / f"baselines_{args.cohort}.json").is_file():
        found = baselines(parts, make_network(VARIANTS["AxialNet"], s))
        write_json(args.output / f"baselines_{args.cohort}.json", {"cohort": args.cohort} | found)
    for seed, name in [(seed, name) for seed in args.seeds for name in args.variants]:
        v, target = VARIANTS[name], runs / f"{name.replace(', ', '-').replace(' ', '_')}-seed{seed}.json"
        if target.is_file():
            continue
        network = make_network(v, s)
        network.encoder.load_state_dict(encoder)
        masked, whole = network.mask_input, v.whole_cells
        if masked not in maps:
            path = args.output / f"maps_{args.cohort}{'_masked' * masked}.pt"
            maps[masked] = kept(path, partial(of_sections, parts, encoder_maps, network))
        if network.organ_pooling is not None and whole not in shares:
            path = args.output / f"cells_{args.cohort}{'_whole' * whole}.pt"
            shares[whole] = kept(path, partial(of_sections, parts, organ_cells, network, whole))
        caches = {part: Cached(maps[masked][part], shares.get(whole, {}).get(part, [])) for part in parts}
        row, arrays = run(v, seed, parts, caches, s)
        np.savez_compressed(target.with_suffix(".npz"), **arrays)  # type: ignore[arg-type]
        versions = {"torch": torch.__version__, "monai": monai.__version__, "python": platform.python_version()}
        settings = {**v._asdict(), "epochs": s.epochs, "batch": s.batch, "rate": s.rate, "patients": counts}
        about = {"variant": name, "cohort": args.cohort, "seed": seed, "settings": settings}
        write_json(target, about | row | {"versions": versions})
        figures = ("AUROC", "OrganIoU, even", "fat, confounded labels", "training CPU s")
        print(name, seed, *(f"{row[key]:.2f}" for key in figures), row["lost"], flush=True)


if __name__ == "__main__":
    main()
