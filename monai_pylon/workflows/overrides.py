"""Misspelt overrides of a bundle: MONAI accepts `--methd paper` in silence and runs with the default."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from monai.bundle import ConfigParser, ConfigWorkflow
from monai.bundle.reference_resolver import ReferenceResolver

from monai_pylon.utils import check, nearest_name

__all__ = ["check_overrides", "unused_keys"]

_RESERVED = ("imports", "initialize", "run", "finalize", ConfigParser.meta_key)


def _references(node: Any) -> set[str]:
    """The top-level keys to which a part of a configuration refers by @key."""
    if isinstance(node, str):
        return {ReferenceResolver.split_id(found)[0] for found in ReferenceResolver.match_refs_pattern(node)}
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {key for child in children for key in _references(child)}


def unused_keys(config: dict[str, Any], reserved: tuple[str, ...] = _RESERVED) -> dict[str, str | None]:
    """Top-level keys of a configuration that nothing refers to, so that their values change nothing.

    Args:
        config: a bundle's configuration, overrides included.
        reserved: keys that are used without a reference.

    Returns:
        by unused key, the nearest key that is used, or None where none comes near.

    Example:
        >>> unused_keys({"method": "robust", "methd": "paper", "run": ["$print(@method)"]})
        {'methd': 'method'}
    """
    used = _references(config).union(reserved)
    return {key: nearest_name(key, sorted(used & set(config))) for key in config if key not in used}


def check_overrides() -> None:
    """Raise where an override names a key that the bundle does not use; for a bundle's `initialize`.

    MONAI adds an unknown key to the configuration, where nothing refers to it. The configuration is found on the call
    stack, since an expression of a bundle has no other way to it: the command line stays the plain
    ``python -m monai.bundle run``.

    Raises:
        ValueError: where a key has no effect; it names the nearest one that has.

    Example:
        >>> from monai.bundle import ConfigParser
        >>> config = {"method": "robust", "methd": "paper", "run": ["$print(@method)"]}
        >>> config["initialize"] = "$monai_pylon.workflows.check_overrides()"
        >>> config["imports"] = ["$import monai_pylon"]
        >>> ConfigParser(config).get_parsed_content("initialize")
        Traceback (most recent call last):
        ...
        RuntimeError: Failed to evaluate ConfigExpression: ...
    """
    parser: ConfigParser | None = None
    reserved: tuple[str, ...] = _RESERVED
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        owner = frame.f_locals.get("self")
        if parser is None and isinstance(owner, ConfigParser):
            parser = owner
        if isinstance(owner, ConfigWorkflow):
            reserved += (owner.init_id, owner.run_id, owner.final_id)
            break
        frame = frame.f_back
    if parser is None:
        raise RuntimeError("check_overrides belongs into a bundle's configuration; here is none. Use unused_keys.")
    unused = unused_keys(parser.get(), reserved)
    hints = [f"Did you mean {near!r} instead of {key!r}?" for key, near in unused.items() if near]
    check(not unused, "override", "a key that this bundle uses", ", ".join(map(repr, unused)), " ".join(hints))
