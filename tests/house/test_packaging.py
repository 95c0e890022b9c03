"""Tests of the packaging: declared dependencies, contents of the wheel, and the wheel in use."""

from __future__ import annotations

import ast
import configparser
import functools
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.house import installed_package
from tests.house.inventory import PACKAGE, module_files

CHECKOUT = PACKAGE.parent
SOURCES = ("monai_pylon", "bundles", "setup.cfg", "setup.py", "pyproject.toml", "README.md", "LICENSE")
TOP = "at the top of a module"
OPTIONAL = "by optional_import"
EXTRAS = [("options.extras_require", extra) for extra in ("bundle", "dicom", "export", "openvino", "parquet")]
#: Packages of the extras that other packages import on our behalf.
USED_BY_OTHERS = {
    "onnx": "monai.bundle onnx_export",
    "onnxscript": "torch.onnx.export",
    "onnxruntime": "users of an exported network",
}


def normal(name: str) -> str:
    """Spell a distribution's name as package indexes do."""
    return re.sub(r"[-_.]+", "-", name).lower()


def declared(*sections: tuple[str, str]) -> set[str]:
    """List the packages that some sections of setup.cfg declare."""
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    lines = [line for section, key in sections for line in config[section][key].split("\n") if line]
    return {normal(re.split(r"[\[><=~! ;]", line)[0]) for line in lines}


@functools.cache
def third_party(kind: str) -> set[str]:
    """List the distributions that the package imports, at the top of modules or by optional_import."""
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
    installed = {normal(distributions.get(name, [name])[0]) for name in foreign}
    return {name.removesuffix("-weekly") for name in installed}  # MONAI's development build has a name of its own


def test_packages_imported_at_the_top_are_required() -> None:
    assert third_party(TOP) <= declared(("options", "install_requires"))


def test_packages_imported_on_demand_are_in_an_extra() -> None:
    assert third_party(OPTIONAL) <= declared(("options", "install_requires"), *EXTRAS)


def test_declared_packages_are_used() -> None:
    unused = declared(("options", "install_requires"), *EXTRAS) - third_party(TOP) - third_party(OPTIONAL)
    assert unused == set(USED_BY_OTHERS)


def test_the_readme_describes_every_extra() -> None:
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    described = re.findall(r"^\| `(\w+)` \|", (CHECKOUT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert described == list(config["options.extras_require"])


def test_torchvision_is_never_required() -> None:
    assert "torchvision" not in (CHECKOUT / "setup.cfg").read_text(encoding="utf-8")
    assert "torchvision" not in (CHECKOUT / "constraints.txt").read_text(encoding="utf-8")


@pytest.mark.pinned
def test_the_installed_versions_are_the_pinned_ones() -> None:
    lines = (CHECKOUT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split(";")[0].strip().split("==") for line in lines if not line.startswith("#"))
    required = declared(("options", "install_requires"), ("options.extras_require", "test"))
    assert required <= set(pins)
    assert {name: importlib.metadata.version(name).split("+")[0] for name in required} == {n: pins[n] for n in required}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a source distribution from a copy of the checkout, and the wheel from that, without a network."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in SOURCES:
        copy = shutil.copytree if (CHECKOUT / name).is_dir() else shutil.copy
        copy(CHECKOUT / name, source / name)
    build = f"from setuptools.build_meta import build_sdist; build_sdist({str(built)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (sdist,) = built.glob("*.tar.gz")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(built)]
    subprocess.run([*command, str(sdist)], check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    return wheel


def test_the_wheel_holds_the_data_files_and_the_bundles(wheel: Path) -> None:
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc")]
    expected = {path.relative_to(CHECKOUT).as_posix() for path in files}
    parts = ("LICENSE", "configs/*", "docs/*", "models/research.*")
    bundled = [path for part in parts for path in CHECKOUT.glob(f"bundles/*/{part}")]
    expected |= {f"{PACKAGE.name}/{path.relative_to(CHECKOUT).as_posix()}" for path in bundled}
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith(f"{PACKAGE.name}/")}
    assert packed == expected


def test_the_wheel_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    """The dependencies come from this environment, the package from the wheel; the checkout is not on the path."""
    target, folder = tmp_path / "target", tmp_path / "elsewhere"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    folder.mkdir()
    script = shutil.copy(installed_package.__file__, folder)  # the folder of a script is on its path
    environment = {**os.environ, "PYTHONPATH": str(target), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.splitlines()[-1].endswith(f"works from {target / PACKAGE.name}")
