"""Running bundles from commands: errors, exit codes, devices, settings of checkpoints."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from monai_pylon.workflows.bundle.errors import Terminated
from monai_pylon.workflows.commands.run import checkpoint_settings, choose_device, one_line_errors, open_results


def command(error: BaseException) -> click.Command:
    def fail() -> int:
        raise error

    return click.command()(one_line_errors(fail))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("x must be y"), 2),
        (TypeError("x"), 2),
        (OSError("disk full"), 1),
        (KeyboardInterrupt(), 130),
        (Terminated(), 143),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    result = CliRunner().invoke(command(error), standalone_mode=False)
    assert result.return_value == code
    assert len(result.stderr.strip().splitlines()) == 1


def test_names_the_cause_and_not_monais_wrapper() -> None:
    wrapped = RuntimeError("Failed to evaluate '$@evaluator.run()'")
    wrapped.__cause__ = ValueError("input must be a file")
    result = CliRunner().invoke(command(wrapped), standalone_mode=False)
    assert result.stderr == "monai-pylon: error: input must be a file\n"
    assert result.return_value == 2


def test_settings_of_a_checkpoint(tmp_path: Path) -> None:
    network = {"name": "axialnet", "encoder": "resnet34", "image_size": [64, 64, 30], "reduction_padding": 1}
    description = {"network": network, "inputs": {"spacing": [5, 5, 10]}}
    (tmp_path / "model.json").write_text(json.dumps(description))
    assert checkpoint_settings(tmp_path / "model.pt") == {
        "checkpoint": str(tmp_path / "model.pt"),
        "network_name": "axialnet",
        "encoder": "resnet34",
        "image_size": [64, 64, 30],
        "network_settings": {"reduction_padding": 1},
        "spacing": [5, 5, 10],
    }


def test_says_which_device(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="monai_pylon"):
        expected = "cuda" if torch.cuda.is_available() else "cpu"
        assert choose_device("auto").type == expected
    assert caplog.messages[0].startswith("Device: ")


def test_opens_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))
    open_results(tmp_path)
    assert opened == [tmp_path.resolve().as_uri()]
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    open_results(tmp_path)
    assert "no display" in capsys.readouterr().err
