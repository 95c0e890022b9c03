"""Options of the commands xray and ct."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from monai_pylon.workflows.commands import ct, xray


@pytest.mark.parametrize("command", [xray, ct])
def test_help_lists_the_options_and_an_example(command) -> None:
    text = CliRunner().invoke(command, ["--help"]).output
    for option in ("--output", "--model", "--top", "--device", "--maps", "--pictures", "--debug", "Example: "):
        assert option in text
