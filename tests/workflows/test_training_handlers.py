"""A user may delete any handler of a training configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.workflows.bundle_runs import BundleRuns

FAST = {"progress": True, "tensorboard": None, "max_epochs": 1, "num_workers": 0, "phantoms": 1, "patience": 1}
BUNDLES: dict[str, dict[str, Any]] = {
    "chest_xray_classification_pylon": {
        "encoder": "resnet18",
        "network_settings": {"decoder_channels": 8},
        "image_size": 64,
        "phantoms": 2,  # a batch norm needs two
    },
    "chest_ct_classification_axialnet": {
        "image_size": [64, 64, 12],
        "spacing": [5.6, 5.6, 27.0],
        "network_settings": {"reduction_padding": 1},
        "patience": 1,
    },
}


def handlers(name: str) -> list[tuple[str, str]]:
    """List the handlers of a bundle's training: where they are, and their components."""
    workflow = BundleRuns(name).workflow("train")
    places = ("train#handlers", "validate#handlers")
    return [(place, handler["_target_"]) for place in places for handler in workflow.parser[place]]


def train_without(name: str, place: str, target: str, folder: Path) -> None:
    """Train one step and validate without a handler."""
    settings = {**FAST, **BUNDLES[name]}
    settings = settings if "patience" in BUNDLES[name] else {k: v for k, v in settings.items() if k != "patience"}
    workflow = BundleRuns(name).workflow("train", **settings, bundle_root=str(folder))
    left = [handler for handler in workflow.parser[place] if handler["_target_"] != target]
    assert len(left) == len(workflow.parser[place]) - 1, "names are unique"
    workflow.parser[place] = left
    workflow.initialize()
    workflow.run()
    assert workflow.trainer.state.iteration == 1


@pytest.mark.parametrize(
    "target", ["ValidationHandler", "TrainingCheckpoints", "progress_handler"], ids=lambda name: name
)
def test_a_training_runs_without_a_handler(target: str, tmp_path: Path) -> None:
    """The handlers on which others depend, or before which they stand."""
    name = "chest_ct_classification_axialnet"
    place, full = next(pair for pair in handlers(name) if pair[1].endswith(target))
    train_without(name, place, full, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLES)
def test_a_training_runs_without_each_handler(name: str, tmp_path: Path) -> None:
    for number, (place, target) in enumerate(handlers(name)):
        train_without(name, place, target, tmp_path / str(number))
