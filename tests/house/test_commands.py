"""The commands that READMEs and pages tell: bash reads them, and their files and keys are those of the bundles."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess

import pytest

from monai_pylon.workflows.bundle import unknown_keys
from tests.house.inventory import PACKAGE

CHECKOUT = PACKAGE.parent
PAGES = [
    CHECKOUT / "README.md",
    *sorted((CHECKOUT / "docs").glob("*/*.md")),
    *sorted(CHECKOUT.glob("bundles/*/docs/*.md")),
]
_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Stand-ins that write their arguments, each ended by a NUL byte, and a line end behind.
_SHOW = 'show() { printf \'%s\\0\' "$@"; echo; }; python() { show "$@"; }; torchrun() { show "$@"; }\n'


def _blocks() -> list[tuple[str, str]]:
    """Blocks with commands for bundles, by name. A page's variables are set by its first block."""
    found = []
    for page in PAGES:
        blocks = [block for block in _BLOCK.findall(page.read_text(encoding="utf-8")) if "monai.bundle run" in block]
        settings = "".join(line + "\n" for block in blocks for line in block.splitlines() if re.match(r"[A-Z]+=", line))
        name = page.relative_to(CHECKOUT).as_posix()
        found += [(f"{name} {number}", settings + block) for number, block in enumerate(blocks)]
    return found


def _commands(block: str) -> list[list[str]]:
    """What programs would be given; no program but bash runs."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    done = subprocess.run([bash, "-c", _SHOW + block], cwd=CHECKOUT, env={"PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line.split("\0")[:-1] for line in done.stdout.splitlines() if "monai.bundle" in line]


@pytest.mark.parametrize(("name", "block"), [pytest.param(*pair, id=pair[0]) for pair in _blocks()])
def test_its_commands_name_files_and_keys_that_are_there(name: str, block: str) -> None:
    commands = _commands(block)
    assert commands
    for words in commands:
        told = words[words.index("run") + 1 :]
        given = dict(zip(told[::2], told[1::2], strict=True))
        assert all(key.startswith("--") for key in given), given
        files = given.pop("--config_file")
        config: dict = {}
        for file in ast.literal_eval(files) if files.startswith("[") else [files]:
            config |= json.loads((CHECKOUT / file).read_text(encoding="utf-8"))
        overrides = {key.removeprefix("--"): None for key in given}
        assert unknown_keys({**config, **overrides}, config) == {}


def test_a_key_of_another_configuration_is_found() -> None:
    block = "python -m monai.bundle run --config_file bundles/chest_ct_partition/configs/inference.json --epochs 2\n"
    with pytest.raises(AssertionError, match="epochs"):
        test_its_commands_name_files_and_keys_that_are_there("a page", block)
