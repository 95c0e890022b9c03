"""Values of overrides: each mistyped one names its key and what it must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_pylon.workflows.bundle import CheckedWorkflow
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.bundle.override_values import check_values

CONFIG = {
    "max_epochs": 40,
    "learning_rate": 1e-4,
    "amp": "$@device.type == 'cuda'",
    "progress": True,
    "encoder": "resnet50",
    "image_size": [420, 420, 405],
    "settings": {},
    "mask_loss": {"_target_": "builtins.float"},
    "num_workers": None,
    "folds": None,
    "names": ["a"],
    "train": {"trainer": {"max_epochs": "@max_epochs", "epochs": "@epochs"}, "handlers": [{"size": 3}]},
}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"max_epochs": "two"}, r"^max_epochs must be a whole number, but is 'two'\. For example: --max_epochs 40$"),
        ({"max_epochs": 2.5}, "max_epochs must be a whole number, but is 2.5"),
        ({"max_epochs": True}, "max_epochs must be a whole number, but is True"),
        ({"max_epochs": 0}, "max_epochs must be at least 1, but is 0"),
        ({"learning_rate": "1e-4x"}, "learning_rate must be a number"),
        ({"learning_rate": -1}, "learning_rate must be above 0, but is -1"),
        ({"amp": "false"}, r"amp must be True or False, but is 'false'\. For example: --amp False"),
        ({"progress": "no"}, r"progress must be True or False, but is 'no'"),
        ({"progress": 1}, "progress must be True or False, but is 1"),
        ({"encoder": 50}, "encoder must be a text, but is 50"),
        ({"image_size": 420}, r'image_size must be a list of 3 numbers, .*--image_size "\[420, 420, 405\]"'),
        ({"image_size": [420, 420]}, "image_size must be a list of 3 numbers"),
        ({"image_size": ["a", "b", "c"]}, "image_size must be a list of 3 numbers"),
        ({"image_size": "abc"}, "image_size must be a list of 3 numbers"),
        ({"settings": "x=1"}, "settings must be a dictionary"),
        ({"mask_loss": "third"}, "mask_loss must be a number, but is 'third'"),
        ({"num_workers": "four"}, r"num_workers must be a whole number, but is 'four'\. For example: --num_workers 4"),
        ({"num_workers": -1}, "num_workers must be at least 0"),
        ({"train#trainer#max_epochs": "two"}, "train#trainer#max_epochs must be a whole number"),
        ({"train::trainer::max_epochs": 0}, "train::trainer::max_epochs must be at least 1"),
        ({"train#handlers#0#size": "x"}, "train#handlers#0#size must be a whole number"),
    ],
)
def test_values_of_another_kind_are_refused(overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_values(CONFIG, overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        {"max_epochs": 2, "learning_rate": 1, "amp": False, "progress": False, "encoder": "resnet18"},
        {"max_epochs": np.int64(2), "image_size": (1, 2, 3), "encoder": Path("x"), "num_workers": None},
        {"max_epochs": "$2 * 3", "amp": "@progress", "image_size": "%x.json::y", "encoder": {"_target_": "x"}},
        {"folds": "folds.csv", "names": ["b", "c"], "new": "anything", "train#new": 7, "train#handlers#9": 1},
        {"mask_loss": 0, "settings": {"a": 1}, "+imports": ["$import x"], "train#trainer#epochs": "x"},
    ],
)
def test_values_that_fit_pass(overrides: dict[str, Any]) -> None:
    check_values(CONFIG, overrides)


def test_a_bundle_checks_them() -> None:
    file = bundle_folder("chest_xray_classification_pylon") / "configs" / "train.json"
    with pytest.raises(ValueError, match="max_epochs must be a whole number, but is 'two'"):
        CheckedWorkflow(str(file), max_epochs="two")
