"""Running bundles from commands: errors, exit codes, devices, settings of checkpoints."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import click
import pytest
import torch
from click.testing import CliRunner

from monai_pylon.__main__ import main
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


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    (tmp_path / "reports.csv").write_text("id,report\na,A nodule.\n")
    (tmp_path / "a.png").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["xray", "--model", "demo", "--top", "0"], "--top"),
        (["xray", "--model", "demo", "--top", "-1"], "--top"),
        (["ct", "--model", "demo", "--top", "0"], "--top"),
        (["ct", "--model", "demo", "--top", "2.5"], "--top"),
        (["ct", "--model", "demo", "--scheduler", ""], "--scheduler"),
        (["ct", "--model", "demo", "--workers", "0"], "--workers"),
        (["ct", "--model", "demo", "--series", " "], "--series"),
        (["ct", "--model", "absent.pt"], "--model"),
        (["organs", "--min-lung-ml", "0"], "--min-lung-ml"),
        (["organs", "--min-lung-ml", "-5"], "--min-lung-ml"),
        (["organs", "--min-lung-ml", "inf"], "--min-lung-ml"),
        (["organs", "--scheduler", " "], "--scheduler"),
        (["organs", "--workers", "-1"], "--workers"),
        (["labels", "--workers", "0"], "--workers"),
        (["labels", "--scheduler", ""], "--scheduler"),
        (["labels", "--rules", "absent"], "--rules"),
    ],
)
def test_wrong_values_are_wrong_usage(
    inputs: Path, words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = inputs / ("reports.csv" if words[0] == "labels" else "a.png"), inputs / "out"
    assert main([words[0], str(source), "--output", str(output), *words[1:]]) == 2
    assert named in capsys.readouterr().err
    assert not output.exists(), "before anything is written"


@pytest.mark.parametrize("name", ["xray", "organs", "labels", "compare"])
@pytest.mark.parametrize("output", ["a.png/out", "a.png/new/out", "."])
def test_an_output_that_cannot_be_written_is_wrong_usage(
    inputs: Path, name: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = {"labels": ["reports.csv"], "compare": ["a.png", "a.png"]}.get(name, ["a.png"])
    if output == "." and name in ("xray", "organs"):
        output = "reports.csv"  # a file in place of a folder
    more = ["--model", "demo"] if name == "xray" else []
    assert main([name, *(str(inputs / one) for one in sources), "-o", str(inputs / output), *more]) == 2
    assert "--output" in capsys.readouterr().err


def test_no_scheduler_at_the_address_is_wrong_usage(
    inputs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dask = pytest.importorskip("dask")
    with dask.config.set({"distributed.comm.timeouts.connect": "200ms"}):
        for address in ("nonsense", "tcp://127.0.0.1:9"):
            words = ["labels", str(inputs / "reports.csv"), "-o", str(tmp_path / "l.csv"), "--scheduler", address]
            assert main(words) == 2
            assert f"is {address!r}" in capsys.readouterr().err


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
