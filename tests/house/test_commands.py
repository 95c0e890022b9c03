"""Commands in READMEs and pages: bash reads them, and their files and keys exist in the bundles."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess

import pytest

from monai_pylon.workflows.bundle.overrides import check_overrides
from tests.house.inventory import PACKAGE

CHECKOUT = PACKAGE.parent
PAGES = [
    CHECKOUT / "README.md",
    *sorted((CHECKOUT / "docs").glob("*/*.md")),
    *sorted(CHECKOUT.glob("bundles/*/docs/*.md")),
]
_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
#: Programs that write their arguments, each ended by a NUL byte, and a line end. Only the folder of a bundle is real.
_SHOW = """
show() { printf '%s\\0' "$@"; echo; }
torchrun() { show "$@"; }
python() { if [ "$2 $3" = "monai_pylon bundle" ]; then echo "bundles/$4"; else show "$@"; fi; }
"""


def _blocks() -> list[tuple[str, str]]:
    """Return the blocks with commands for bundles, with a name each. A page's first block sets its variables."""
    found = []
    for page in PAGES:
        blocks = [block for block in _BLOCK.findall(page.read_text(encoding="utf-8")) if "monai.bundle run" in block]
        settings = "".join(line + "\n" for block in blocks for line in block.splitlines() if re.match(r"[A-Z]+=", line))
        name = page.relative_to(CHECKOUT).as_posix()
        found += [(f"{name} {number}", settings + block) for number, block in enumerate(blocks)]
    return found


def _commands(block: str) -> list[list[str]]:
    """Return the arguments that each program would get; only bash runs."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    done = subprocess.run([bash, "-c", _SHOW + block], cwd=CHECKOUT, env={"PATH": ""}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [line.split("\0")[:-1] for line in done.stdout.splitlines() if "monai.bundle" in line]


def _check(block: str) -> None:
    """Check that the commands of a block name files and keys that exist."""
    commands = _commands(block)
    assert commands
    for words in commands:
        arguments = words[words.index("run") + 1 :]
        given = dict(zip(arguments[::2], arguments[1::2], strict=True))
        assert all(key.startswith("--") for key in given), given
        files = given.pop("--config_file")
        paths = ast.literal_eval(files) if files.startswith("[") else [files]
        check_overrides([CHECKOUT / file for file in paths], {key.removeprefix("--"): None for key in given})


def test_commands_name_files_and_keys_that_exist() -> None:
    blocks = _blocks()
    assert len(blocks) > 10
    for name, block in blocks:
        try:
            _check(block)
        except (AssertionError, ValueError, OSError) as error:
            raise AssertionError(f"{name}: {error}") from error


def test_a_key_of_another_configuration_is_found() -> None:
    block = "python -m monai.bundle run --config_file bundles/chest_ct_partition/configs/inference.json --epochs 2\n"
    with pytest.raises(ValueError, match="epochs"):
        _check(block)


def test_a_missing_file_is_found() -> None:
    with pytest.raises(OSError, match=r"evaluation\.json"):
        _check("python -m monai.bundle run --config_file bundles/chest_ct_partition/configs/evaluation.json\n")
