"""Overrides that change nothing are errors which name the nearest key."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from monai_pylon.workflows.bundle import CheckedWorkflow, check_command_line
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.bundle.overrides import check_overrides, unknown_keys

CONFIG = {
    "imports": ["$import monai_pylon"],
    "bundle_root": ".",
    "method": "robust",
    "size": {"_target_": "builtins.dict", "ml": 512},
    "run": ["$(@method, @size)"],
}
OTHER = {"imports": ["$import monai_pylon"], "method": "robust", "methods": 2, "resamples": 1000, "run": ["$1"]}
PARALLEL = {"method": "paper", "size#share": 0.5, "processes": 2, "run": ["$@method, @size"]}


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    folder = tmp_path / "configs"
    folder.mkdir()
    for name, content in {"inference": CONFIG, "evaluate": OTHER, "parallel": PARALLEL}.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    (folder / "metadata.json").write_text('{"version": "1", "task": "x"}')
    return folder


def workflow(configs: Path, files: tuple[str, ...] = ("inference",), **overrides: Any) -> CheckedWorkflow:
    names = [str(configs / f"{name}.json") for name in files]
    result = CheckedWorkflow(names, logging_file=False, workflow_type=None, **overrides)
    result.initialize()
    return result


@pytest.mark.parametrize(
    "overrides",
    [{}, {"method": "paper"}, {"bundle_root": "/x"}, {"size#ml": 3}, {"size::ml": 3}, {"_meta_#version": "2"}],
)
def test_known_keys_pass(overrides: dict[str, Any], configs: Path) -> None:
    workflow(configs, **overrides)


def test_new_keys_that_something_refers_to_pass(configs: Path) -> None:
    result = workflow(configs, mine="paper", method="@mine")
    assert result.run()[0][0] == "paper"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"methd": "paper"}, "but is 'methd'. Did you mean 'method' instead of 'methd'?"),
        ({"methd#x": "paper"}, "but is 'methd'. Did you mean 'method' instead of 'methd'?"),
        ({"Method": "paper", "bundleroot": "x"}, "Did you mean 'bundle_root' instead of 'bundleroot'?"),
        ({"qqqqqq": 1}, "but is 'qqqqqq'."),
        ({"resamples": 10}, "but is 'resamples'. 'resamples' belongs to evaluate.json, which is not being run."),
        ({"methods": 10}, "Did you mean 'method' instead of 'methods'? 'methods' belongs to evaluate.json"),
        ({"processes": 4}, "'processes' belongs to parallel.json"),
        ({"task": "x"}, "but is 'task'."),  # a key of the metadata, which no override reaches
    ],
)
def test_unknown_keys_are_errors(overrides: dict[str, Any], message: str, configs: Path) -> None:
    with pytest.raises(ValueError, match="override must be a key of the configuration") as error:
        workflow(configs, **overrides)
    assert message in str(error.value)


def test_the_keys_of_every_file_that_runs_are_known(configs: Path) -> None:
    result = workflow(configs, ("inference", "parallel"), processes=4, bundle_root="/x")
    assert result.run()[0] == ("paper", {"ml": 512, "share": 0.5})


def test_renamed_run_and_initialize_are_known(configs: Path) -> None:
    workflow(configs, init_id="mine", mine=["$1"], run_id="go", go=["$1"])


def test_compares_top_level_keys_only() -> None:
    config = {"a": {"b": 1, "c": ["@d#e", "$@f + 1"]}, "d": {"e": 1}, "f": 2, "g": "@ no reference", "run": "$@a"}
    assert unknown_keys(config, ["run"]) == {"g": None}


def test_takes_files_as_monai_does(configs: Path) -> None:
    files = f"{configs / 'inference.json'}, {configs / 'parallel.json'}"
    check_overrides(files, {"processes": 1})
    check_overrides(configs / "inference.json", {"method": "paper"})
    with pytest.raises(ValueError, match="'processes' belongs to parallel"):
        check_overrides(configs / "inference.json", {"processes": 1})


def test_an_edited_table_of_networks_is_not_ignored(configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks come from the bundle root or the installed bundle, never from elsewhere without a word."""
    monkeypatch.chdir(configs)
    installed = bundle_folder("chest_xray_classification_pylon") / "configs" / "networks.json"
    (configs / "networks.json").write_text(installed.read_text())
    workflow(configs)
    (configs / "networks.json").write_text('{"networks": {}}')
    workflow(configs, bundle_root=str(configs.parent))
    config = json.loads((configs / "inference.json").read_text())
    (configs / "edited.json").write_text(json.dumps({**config, "bundle_root": str(configs.parent)}))
    workflow(configs, ("edited",))
    with pytest.raises(ValueError, match=r"networks\.json differs from the installed one .* Add --bundle_root"):
        workflow(configs)


@pytest.fixture
def command_line(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that checks a command line of MONAI's program."""

    def check(*words: str, program: str = "monai.bundle.__main__") -> None:
        monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=SimpleNamespace(name=program)))
        monkeypatch.setattr(sys, "argv", ["__main__.py", *words])
        check_command_line()

    return check


@pytest.mark.parametrize(
    "flags", [["--methd", "paper"], ["--methd=paper"], ["-methd", "paper"], ["--method", "paper", "--methd", "x"]]
)
def test_the_command_line_is_checked(flags: list[str], configs: Path, command_line: Any) -> None:
    with pytest.raises(ValueError, match="Did you mean 'method' instead of 'methd'"):
        command_line("run", "--config_file", str(configs / "inference.json"), *flags)


def test_a_right_command_line_passes(configs: Path, command_line: Any) -> None:
    both = f"['{configs / 'inference.json'}','{configs / 'parallel.json'}']"
    command_line("run", "--config_file", both, "--processes", "-1", "--size#ml", "3", "--bundle-root", "/x")
    command_line("run", "go", "--run_id", "go", "--go", "$1", "--config_file", str(configs / "inference.json"))
    tracking = ["--tracking", "mlflow", "--experiment_name", "x"]
    command_line("run", "--config_file", str(configs / "inference.json"), *tracking)


def test_a_file_of_arguments_is_checked(configs: Path, command_line: Any) -> None:
    (configs / "args.json").write_text(json.dumps({"config_file": str(configs / "inference.json"), "methd": "paper"}))
    with pytest.raises(ValueError, match="Did you mean 'method'"):
        command_line("run", "--args_file", str(configs / "args.json"))


def test_other_programs_and_commands_are_not_checked(configs: Path, command_line: Any) -> None:
    words = ["--config_file", str(configs / "inference.json"), "--methd", "paper"]
    command_line("ckpt_export", *words)
    command_line("run", *words, program="somebody.else")
