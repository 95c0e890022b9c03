"""Command line: ``python -m tests.experiments.soft_maximum --folds 0 1 --seeds 0``. A new start resumes."""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict
from pathlib import Path

import monai
import torch

from monai_pylon.utils import atomic_write
from tests.experiments.pylon_evidence.radiographs import real_radiographs
from tests.experiments.soft_maximum.training import Recipe, run

NETWORKS = ("pylon", "backbone")
POOLINGS = ("soft", "maximum")


def key_of(recipe: Recipe, fold: int, seed: int) -> str:
    """Name a run; settings that differ from the usual ones are part of the name."""
    usual = Recipe(recipe.network, recipe.pooling)
    encoder = "" if recipe.encoder == usual.encoder else f"-{recipe.encoder}"
    epochs = "" if recipe.epochs == usual.epochs else f"-{recipe.epochs}epochs"
    boxes = f"-mask{recipe.mask_loss:g}" if recipe.mask_loss else ""
    return f"{recipe.network}-{recipe.pooling}-fold{fold}-seed{seed}-{recipe.size}px{encoder}{epochs}{boxes}"


def main() -> None:
    """Train and test each network with each pooling; each run is one JSON file in the folder of runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1, 2, 3], help="test folds; the others train")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    parser.add_argument("--poolings", nargs="+", default=POOLINGS, help='"own" keeps the pooling of the network')
    parser.add_argument("--encoder", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument(
        "--weights", default="imagenet", help="of the encoder; a file .npz has the norms of a ResNet folded into it"
    )
    parser.add_argument("--mask_loss", type=float, default=0.0, help="weight; it needs the boxes of the training folds")
    parser.add_argument("--runs", type=Path, default=Path("soft_maximum_runs"))
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.runs.mkdir(parents=True, exist_ok=True)
    radiographs = real_radiographs(args.size)
    plain = {name: getattr(radiographs, name).as_subclass(torch.Tensor) for name in ("images", "labels", "folds")}
    radiographs = radiographs._replace(**plain, boxes=[box.as_subclass(torch.Tensor) for box in radiographs.boxes])
    places = [(seed, fold) for seed in args.seeds for fold in args.folds]
    for seed, fold, name, pooling in [(*p, n, o) for p in places for n in args.networks for o in args.poolings]:
        given = {"size": args.size, "epochs": args.epochs, "mask_loss": args.mask_loss}
        recipe = Recipe(name, pooling, args.encoder, **given)
        key = key_of(recipe, fold, seed)
        file = args.runs / f"{key}.json"
        if file.is_file():
            continue
        start = time.perf_counter()

        def say(text: str, key: str = key, start: float = start) -> None:
            print(f"{key}: {text}, {time.perf_counter() - start:.0f} s", flush=True)

        held = radiographs.folds == fold
        figures, network = run(recipe, radiographs.of(~held), radiographs.of(held), seed, args.weights, say)
        torch.save(network.state_dict(), file.with_suffix(".pt"))  # for inspection
        versions = {"torch": torch.__version__, "monai": monai.__version__, "python": platform.python_version()}
        record = {"fold": fold, "seed": seed, "recipe": asdict(recipe), **figures, "versions": versions}
        with atomic_write(file) as part:
            part.write_text(json.dumps(record), encoding="utf-8")
        say(f"point localization {figures['point']:.3f}, AUROC {figures['auroc']:.3f}")


if __name__ == "__main__":
    main()
