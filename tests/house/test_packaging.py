"""What is installed is what is used: every package imported is declared, every data file is in the wheel."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house.inventory import PACKAGE, module_files

CHECKOUT = PACKAGE.parent
TOP = "at the top of a module"
OPTIONAL = "by optional_import"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*sections: tuple[str, str]) -> set[str]:
    """The packages that setup.cfg asks for in some of its lists."""
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    lines = [line for section, key in sections for line in config[section][key].split("\n") if line]
    return {normal(re.split(r"[\[><=~! ;]", line)[0]) for line in lines}


def third_party(kind: str) -> set[str]:
    """The packages of others that ours import, by the name one installs them by."""
    found = set()
    for file in module_files().values():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if kind == TOP and isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif kind == TOP and isinstance(node, ast.ImportFrom):
                found.add((node.module or "").split(".")[0])
            elif kind == OPTIONAL and isinstance(node, ast.Call) and getattr(node.func, "id", "") == "optional_import":
                found.add(ast.literal_eval(node.args[0]).split(".")[0])
    distributions = importlib.metadata.packages_distributions()
    foreign = found - set(sys.stdlib_module_names) - {"monai_pylon"}
    return {normal(distributions.get(name, [name])[0]) for name in foreign}


def test_packages_imported_are_required() -> None:
    assert third_party(TOP) <= declared(("options", "install_requires"))


def test_packages_imported_where_needed_are_in_an_extra() -> None:
    extras = [("options.extras_require", extra) for extra in ("bundle", "dicom", "export", "parquet", "distributed")]
    assert third_party(OPTIONAL) <= declared(("options", "install_requires"), *extras)


def test_torchvision_is_never_required() -> None:
    assert "torchvision" not in (CHECKOUT / "setup.cfg").read_text(encoding="utf-8")
    assert "torchvision" not in (CHECKOUT / "constraints.txt").read_text(encoding="utf-8")


def test_the_installed_versions_are_the_tested_ones() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split(";")[0].strip().split("==") for line in lines if not line.startswith("#"))
    required = declared(("options", "install_requires"), ("options.extras_require", "test"))
    assert required <= set(pins)
    assert {name: importlib.metadata.version(name).split("+")[0] for name in required} == {n: pins[n] for n in required}


@pytest.mark.slow
def test_the_wheel_holds_the_data_files(tmp_path: Path) -> None:
    source = tmp_path / "source"  # a copy: a build leaves its traces beside setup.py
    shutil.copytree(PACKAGE, source / PACKAGE.name)
    for name in ("setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(CHECKOUT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([*command, str(source)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc")]
    assert {str(path.relative_to(CHECKOUT)) for path in files} <= packed
