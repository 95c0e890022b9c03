"""Commands of the Makefile that act on the answers of other programs, which are replaced by stand-ins."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("make") is None or sys.platform == "win32", reason="needs make")
@pytest.mark.parametrize(
    ("answer", "code", "message"),
    [
        ("No known vulnerabilities found", 0, "No known vulnerabilities in the versions of constraints.txt."),
        ("Found 2 known vulnerabilities in 1 package", 1, "constraints.txt has versions with known vulnerabilities."),
        ("Traceback\n  File\nConnectionError: no network", 1, "ConnectionError: no network\nNothing was looked up: "),
        ("ERROR: x: Dependency not found on PyPI and could not be audited: x (1)", 1, "Nothing was looked up: "),
    ],
)
def test_the_audit_says_whether_it_found_or_could_not_look(
    answer: str, code: int, message: str, tmp_path: Path
) -> None:
    programs = tmp_path / "bom" / "bin"
    programs.mkdir(parents=True)
    (tmp_path / "bom" / ".installed").touch()
    strict = 'case " $* " in *" --strict "*" constraints.txt "*) ;; *) exit 0 ;; esac'  # as the program itself
    (programs / "pip-audit").write_text(f"#!/bin/sh\n{strict}\ncat <<'END'\n{answer}\nEND\nexit {code}\n")
    (programs / "pip-audit").chmod(0o755)
    run = subprocess.run(
        ["make", "audit", f"VENV={tmp_path}"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.returncode != 0) == (code != 0), run.stderr
    assert message in run.stdout
    assert ("Nothing was looked up" in run.stdout) == ("Nothing" in message)
