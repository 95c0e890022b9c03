"""Tests of all tracked files: the top-level entries, no machine paths, no registry addresses, no large files."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from monai_pylon.utils.version import __version__

CHECKOUT = Path(__file__).resolve().parents[2]
TOP_LEVEL = {
    *("monai_pylon", "bundles", "tests", "docs", "setup.cfg", "setup.py", "README.md"),
    *("LICENSE", "CITATION.cff", "Makefile", "pyproject.toml", "constraints.txt"),
}
# The patterns do not match this file.
FORBIDDEN = {
    "a path of one machine": r"(?<![\w.])/(?:work|root|opt|tmp|home|Users|mnt)/\w",
    "a registry's address": r"(?:pypi|pythonhosted|download\.pytorch|npmjs|anaconda)\.(?:org|com)",
    "a conflict": r"^(?:<{7}|>{7}) ",
}


@pytest.fixture(scope="module")
def tracked() -> list[Path]:
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a git checkout: no list of tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return [CHECKOUT / name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()]


def test_the_top_level_holds_only_the_planned_entries(tracked: list[Path]) -> None:
    top = {path.relative_to(CHECKOUT).parts[0] for path in tracked}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def test_the_version_is_the_same_everywhere() -> None:
    cited = re.search(r"^version: (.+)$", (CHECKOUT / "CITATION.cff").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert cited is not None
    assert cited.group(1) == __version__


def test_no_file_holds_forbidden_text(tracked: list[Path]) -> None:
    found = []
    for path in tracked:
        text = "" if path.suffix == ".png" else path.read_bytes().decode("utf-8", errors="ignore")
        hits = {name: re.search(pattern, text, flags=re.MULTILINE) for name, pattern in FORBIDDEN.items()}
        found += [f"{path.relative_to(CHECKOUT)}: {name}, {hit.group()}" for name, hit in hits.items() if hit]
    assert not found


def test_files_are_small(tracked: list[Path]) -> None:
    large = {path.name: path.stat().st_size for path in tracked if path.stat().st_size > 500_000}
    # the viewer of the reading page, which is shipped unchanged, and checkpoints
    limits = {"niivue.umd.js.xz": 700_000, "pylon.pt": 3_000_000, "research.pt": 8_000_000}
    assert not {name: size for name, size in large.items() if size > limits.get(name, 0)}
