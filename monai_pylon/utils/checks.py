"""One style of error for the whole package: argument, requirement, value received, remedy.

Every public function calls these before it computes anything, so that a wrong input is named where it comes in.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

__all__ = ["check", "check_choice", "check_type", "describe", "nearest_name"]


def describe(value: Any) -> str:
    """Say in a few words what a value is: its type with shape and dtype where it has them, else its text.

    Args:
        value: anything; an array or tensor of any shape ``(...)`` is described by its shape, never by its content.

    Returns:
        the description, at most about 120 characters long.

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
    """Raise a ``ValueError`` in the house style unless a condition holds.

    Args:
        condition: what must be true.
        argument: the argument's name, as the caller wrote it.
        requirement: what it must be; read after "must be".
        value: what was received (arrays of any shape are described by shape and type).
        remedy: what the user can do about it, a sentence.

    Raises:
        ValueError: where the condition is false.

    Example:
        >>> check(False, "threshold", "between 0 and 1", 7, "Divide by 255 first.")
        Traceback (most recent call last):
        ...
        ValueError: threshold must be between 0 and 1, but is 7. Divide by 255 first.
    """
    if not condition:
        _fail(ValueError, argument, requirement, value, remedy)


def check_type(value: Any, types: type | tuple[type, ...], argument: str, remedy: str = "") -> None:
    """Raise a ``TypeError`` in the house style unless a value has one of the types. ``True`` is not an integer here.

    Args:
        value: what was received.
        types: the type or types allowed.
        argument: the argument's name.
        remedy: what the user can do about it, a sentence.

    Raises:
        TypeError: where the value has another type.

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
    """The name most like a misspelt one, or None where nothing comes near.

    Args:
        name: the name as it was written.
        names: the names that exist.

    Returns:
        the nearest of them, or None.

    Example:
        >>> nearest_name("roboust", ["robust", "paper"])
        'robust'
    """
    found = difflib.get_close_matches(str(name), [str(n) for n in names], n=1, cutoff=0.5)
    return found[0] if found else None


def check_choice(value: Any, choices: Iterable[str], argument: str) -> None:
    """Raise a ``ValueError`` that names the nearest choice unless the value is one of them.

    Args:
        value: what was received.
        choices: what is allowed.
        argument: the argument's name.

    Raises:
        ValueError: where the value is none of the choices.

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
