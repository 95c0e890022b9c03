"""Help for the configurations of the bundles."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import monai_pylon
from monai_pylon.workflows.bundle.config_help import config_help
from monai_pylon.workflows.bundle.folders import bundle_folder, bundle_names

CONFIGS = [
    file
    for name in bundle_names()
    for file in sorted((bundle_folder(name) / "configs").glob("*.json"))
    if file.name not in ("metadata.json", "networks.json")
]
#: Settings that are lists; other lists and dictionaries are components.
LISTS = ("image_size", "spacing", "hu_range", "training", "network_settings")
MONAI = ("imports", "initialize", "run", "finalize")


@pytest.mark.parametrize("config", CONFIGS, ids=lambda file: f"{file.parents[1].name}-{file.stem}")
def test_every_setting_has_a_meaning(config: Path) -> None:
    entries = json.loads(config.read_text())
    own = {key: value for key, value in entries.items() if "#" not in key}  # others are entries of a component
    settings = {k for k, v in own.items() if k in LISTS or not isinstance(v, dict | list)} - set(MONAI)
    text = config_help([config])
    for key in settings:
        default = entries[key] if isinstance(entries[key], str) else json.dumps(entries[key])
        assert f"  --{key} {default}\n      " in text


@pytest.mark.parametrize("name", bundle_names())
def test_no_meaning_is_left_over(name: str) -> None:
    folder = bundle_folder(name) / "configs"
    known = {key for config in CONFIGS if config.parent == folder for key in json.loads(config.read_text())}
    options = json.loads((folder / "metadata.json").read_text())["options"]
    assert set(options) <= known
    assert all(meaning and not meaning.endswith(".") for meaning in options.values())


@pytest.mark.slow
def test_monai_prints_it(tmp_path: Path) -> None:
    config = bundle_folder("chest_ct_partition") / "configs" / "inference.json"
    command = [sys.executable, "-m", "monai.bundle", "run", "--config_file", str(config), "--help"]
    here = {**os.environ, "PYTHONPATH": str(Path(monai_pylon.__file__).parents[1])}
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=here)
    assert result.returncode == 0, result.stderr
    assert "--min_lung_ml 512.0\n      smallest component that is kept as lung, in mL" in result.stdout
    assert "Traceback" not in result.stderr
