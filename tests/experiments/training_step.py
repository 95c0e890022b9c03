"""Share of the data pipeline in a training step: ``python -m tests.experiments.training_step results.json``.

The bundle for radiographs trains PYLON with its own configuration, on one thread and without loader processes, on noisy
radiographs of 1024 x 1024 pixels at 256 pixels: once without and once with the image cache. CPU seconds of loading a
batch and of the step on it (forward, backward, update) are those of ignite's events in the trainer. The first epoch,
which fills the cache, is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Engine, Events

from tests.benchmarks.test_pylon_training import chest_xray14
from tests.experiments.machine import machine
from tests.workflows.bundle_runs import BundleRuns

BUNDLE = "chest_xray_classification_pylon"


def watch(trainer: Engine) -> dict[str, list[float]]:
    """Record the CPU seconds an image of each batch that is loaded and of each step, after the first epoch."""
    seconds: dict[str, list[float]] = {"loading": [], "step": []}
    events = {
        "loading": (Events.GET_BATCH_STARTED, Events.GET_BATCH_COMPLETED),
        "step": (Events.ITERATION_STARTED, Events.ITERATION_COMPLETED),
    }
    starts: dict[str, float] = {}

    def begin(engine: Engine, name: str) -> None:
        starts[name] = time.process_time()

    def end(engine: Engine, name: str) -> None:
        if engine.state.epoch > 1:
            seconds[name].append((time.process_time() - starts[name]) / len(engine.state.batch["image"]))

    for name, (first, last) in events.items():
        trainer.add_event_handler(first, begin, name)
        trainer.add_event_handler(last, end, name)
    return seconds


def share(seconds: dict[str, list[float]]) -> dict[str, Any]:
    """Summarize a training by medians: CPU milliseconds an image, and the share of loading in both together."""
    loading, step = (statistics.median(seconds[name]) for name in ("loading", "step"))
    found = {"ms_of_loading": 1e3 * loading, "ms_of_step": 1e3 * step, "share_of_loading": loading / (loading + step)}
    return {**found, "steps": len(seconds["step"])}


def measure(root: Path, output: Path, batch: int, epochs: int, cache: Path | None, **more: Any) -> dict[str, Any]:
    """Train with the bundle and measure the steps of all epochs but the first."""
    settings = {"dataset_dir": str(root), "bundle_root": str(output), "weights": "scratch", "batch_size": batch}
    settings |= {"max_epochs": epochs, "num_workers": 0, "progress": False, "tensorboard": False, **more}
    settings |= {"device": torch.device("cpu"), "image_cache": None if cache is None else str(cache)}
    workflow = BundleRuns(BUNDLE).parse("train", **settings)
    seconds = watch(workflow.trainer)
    workflow.run()
    return share(seconds)


def main() -> None:
    """Read the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--patients", type=int, default=32, help="two radiographs each")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = chest_xray14(Path(folder, "data"), given.patients)
        how, found = {"batch": given.batch, "epochs": given.epochs}, {}
        for name, cache in {"with the cache": Path(folder, "cache"), "without": None}.items():
            found[name] = measure(root, Path(folder, name), cache=cache, **how)
            results = {"rows": found, **how, "patients": given.patients, "machine": machine()}
            given.output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
