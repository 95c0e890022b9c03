"""Misspelt overrides of a bundle: MONAI accepts `--methd paper` in silence and runs with the default."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection
from pathlib import Path
from types import FrameType
from typing import Any

from monai.bundle import ConfigWorkflow
from monai.bundle.reference_resolver import ReferenceResolver

from monai_pylon.utils import check, nearest_name

__all__ = ["check_overrides", "running_workflow", "unknown_keys"]


def running_workflow() -> ConfigWorkflow | None:
    """The bundle that is being run: found on the call stack, since its expressions have no other way to it.

    Returns:
        the innermost workflow, or None where none is running.

    Example:
        >>> running_workflow() is None
        True
    """
    frame: FrameType | None = sys._getframe()
    while frame is not None and not isinstance(frame.f_locals.get("self"), ConfigWorkflow):
        frame = frame.f_back
    return None if frame is None else frame.f_locals["self"]


def _references(node: Any) -> set[str]:
    """The top-level keys to which a part of a configuration refers by @key."""
    if isinstance(node, str):
        return {ReferenceResolver.split_id(found)[0] for found in ReferenceResolver.match_refs_pattern(node)}
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {key for child in children for key in _references(child)}


def unknown_keys(config: dict[str, Any], known: Collection[str]) -> dict[str, str | None]:
    """Top-level keys of a configuration that are not known and that nothing refers to: their values change nothing.

    Args:
        config: a bundle's configuration, overrides included.
        known: the keys that it had without overrides.

    Returns:
        by unknown key, the nearest one that is known, or None where none comes near.

    Example:
        >>> unknown_keys({"method": "robust", "methd": "paper", "mine": 1, "run": ["$f(@mine)"]}, ["method", "run"])
        {'methd': 'method'}
    """
    used = _references(config).union(known)
    return {key: nearest_name(key, sorted(used)) for key in config if key not in used}


def _runs(file: dict[str, Any], config: dict[str, Any]) -> bool:
    """Whether a file's content is part of a configuration: all of its keys, and of its values those not overridden."""
    if not {key.lstrip("+").split("#")[0] for key in file} <= config.keys():
        return False
    return any(key in config and config[key] == value for key, value in file.items())


def _known_keys(workflow: ConfigWorkflow) -> tuple[set[str], dict[str, str]]:
    """The keys of the files that run and those that the workflow itself asks for; and the others', with their file."""
    keys = {workflow.init_id, workflow.run_id, workflow.final_id, workflow.parser.meta_key}
    elsewhere = {}
    for path in sorted(Path(workflow.config_root_path).glob("*.json")):
        if path.name != "metadata.json":
            file = json.loads(path.read_text(encoding="utf-8"))
            if _runs(file, workflow.parser.get()):
                keys.update(file)
            else:
                elsewhere.update(dict.fromkeys(file, path.name))
    return keys, elsewhere


def check_overrides() -> None:
    """Raise where an override names a key that the configuration does not know; for a bundle's `initialize`.

    Keys of the bundle's other configurations are unknown too: those of the evaluation change nothing in the inference.
    MONAI adds an unknown key to the configuration, where nothing refers to it. The running workflow is found on the
    call stack, so that the command line stays the plain ``python -m monai.bundle run``.

    Raises:
        ValueError: where a key is unknown; it names the nearest one that is known.
        RuntimeError: where no bundle is being initialized.

    Example:
        >>> check_overrides()
        Traceback (most recent call last):
        ...
        RuntimeError: check_overrides belongs into the `initialize` of a bundle, but none is being initialized.
    """
    workflow = running_workflow()
    if workflow is None:
        raise RuntimeError("check_overrides belongs into the `initialize` of a bundle, but none is being initialized.")
    known, elsewhere = _known_keys(workflow)
    unknown = unknown_keys(workflow.parser.get(), known)
    hints = [f"Did you mean {near!r} instead of {key!r}?" for key, near in unknown.items() if near]
    hints += [f"{key!r} belongs to {elsewhere[key]}, which is not being run." for key in unknown if key in elsewhere]
    check(not unknown, "override", "a key of the configuration that runs", ", ".join(unknown), " ".join(hints))
