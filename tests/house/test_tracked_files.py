"""What may not be in any tracked file: places of one machine, addresses of registries, large files, loose ends."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    *("monai_pylon", "bundles", "tests", "docs", "setup.cfg", "setup.py", "README.md"),
    *("LICENSE", "Makefile", "pyproject.toml", "constraints.txt"),
}
# Written so that this file does not find itself.
FORBIDDEN = {
    "a place of one machine": r"(?<![\w.])/(?:work|root|opt|tmp|home|Users|mnt)/\w",
    "a registry's address": r"(?:pypi|pythonhosted|download\.pytorch|npmjs|anaconda)\.(?:org|com)",
    "a conflict": r"^(?:<{7}|>{7}) ",
}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: no list of tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()]


def test_the_top_level_is_as_planned(tracked: list[Path]) -> None:
    top = {path.relative_to(CHECKOUT).parts[0] for path in tracked}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str, tracked: list[Path]) -> None:
    pattern = re.compile(FORBIDDEN[what], flags=re.MULTILINE)
    texts = {path: path.read_bytes().decode("utf-8", errors="ignore") for path in tracked if path.suffix != ".png"}
    found = {
        str(path.relative_to(CHECKOUT)): hit.group() for path, text in texts.items() if (hit := pattern.search(text))
    }
    assert not found


def test_files_are_small(tracked: list[Path]) -> None:
    large = {path.name: path.stat().st_size for path in tracked if path.stat().st_size > 500_000}
    assert not large
