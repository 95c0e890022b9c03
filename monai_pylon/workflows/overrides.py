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


def _known_keys(workflow: ConfigWorkflow) -> set[str]:
    """The keys of the configurations beside the one that runs, and those that the workflow itself asks for."""
    keys = {workflow.init_id, workflow.run_id, workflow.final_id, workflow.parser.meta_key}
    for file in Path(workflow.config_root_path).glob("*.json"):
        if file.name != "metadata.json":
            keys.update(json.loads(file.read_text(encoding="utf-8")))
    return keys


def check_overrides() -> None:
    """Raise where an override names a key that the bundle does not know; for a bundle's `initialize`.

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
    unknown = unknown_keys(workflow.parser.get(), _known_keys(workflow))
    hints = [f"Did you mean {near!r} instead of {key!r}?" for key, near in unknown.items() if near]
    check(not unknown, "override", "a key of the bundle's configuration", ", ".join(unknown), " ".join(hints))
