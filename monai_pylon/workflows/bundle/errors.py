"""Ends of a command: errors that end with their cause, and one line after Ctrl-C or SIGTERM."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from functools import partial
from types import FrameType, TracebackType
from typing import NoReturn

__all__ = ["Terminated", "install_excepthook", "interrupt_by_sigterm", "one_line", "root_cause", "wrapped_error"]

#: Beginnings of MONAI's errors that only wrap another one.
_WRAPPERS = ("Failed to evaluate", "Failed to instantiate", "applying transform")


class Terminated(KeyboardInterrupt):
    """The system asked the command to end (SIGTERM), as a job queue does at the end of its time.

    Example:
        >>> issubclass(Terminated, Exception)  # so that no scan counts as failed
        False
    """


def wrapped_error(error: BaseException) -> BaseException:
    """Return the error that MONAI wrapped in the expression that failed.

    Args:
        error: The last error of the chain.

    Returns:
        The first error that is not such a wrapper.

    Example:
        >>> error = RuntimeError("Failed to evaluate '$@evaluator.run()'")
        >>> error.__cause__ = ValueError("input must be a file")
        >>> wrapped_error(error)
        ValueError('input must be a file')
    """
    while error.__cause__ is not None and str(error).startswith(_WRAPPERS):
        error = error.__cause__
    return error


def one_line(error: BaseException) -> str:
    """Return the text of an error on one line.

    Example:
        >>> one_line(ValueError("input must be\\n a file"))
        'input must be a file'
    """
    return " ".join(str(error).split())


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
    cause = wrapped_error(error)
    return f"{type(cause).__name__}: {one_line(cause)}"


def _hook(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _end(kind)
    traceback.print_exception(kind, error, where)
    if error.__cause__ is not None:
        print(f"\nThe cause is: {root_cause(error)}", file=sys.stderr)


def _end(kind: type[BaseException]) -> NoReturn:
    """Print one line and end with the exit code of a shell: 130 after Ctrl-C, 143 after SIGTERM."""
    name, number = ("Terminated (SIGTERM)", 15) if issubclass(kind, Terminated) else ("Interrupted (Ctrl-C)", 2)
    print(f"\n{name}. What was finished is saved. Run the same command again to resume.", file=sys.stderr)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(128 + number)  # Python would end by the signal itself; the stack is unwound already


def _interrupt(number: int, _frame: FrameType | None, owner: int = 0) -> None:
    """Raise KeyboardInterrupt or `Terminated` in the process that installed the handler."""
    if os.getpid() != owner and number == signal.SIGTERM:  # a loading process, which inherited the handler
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        return
    if os.getpid() == owner:
        logging.disable(logging.CRITICAL)  # engines log the interrupt as an error
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


@contextlib.contextmanager
def interrupt_by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise :class:`Terminated` inside a block, so that a job saves what it has.

    Example:
        >>> with interrupt_by_sigterm():
        ...     signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        False
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, partial(_interrupt, owner=os.getpid()))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def install_excepthook() -> None:
    """Print the cause last when ``python -m monai.bundle`` fails; for a bundle's `initialize`.

    People read the last line first, and MONAI's last line names the expression, not the reason. Ctrl-C and SIGTERM end
    the command with one line and the exit code 130 or 143. Other programs are not changed.

    Example:
        >>> install_excepthook()
        >>> sys.excepthook is _hook
        False
    """
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if main is None or main.name != "monai.bundle.__main__":
        return
    sys.excepthook = _hook
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, partial(_interrupt, owner=os.getpid()))
