"""The command bundle."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from monai_pylon.workflows.commands.bundle import bundle


def test_prints_the_folder() -> None:
    done = CliRunner().invoke(bundle, ["chest_ct_partition"])
    assert (Path(done.output.strip()) / "configs" / "inference.json").is_file()
