"""The last line of an error is its cause."""

from __future__ import annotations

import sys

import pytest

from monai_pylon.workflows.bundle import install_excepthook, root_cause
from monai_pylon.workflows.bundle.errors import _hook


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
