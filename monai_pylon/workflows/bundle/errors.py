"""Command-line errors that end with their cause."""

from __future__ import annotations

import sys
import traceback
from types import TracebackType

__all__ = ["root_cause", "install_excepthook"]

#: Beginnings of MONAI's errors that only wrap another one.
_WRAPPERS = ("Failed to evaluate", "Failed to instantiate", "applying transform")


def root_cause(error: BaseException) -> str:
    """Describe the cause of an error on one line. MONAI wraps errors in the expression that failed.

    Args:
        error: The last error of the chain.

    Returns:
        Type and text of the first error that is not such a wrapper. Its own cause is left out, since its text was
        written for the user.

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
    """Print the cause last when ``python -m monai.bundle`` or the demo fails; for a bundle's `initialize`.

    People read the last line first, and MONAI's last line names the expression, not the reason. Other programs are not
    changed.

    Example:
        >>> install_excepthook()
        >>> sys.excepthook is _hook
        False
    """
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is not None and main.name in ("monai.bundle.__main__", "monai_pylon.workflows.demo.__main__"):
        sys.excepthook = _hook
