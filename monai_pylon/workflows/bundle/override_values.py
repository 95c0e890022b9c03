"""Checks of the values of a bundle's overrides. MONAI accepts ``--max_epochs two`` and ``--amp false``, a true text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any

from monai.bundle.reference_resolver import ReferenceResolver

from monai_pylon.utils import check

__all__ = ["check_values"]

#: Kinds of keys whose default is an expression or None, which also stays allowed.
_KINDS: dict[str, type] = {
    "amp": bool,
    "optimize": bool,
    "tensorboard": bool,
    "num_workers": int,
    "chunk_size": int,
    "validation_fold": int,
    "mask_loss": float,
    "decoder_rate": float,
}
#: Least values of keys.
_LEAST = {
    "max_epochs": 1,
    "batch_size": 1,
    "val_interval": 1,
    "num_workers": 0,
    "seed": 0,
    "frozen_stages": 0,
    "rotation": 0,
}
#: Keys that must be above 0.
_POSITIVE = ("learning_rate", "decoder_rate", "intensity_deviation")
_REFERENCE = re.compile(r"@[\w#:]+")
_NO_DEFAULT = object()
#: Values for a message about a key without a default.
_EXAMPLES: dict[type | None, Any] = {bool: False, int: 4}


def _default(config: Mapping[str, Any], key: str) -> Any:
    """Return the value of an identifier such as `train#trainer#max_epochs` in a configuration."""
    node: Any = config
    for part in ReferenceResolver.split_id(key.lstrip("+")):
        if isinstance(node, Mapping) and part in node:
            node = node[part]
        elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
            node = node[int(part)]
        else:
            return _NO_DEFAULT
    return node


def _is_expression(value: Any) -> bool:
    return (isinstance(value, str) and value.startswith(("$", "@", "%"))) or (
        isinstance(value, Mapping) and "_target_" in value
    )


def _kind(key: str, default: Any) -> type | None:
    """Return the type that a key must have, or None if it may have any."""
    if key in _KINDS:
        return _KINDS[key]
    if default is None or default is _NO_DEFAULT or _is_expression(default):
        return None
    return next((kind for kind in (bool, int, float, str, list, dict) if isinstance(default, kind)), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _requirement(kind: type, default: Any, value: Any) -> str:
    """Return what a value must be, or an empty text if it is."""
    if kind is bool:
        return "" if isinstance(value, bool) else "True or False"
    if kind is int:
        return "" if isinstance(value, Integral) and not isinstance(value, bool) else "a whole number"
    if kind is float:
        return "" if _is_number(value) else "a number"
    if kind is str:
        return "" if isinstance(value, str | PathLike) else "a text"
    if kind is dict:
        return "" if isinstance(value, Mapping) else "a dictionary"
    if default and all(_is_number(number) for number in default):
        fits = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == len(default)
        return "" if fits and all(_is_number(number) for number in value) else f"a list of {len(default)} numbers"
    return ""


def check_values(config: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
    """Check that the values of overrides have the type of the defaults, and are not too small.

    Expressions and components are not checked, and neither are keys whose default says nothing about the type.

    Args:
        config: The configuration without overrides.
        overrides: Values by key.

    Raises:
        ValueError: If a value is of another type or too small.

    Example:
        >>> check_values({"max_epochs": 40}, {"max_epochs": "two"})
        Traceback (most recent call last):
        ...
        ValueError: max_epochs must be a whole number, but is 'two'. For example: --max_epochs 40
    """
    for key, value in overrides.items():
        if value is None or _is_expression(value):
            continue
        name, default = key, _default(config, key)
        while isinstance(default, str) and _REFERENCE.fullmatch(default) and default[1:] != name:
            name = default[1:]
            default = _default(config, name)
        kind = _kind(name, default)
        shown = default if default is not None and not _is_expression(default) else _EXAMPLES.get(kind, 0.5)
        shown = f'"{shown}"' if isinstance(shown, list | dict) else shown
        remedy = f"For example: --{key} {shown}"
        if kind is not None:
            requirement = _requirement(kind, default, value)
            check(not requirement, key, requirement, value, remedy)
        if name in _LEAST:
            check(value >= _LEAST[name], key, f"at least {_LEAST[name]}", value, remedy)
        if name in _POSITIVE:
            check(value > 0, key, "above 0", value, remedy)
