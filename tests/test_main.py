"""Tests of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

import monai_pylon
from monai_pylon.__main__ import main
from monai_pylon.workflows.bundle import folders


def test_prints_the_folder_of_a_bundle(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "chest_ct_partition"]) == 0
    assert (Path(capsys.readouterr().out.strip()) / "configs" / "inference.json").is_file()


def test_lists_the_bundles_without_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle"]) == 0
    names = ["chest_ct_classification_axialnet", "chest_ct_partition", "chest_xray_classification_pylon"]
    assert capsys.readouterr().out.split() == names


def test_a_misspelt_bundle_is_wrong_usage_and_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundle", "chest_ct_partiton"]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("monai-pylon: error: name must be one of ")
    assert printed.err.endswith("Did you mean 'chest_ct_partition'?\n")


def test_debug_shows_the_traceback() -> None:
    with pytest.raises(ValueError, match="Did you mean 'chest_ct_partition'"):
        main(["bundle", "chest_ct_partiton", "--debug"])


def test_an_installation_without_bundles_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(folders, "_CANDIDATES", (tmp_path,))
    assert main(["bundle"]) == 1
    assert "Install monai_pylon again." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["bundel"], ["bundle", "a", "b"], ["bundle", "--nmae"]])
def test_wrong_usage_ends_with_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("Usage: monai-pylon")


def test_prints_the_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (
        (["--version"], monai_pylon.__version__),
        (["--help"], "organs"),
        (["bundle", "-h"], "NAME"),
        (["labels", "--help"], "Example: "),
    ):
        assert main(arguments) == 0
        assert expected in capsys.readouterr().out


def test_without_a_command_shows_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "organs" in "".join(capsys.readouterr())
