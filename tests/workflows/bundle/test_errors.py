"""The last line of an error is its cause."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys

import pytest

from monai_pylon.workflows.bundle import errors, install_excepthook
from monai_pylon.workflows.bundle.errors import Terminated, _hook, interrupt_by_sigterm, root_cause


def nested() -> Exception:
    try:
        try:
            raise ValueError("input must be\n a file")
        except ValueError as error:
            raise RuntimeError("Failed to evaluate") from error
    except RuntimeError as error:
        return error


def test_the_cause_is_the_first_error_on_one_line() -> None:
    assert root_cause(nested()) == "ValueError: input must be a file"
    assert root_cause(KeyError("x")) == "KeyError: 'x'"


def test_the_cause_is_the_first_error_that_is_no_wrapper() -> None:
    error = RuntimeError("Failed to instantiate component 'x'")
    error.__cause__ = RuntimeError("weights must be fetched by hand")
    error.__cause__.__cause__ = OSError("no network")
    assert root_cause(error) == "RuntimeError: weights must be fetched by hand"


def test_the_last_line_is_the_cause(capsys: pytest.CaptureFixture[str]) -> None:
    error = nested()
    _hook(type(error), error, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "The cause is: ValueError: input must be a file"
    assert "RuntimeError: Failed to evaluate" in lines


def test_an_error_without_a_cause_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    _hook(KeyError, KeyError("x"), None)
    assert "The cause is" not in capsys.readouterr().err


def test_other_programs_are_not_changed() -> None:
    before = sys.excepthook
    install_excepthook()
    assert sys.excepthook is before


#: A command that waits, with a child process that inherits the handlers, and a file that is closed at the end.
_WAIT = """
import logging, os, runpy, sys, time
from types import SimpleNamespace
sys.modules["__main__"].__spec__ = SimpleNamespace(name="monai.bundle.__main__")
runpy.run_path(sys.argv[1])["install_excepthook"]()
child = os.fork()
try:
    if child:
        print(child, flush=True)
    time.sleep(60 if child else 20)
finally:
    if child:
        print("closed", flush=True)
        logging.error("an engine logs this")
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "Interrupted (Ctrl-C)"), (signal.SIGTERM, 143, "Terminated (SIGTERM)")],
)
def test_an_interrupt_ends_with_one_line(number: int, code: int, line: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _WAIT, errors.__file__], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    child = int(process.stdout.readline())
    os.kill(child, signal.SIGTERM)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)  # the child may hold the pipes while it sleeps
    assert process.returncode == code
    assert out == "closed\n", "blocks are left in order"
    assert err.strip() == f"{line}. What was finished is saved. Run the same command again to resume."


def test_handlers_are_installed_in_commands_only() -> None:
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    install_excepthook()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_sigterm_raises_inside_the_block_only() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Terminated), interrupt_by_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
    logging.disable(logging.NOTSET)  # the command would end now
