"""Errors at the command line that end with their cause."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

__all__ = ["root_cause", "install_excepthook"]

#: How MONAI's own errors begin that only say where another one came from.
_WRAPPERS = ("Failed to evaluate", "Failed to instantiate", "applying transform")


def root_cause(error: BaseException) -> str:
    """What an error of MONAI is about, on one line: it wraps errors in the name of the expression they came from.

    Args:
        error: the last error of the chain.

    Returns:
        type and text of the first error that is more than such a wrapper. What caused that one is left out: its text
        was written for the user.

    Example:
        >>> error = RuntimeError("Failed to evaluate '$@evaluator.run()'")
        >>> error.__cause__ = ValueError("input must be a file")
        >>> root_cause(error)
        'ValueError: input must be a file'
    """
    while error.__cause__ is not None and str(error).startswith(_WRAPPERS):
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    traceback.print_exception(kind, error, where)
    if error.__cause__ is not None:
        print(f"\nThe cause is: {root_cause(error)}", file=sys.stderr)


def install_excepthook() -> None:
    """Let an error of ``python -m monai.bundle`` (and of the demo) end with its cause; for a bundle's `initialize`.

    People read the last line first, and there MONAI says that an expression failed, not why. In any other program
    nothing is changed.

    Example:
        >>> install_excepthook()
        >>> sys.excepthook is _hook
        False
    """
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is not None and main.name in ("monai.bundle.__main__", "monai_pylon.workflows.demo.__main__"):
        sys.excepthook = _hook
