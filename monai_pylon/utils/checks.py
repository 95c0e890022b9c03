"""Argument checks with one style of error: argument, requirement, value received, remedy.

Every public function checks its arguments before it computes anything.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

__all__ = ["check", "check_choice", "check_type", "describe", "nearest_name"]


def describe(value: Any) -> str:
    """Describe a value: an array by type, shape and dtype, anything else by its text.

    Args:
        value: Any value. The content of an array or tensor (...) is never shown.

    Returns:
        The description, at most about 120 characters long.

    Example:
        >>> import numpy as np
        >>> describe(np.zeros((2, 3)))
        'ndarray of shape (2, 3), float64'
        >>> describe("left")
        "'left'"
    """
    shape = getattr(value, "shape", None)
    if shape is not None and not isinstance(value, type):
        return (
            f"{type(value).__name__} of shape {tuple(shape)}, {str(getattr(value, 'dtype', '?')).replace('torch.', '')}"
        )
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:100]}… ({type(value).__name__})"


def _fail(kind: type[Exception], argument: str, requirement: str, value: Any, remedy: str) -> NoReturn:
    raise kind(f"{argument} must be {requirement}, but is {describe(value)}. {remedy}".rstrip())


def check(condition: bool, argument: str, requirement: str, value: Any, remedy: str = "") -> None:
    """Raise a ``ValueError`` unless a condition holds.

    Args:
        condition: Condition that must be true.
        argument: Name of the argument.
        requirement: Requirement, as it continues "must be".
        value: Value received, see :func:`describe`.
        remedy: Advice to the user, a sentence.

    Raises:
        ValueError: If the condition is false.

    Example:
        >>> check(False, "threshold", "between 0 and 1", 7, "Divide by 255 first.")
        Traceback (most recent call last):
        ...
        ValueError: threshold must be between 0 and 1, but is 7. Divide by 255 first.
    """
    if not condition:
        _fail(ValueError, argument, requirement, value, remedy)


def check_type(value: Any, types: type | tuple[type, ...], argument: str, remedy: str = "") -> None:
    """Raise a ``TypeError`` unless a value has one of the types.

    Args:
        value: Value received.
        types: Type or types allowed. ``True`` and ``False`` are no integers here.
        argument: Name of the argument.
        remedy: Advice to the user, a sentence.

    Raises:
        TypeError: If the value has another type.

    Example:
        >>> check_type("3", int, "seed")
        Traceback (most recent call last):
        ...
        TypeError: seed must be of type int, but is '3'.
    """
    types = types if isinstance(types, tuple) else (types,)
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        _fail(TypeError, argument, "of type " + " or ".join(t.__name__ for t in types), value, remedy)


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """Find the name that is most similar to a misspelt one.

    Args:
        name: Misspelt name.
        names: Names that exist.

    Returns:
        The most similar name, or None if none is similar.

    Example:
        >>> nearest_name("roboust", ["robust", "paper"])
        'robust'
    """
    found = difflib.get_close_matches(str(name), [str(n) for n in names], n=1, cutoff=0.5)
    return found[0] if found else None


def check_choice(value: Any, choices: Iterable[str], argument: str) -> None:
    """Raise a ``ValueError`` unless a value is one of the choices.

    Args:
        value: Value received.
        choices: Values allowed.
        argument: Name of the argument.

    Raises:
        ValueError: If the value is not among the choices; the error names the most similar one.

    Example:
        >>> check_choice("roboust", ("robust", "paper"), "method")
        Traceback (most recent call last):
        ...
        ValueError: method must be one of 'robust', 'paper', but is 'roboust'. Did you mean 'robust'?
    """
    choices = list(choices)
    if value not in choices:
        near = nearest_name(value, choices)
        hint = f"Did you mean {near!r}?" if near else ""
        _fail(ValueError, argument, "one of " + ", ".join(repr(c) for c in choices), value, hint)
