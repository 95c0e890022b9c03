"""Checks of a bundle's overrides. MONAI accepts ``--methd paper`` silently and runs with the default method."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.bundle.reference_resolver import ReferenceResolver
from monai.utils import optional_import

from monai_pylon.utils import check, nearest_name
from monai_pylon.workflows.bundle.config_help import config_help
from monai_pylon.workflows.bundle.folders import bundle_folder, bundle_names
from monai_pylon.workflows.bundle.override_values import check_values

__all__ = ["CheckedWorkflow", "check_command_line", "check_overrides", "unknown_keys"]

Files = str | PathLike[str] | Sequence[str | PathLike[str]]

#: Arguments of MONAI's commands and workflow that are no keys of a configuration.
_ARGUMENTS = {*inspect.signature(ConfigWorkflow.__init__).parameters, "args_file", "workflow_name"} - {"override"}
#: Keys that MONAI adds to a configuration for ``--tracking``.
_TRACKING = ("tracking_uri", "experiment_name", "run_name", "save_execute_config", "is_not_rank0")
_FLAG = re.compile(r"--?[A-Za-z_]")


def _top_key(key: str) -> str:
    """Return the top-level key of an identifier such as `train#trainer` or `+imports`."""
    return ReferenceResolver.split_id(key.lstrip("+"))[0]


def _references(node: Any) -> set[str]:
    """Return the top-level keys to which a part of a configuration refers by @key."""
    if isinstance(node, str):
        return {_top_key(found) for found in ReferenceResolver.match_refs_pattern(node)}
    children = node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ()
    return {key for child in children for key in _references(child)}


def unknown_keys(config: Mapping[str, Any], known: Collection[str]) -> dict[str, str | None]:
    """Find top-level keys that change nothing: neither known nor referred to.

    Args:
        config: A bundle's configuration with its overrides.
        known: Keys of the configuration without overrides.

    Returns:
        The unknown keys, each with the nearest known one, or None if none is near.

    Example:
        >>> unknown_keys({"method": "robust", "methd": "paper", "mine": 1, "run": ["$f(@mine)"]}, ["method", "run"])
        {'methd': 'method'}
    """
    used = {_top_key(key) for key in known} | _references(dict(config))
    tops = dict.fromkeys(_top_key(key) for key in config)
    return {key: nearest_name(key, sorted(used)) for key in tops if key not in used}


def _paths(config_file: Files) -> list[Path]:
    """Return one or several configuration files as a list; MONAI also takes a text with commas."""
    if isinstance(config_file, str) and not Path(config_file).is_file():
        return [Path(part.strip()) for part in config_file.split(",")]
    return [Path(config_file)] if isinstance(config_file, str | PathLike) else [Path(file) for file in config_file]


def check_overrides(config_file: Files, overrides: Mapping[str, Any], more: Collection[str] = ()) -> None:
    """Check that each override names a key of the configuration files, or one to which something refers, and its value.

    Keys of the bundle's other configurations are unknown as well: a key of the evaluation changes nothing in the
    inference.

    Args:
        config_file: The configuration file or files of the run.
        overrides: Values by key, such as {"method": "paper"} or {"train#trainer#max_epochs": 2}.
        more: Other known keys.

    Raises:
        ValueError: If a key is unknown; the message names the nearest known key. If a value does not fit, see
            :func:`~monai_pylon.workflows.bundle.override_values.check_values`.

    Example:
        >>> from monai_pylon.workflows.bundle.folders import bundle_folder
        >>> config = bundle_folder("chest_ct_partition") / "configs" / "inference.json"
        >>> check_overrides(config, {"methd": "paper"})
        Traceback (most recent call last):
        ...
        ValueError: override must be a key of the configuration, but is 'methd'. Did you mean 'method' instead of ...
    """
    files = _paths(config_file)
    config = ConfigParser.load_config_files([str(file) for file in files])
    known = {*config, "initialize", "run", "finalize", ConfigParser.meta_key, *more}
    unknown = unknown_keys({**config, **overrides}, known)
    elsewhere: dict[str, str] = {}
    for path in sorted(files[0].parent.glob("*.json")) if unknown else ():
        if path.name not in ("metadata.json", *(file.name for file in files)):
            elsewhere.update({_top_key(key): path.name for key in ConfigParser.load_config_file(path)})
    hints = [f"Did you mean {near!r} instead of {key!r}?" for key, near in unknown.items() if near]
    hints += [f"{key!r} belongs to {elsewhere[key]}, which is not being run." for key in unknown if key in elsewhere]
    check(not unknown, "override", "a key of the configuration", ", ".join(unknown), " ".join(hints))
    check_values(config, overrides)


class CheckedWorkflow(ConfigWorkflow):
    """MONAI's ConfigWorkflow that rejects unknown overrides.

    Args:
        config_file: The configuration file or files.
        arguments: Further arguments of ConfigWorkflow, and overrides by key.

    Raises:
        ValueError: If an override is unknown; see :func:`check_overrides`.

    Example:
        >>> from monai_pylon.workflows.bundle.folders import bundle_folder
        >>> file = bundle_folder("chest_ct_partition") / "configs" / "inference.json"
        >>> CheckedWorkflow(str(file), workflow_type="infer", imput="scan.nii.gz")
        Traceback (most recent call last):
        ...
        ValueError: override must be a key of the configuration, but is 'imput'. Did you mean 'input' instead of ...
    """

    def __init__(self, config_file: str | Sequence[str], **arguments: Any) -> None:
        _check_arguments(config_file, arguments)
        super().__init__(config_file, **arguments)


def _check_networks_file(config_file: Files, bundle_root: str | PathLike[str]) -> None:
    """Raise if the edited `networks.json` beside the configuration would be ignored for the installed one."""
    beside = _paths(config_file)[0].parent / "networks.json"
    if not beside.is_file() or (Path(bundle_root).expanduser() / "configs" / "networks.json").is_file():
        return
    installed = [bundle_folder(name) / "configs" / "networks.json" for name in bundle_names()]
    content = ConfigParser.load_config_file(beside)
    if not any(file.is_file() and ConfigParser.load_config_file(file) == content for file in installed):
        root = beside.resolve().parents[1]
        raise ValueError(f"{beside} differs from the installed one and would be ignored. Add --bundle_root {root}")


def _check_arguments(config_file: Files, arguments: Mapping[str, Any]) -> None:
    """Check the arguments of a workflow."""
    ids = [str(arguments[name]) for name in ("init_id", "run_id", "final_id") if arguments.get(name) is not None]
    tracking = _TRACKING if arguments.get("tracking") is not None else ()
    overrides = {key: value for key, value in arguments.items() if key not in _ARGUMENTS}
    check_overrides(config_file, overrides, (*ids, *tracking))
    config = ConfigParser.load_config_files([str(file) for file in _paths(config_file)])
    _check_networks_file(config_file, str(overrides.get("bundle_root", config.get("bundle_root", "."))))


def _flags(words: Sequence[str]) -> dict[str, Any]:
    """Return the flags of a command line as MONAI's command line reads them: `--key value` and `--key=value`."""
    read = optional_import("fire.parser", name="DefaultParseValue")[0]
    flags = {}
    for word, following in zip(words, [*words[1:], "True"], strict=True):
        if _FLAG.match(word):
            name, equals, value = word.lstrip("-").partition("=")
            flags[name.replace("-", "_")] = read(value if equals else following)
    return flags


def check_command_line() -> None:
    """Check the overrides of ``python -m monai.bundle run``, or print its ``--help``; for a bundle's `initialize`.

    In any other program nothing is checked: use :class:`CheckedWorkflow` there.

    Raises:
        ValueError: If an override is unknown; see :func:`check_overrides`.
        SystemExit: After printing the settings of the configuration for ``--help``.

    Example:
        >>> check_command_line()  # this is not MONAI's command line
    """
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is None or main.name != "monai.bundle.__main__" or sys.argv[1:2] not in (["run"], ["run_workflow"]):
        return
    flags = _flags(sys.argv[2:])
    if flags.get("args_file"):
        flags = {**ConfigParser.load_config_file(flags["args_file"]), **flags}
    if flags.get("config_file") and ("help" in flags or "-h" in sys.argv[2:]):
        print(config_help(_paths(flags["config_file"])))
        raise SystemExit(0)
    if flags.get("config_file"):
        _check_arguments(flags["config_file"], flags)
