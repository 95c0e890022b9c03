"""A misspelt override is an error that names the nearest key; a right one is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow

from monai_pylon.workflows.bundle import check_overrides, unknown_keys

CONFIG = {
    "imports": ["$import monai_pylon"],
    "bundle_root": ".",
    "method": "robust",
    "size": {"_target_": "builtins.dict", "ml": 512},
    "initialize": ["$monai_pylon.workflows.bundle.check_overrides()"],
    "run": ["$(@method, @size)"],
}

OTHER = {"imports": ["$import monai_pylon"], "method": "robust", "methods": 2, "resamples": 1000, "run": ["$1"]}
PARALLEL = {"method": "paper", "size#share": 0.5, "processes": 2, "run": ["$@method, @size"]}


def workflow(folder: Path, files: tuple[str, ...] = ("inference",), **overrides: Any) -> ConfigWorkflow:
    (folder / "configs").mkdir(exist_ok=True)
    file = folder / "configs" / "inference.json"
    file.write_text(json.dumps(CONFIG))
    (folder / "configs" / "evaluate.json").write_text(json.dumps(OTHER))
    (folder / "configs" / "parallel.json").write_text(json.dumps(PARALLEL))
    (folder / "configs" / "metadata.json").write_text('{"version": "1", "task": "x"}')
    names = [str(folder / "configs" / f"{name}.json") for name in files]
    result = ConfigWorkflow(names, logging_file=False, workflow_type=None, **overrides)
    result.initialize()
    return result


@pytest.mark.parametrize(
    "overrides", [{}, {"method": "paper"}, {"bundle_root": "/x"}, {"size#ml": 3}, {"size": {"ml": 1}}]
)
def test_known_keys_pass(overrides: dict[str, Any], tmp_path: Path) -> None:
    workflow(tmp_path, **overrides)


def test_new_keys_that_something_refers_to_pass(tmp_path: Path) -> None:
    result = workflow(tmp_path, mine="paper", method="@mine")
    assert result.run()[0][0] == "paper"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"methd": "paper"}, "but is 'methd'. Did you mean 'method' instead of 'methd'?"),
        ({"Method": "paper", "bundleroot": "x"}, "Did you mean 'bundle_root' instead of 'bundleroot'?"),
        ({"qqqqqq": 1}, "but is 'qqqqqq'."),
        (
            {"resamples": 10},
            "but is 'resamples'. 'resamples' belongs to evaluate.json, which is not being run.",
        ),
        ({"methods": 10}, "Did you mean 'method' instead of 'methods'? 'methods' belongs to evaluate.json"),
        ({"processes": 4}, "'processes' belongs to parallel.json"),
        ({"task": "x"}, "but is 'task'."),  # a key of the metadata, which no override reaches
    ],
)
def test_unknown_keys_are_errors(overrides: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError) as error:
        workflow(tmp_path, **overrides)
    assert isinstance(error.value.__cause__, ValueError)
    assert message in str(error.value.__cause__)


def test_every_file_that_runs_is_known(tmp_path: Path) -> None:
    """Also one whose values a later one overrides, and one that reaches into another."""
    result = workflow(tmp_path, ("inference", "parallel"), processes=4, bundle_root="/x")
    assert result.run()[0] == ("paper", {"ml": 512, "share": 0.5})


def test_own_ids_for_run_and_initialize_are_known(tmp_path: Path) -> None:
    initialize = ["$monai_pylon.workflows.bundle.check_overrides()"]
    workflow(tmp_path, init_id="mine", mine=initialize, run_id="go", go=["$1"])


def test_keys_are_compared_at_the_top_only() -> None:
    config = {"a": {"b": 1, "c": ["@d#e", "$@f + 1"]}, "d": {"e": 1}, "f": 2, "g": "@ no reference", "run": "$@a"}
    assert unknown_keys(config, ["run"]) == {"g": None}


def test_it_belongs_into_a_bundle() -> None:
    with pytest.raises(RuntimeError, match="none is being initialized"):
        check_overrides()
