"""Rules for all bundles: readable configurations, complete folders, and the checks of MONAI's model zoo."""

from __future__ import annotations

import configparser
import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
from monai.bundle import ConfigWorkflow
from monai.bundle.scripts import verify_net_in_out

from monai_pylon.networks.nets import PYLON, AxialNet
from tests.house.inventory import PACKAGE

BUNDLES = sorted(path for path in (PACKAGE.parent / "bundles").iterdir() if path.is_dir())
CONFIGS = [path for bundle in BUNDLES for path in sorted((bundle / "configs").glob("*.json"))]
TRAINING = [bundle for bundle in BUNDLES if (bundle / "configs" / "train.json").is_file()]
SCHEMA = Path(__file__).with_name("bundle_metadata_schema.json")
#: The schema that `schema` names by its permanent URL. It is not downloaded: SCHEMA restates it.
SCHEMA_URL = "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
#: Bundles that the zoo's checks of shapes and of TorchScript must leave out. Each README gives the reason.
WITHOUT_SHAPE_CHECK = {"chest_ct_partition"}
WITHOUT_SCRIPTING = {bundle.name for bundle in BUNDLES}


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def strings(node: Any) -> Iterator[str]:
    """Yield every text value of a configuration."""
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, str):
        yield node
    for child in children:
        yield from strings(child)


def label(path: Path) -> str:
    return f"{path.parents[1].name}/{path.name}"


# --- configurations that a stranger can edit


def test_a_configuration_has_few_expressions() -> None:
    counts = {label(path): sum(text.startswith("$") for text in strings(read(path))) for path in CONFIGS}
    assert not {name: count for name, count in counts.items() if count > 30}
    assert max(counts.values()) > 5, "expressions are found"


def test_a_configuration_has_no_program() -> None:
    """No lambda, no comprehension: named functions and components instead."""
    program = re.compile(r"\blambda\b|\bfor\b.+\bin\b")
    assert program.search("$lambda x: x")
    assert program.search("${k: v for k, v in @a.items()}")
    found = {
        label(path): text
        for path in CONFIGS
        for text in strings(read(path))
        if text[:1] == "$" and program.search(text)
    }
    assert not found


def test_lines_are_short() -> None:
    configs = [path for path in CONFIGS if path.name != "metadata.json"]
    lines = {label(path): max(map(len, path.read_text(encoding="utf-8").splitlines())) for path in configs}
    assert not {name: length for name, length in lines.items() if length > 110}


def test_references_name_their_target() -> None:
    """No `@train#handlers#3`: without the third handler it would be another one."""
    positional = re.compile(r"@[\w#:]*(?:#|::)\d+\b")
    assert positional.search("@train#handlers#3")
    assert not {label(path): text for path in CONFIGS for text in strings(read(path)) if positional.search(text)}


def test_no_frame_is_inspected() -> None:
    frames = re.compile(r"_getframe|currentframe|inspect\.stack|tb_frame")
    assert not [path for path in PACKAGE.rglob("*.py") if frames.search(path.read_text(encoding="utf-8"))]


def test_components_are_named_by_their_dotted_path() -> None:
    """Short names of ours resolve only after `import monai_pylon`; a bundle must not depend on that."""

    def targets(node: Any) -> list[str]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
        own = [node["_target_"]] if isinstance(node, dict) and "_target_" in node else []
        return own + [target for child in children for target in targets(child)]

    assert not {label(path): target for path in CONFIGS for target in targets(read(path)) if "." not in target}


# --- complete folders


def test_a_bundle_is_complete_and_without_code() -> None:
    for bundle in BUNDLES:
        assert not list(bundle.rglob("*.py")), bundle
        for file in ("LICENSE", "docs/README.md", "configs/metadata.json", "configs/inference.json"):
            assert (bundle / file).is_file(), (bundle.name, file)


def test_logging_needs_the_standard_library_only() -> None:
    known = {"StreamHandler", "FileHandler", "handlers.RotatingFileHandler"}
    for bundle in BUNDLES:
        config = configparser.RawConfigParser()
        assert config.read(bundle / "configs" / "logging.conf")
        classes = {config[section]["class"] for section in config.sections() if section.startswith("handler_")}
        assert classes, bundle
        assert classes <= known, bundle


@pytest.mark.parametrize("name", ["train", "inference", "train+evaluate", "train+multi_gpu_train"])
def test_has_every_property_that_monai_asks_for(name: str) -> None:
    for bundle in TRAINING if name.startswith("train") else BUNDLES:
        workflow = ConfigWorkflow(
            config_file=[str(bundle / "configs" / f"{part}.json") for part in name.split("+")],
            logging_file=False,
            workflow_type="train" if name.startswith("train") else "infer",
            bundle_root=str(bundle),
            initialize=[],
            **({"train#sampler": None, "validate#sampler": None} if "multi" in name else {}),
            **({"network": "@network_def", "batch_size": 1} if "multi" in name else {}),
        )
        workflow.initialize()
        assert workflow.check_properties() == [], bundle


# --- the checks of MONAI's model zoo


def test_the_metadata_fits_the_schema() -> None:
    schema = read(SCHEMA)
    jsonschema.Draft201909Validator.check_schema(schema)
    for bundle in BUNDLES:
        metadata = read(bundle / "configs" / "metadata.json")
        jsonschema.validate(metadata, schema)
        assert metadata["schema"] == SCHEMA_URL
        assert metadata["version"] in metadata["changelog"], "the changelog lacks this version"


def test_the_schema_rejects_metadata_without_a_required_key() -> None:
    schema, metadata = read(SCHEMA), read(BUNDLES[0] / "configs" / "metadata.json")
    assert len(schema["required"]) == 11
    for key in schema["required"]:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in metadata.items() if name != key}, schema)
    del metadata["network_data_format"]["inputs"]["image"]["dtype"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(metadata, schema)


def test_the_metadata_uses_monais_format_names() -> None:
    """The list of the MONAI bundle specification."""
    formats = {"magnitude", "hounsfield", "kspace", "raw", "labels", "classes", "segmentation", "points", "normals"}
    types = {"image", "series", "tuples", "probabilities"}
    for bundle in BUNDLES:
        described = read(bundle / "configs" / "metadata.json")["network_data_format"]
        tensors = [tensor for part in described.values() for tensor in part.values()]
        assert {tensor["format"] for tensor in tensors} <= formats
        assert {tensor["type"] for tensor in tensors} <= types
        probabilities = described.get("post_processed_outputs", {"pred": None})["pred"]
        assert (probabilities is None) == (bundle not in TRAINING)
        assert probabilities is None or probabilities["value_range"] == [0, 1]


@pytest.mark.pinned
def test_the_metadata_names_the_tested_versions() -> None:
    for bundle in BUNDLES:
        metadata = read(bundle / "configs" / "metadata.json")
        named = dict(metadata["required_packages_version"])
        named |= {"monai": metadata["monai_version"], "numpy": metadata["numpy_version"]}
        named["torch"] = metadata["pytorch_version"]
        assert named == {name: importlib.metadata.version(name).split("+")[0] for name in named}


def test_networks_take_and_give_what_the_metadata_says() -> None:
    """The zoo's call, at the size of the metadata."""
    for bundle in BUNDLES:
        if bundle.name not in WITHOUT_SHAPE_CHECK:
            configs = bundle / "configs"
            files = {"meta_file": str(configs / "metadata.json"), "config_file": str(configs / "inference.json")}
            verify_net_in_out("network_def", **files, device="cpu", bundle_root=str(bundle))


def test_readmes_give_the_reason_for_a_check_that_is_left_out() -> None:
    for name in WITHOUT_SCRIPTING | WITHOUT_SHAPE_CHECK:
        readme = (PACKAGE.parent / "bundles" / name / "docs" / "README.md").read_text(encoding="utf-8")
        assert "`exclude_verify_torchscript_list`" in readme
        assert ("`exclude_verify_shape_list`" in readme) == (name in WITHOUT_SHAPE_CHECK)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripting_fails_as_the_readmes_say() -> None:
    """When it works one day, the bundles leave the zoo's exclude list."""
    for network in (PYLON(encoder="resnet18"), AxialNet(in_plane_size=(64, 64), reduction_padding=1)):
        with pytest.raises(Exception, match="Python compilation unit"):
            torch.jit.script(network)
