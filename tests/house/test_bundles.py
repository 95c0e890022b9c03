"""Every bundle is complete: metadata, properties, licence and documentation, and no code.

MONAI verifies metadata against a schema that it downloads; the tests do without a network and ask for the same keys.
"""

from __future__ import annotations

import configparser
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigWorkflow

BUNDLES = sorted(path for path in (Path(__file__).resolve().parents[2] / "bundles").iterdir() if path.is_dir())
CONFIGS = [path for bundle in BUNDLES for path in sorted((bundle / "configs").glob("*.json"))]
SCHEMA = "meta_schema_20240725.json"
REQUIRED = {
    *("schema", "version", "monai_version", "pytorch_version", "numpy_version", "required_packages_version"),
    *("task", "description", "authors", "copyright", "network_data_format"),
}
TENSOR = {"type", "format", "num_channels", "spatial_shape", "dtype", "value_range"}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=BUNDLES, ids=lambda path: path.name)
def bundle(request: pytest.FixtureRequest) -> Path:
    return request.param


@pytest.fixture
def metadata(bundle: Path) -> dict[str, Any]:
    return read(bundle / "configs" / "metadata.json")


def test_the_metadata_has_what_the_schema_requires(metadata: dict[str, Any]) -> None:
    assert metadata["schema"].endswith(SCHEMA)
    assert not REQUIRED - set(metadata)
    assert metadata["version"] in metadata["changelog"], "the changelog tells nothing of this version"


def test_the_metadata_describes_inputs_and_outputs(metadata: dict[str, Any]) -> None:
    described = metadata["network_data_format"]
    tensors = {**described["inputs"], **described["outputs"]}
    assert described["inputs"]
    assert described["outputs"]
    assert not {name: missing for name, tensor in tensors.items() if (missing := TENSOR - set(tensor))}


def test_the_metadata_names_the_tested_versions(metadata: dict[str, Any]) -> None:
    named = dict(metadata["required_packages_version"])
    named |= {"monai": metadata["monai_version"], "numpy": metadata["numpy_version"]}
    named["torch"] = metadata["pytorch_version"]
    installed = {name: importlib.metadata.version(name).split("+")[0] for name in named}
    assert named == installed


def test_a_bundle_is_data_not_code(bundle: Path) -> None:
    assert not list(bundle.rglob("*.py"))
    assert (bundle / "LICENSE").is_file()
    assert (bundle / "docs" / "README.md").is_file()


def test_it_logs_with_the_standard_library_alone(bundle: Path) -> None:
    config = configparser.RawConfigParser()
    assert config.read(bundle / "configs" / "logging.conf")
    classes = [config[section]["class"] for section in config.sections() if section.startswith("handler_")]
    known = {"StreamHandler", "FileHandler", "handlers.RotatingFileHandler"}
    assert set(classes) <= known
    assert classes


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parents[1].name}/{path.name}")
def test_components_are_named_by_their_dotted_path(path: Path) -> None:
    """Short names of ours resolve only after `import monai_pylon`; a bundle must not depend on that."""

    def targets(node: Any) -> list[str]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        own = [node["_target_"]] if isinstance(node, dict) and "_target_" in node else []
        return own + [target for child in children for target in targets(child)]

    assert not [target for target in targets(read(path)) if "." not in target and not target.startswith("$")]


@pytest.mark.parametrize("name", ["train", "inference"])
def test_it_has_every_property_that_monai_asks_for(bundle: Path, name: str) -> None:
    config = bundle / "configs" / f"{name}.json"
    if not config.is_file():
        pytest.skip(f"{bundle.name} has no {name}.json")
    workflow = ConfigWorkflow(
        config_file=str(config),
        meta_file=str(bundle / "configs" / "metadata.json"),
        logging_file=False,
        workflow_type=name,
        bundle_root=str(bundle),
    )
    workflow.initialize()
    assert workflow.check_properties() == []
