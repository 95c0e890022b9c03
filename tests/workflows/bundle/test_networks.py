"""Networks by name, and which table of networks is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_pylon.networks.nets import MaxPoolBackbone
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.workflows.bundle import default_weights, explained_layer, make_network, network_specification
from monai_pylon.workflows.bundle.networks import network_table
from tests.networks.tiny import TinyEncoder

CT = "chest_ct_classification_axialnet"


def test_further_arguments_override_the_specification() -> None:
    """`monai.bundle.load` passes its net_override so."""
    spec = {"name": "backbone", "encoder": "resnet34", "num_classes": 3}
    network = make_network(spec, encoder="resnet18", num_classes=None)
    assert isinstance(network, MaxPoolBackbone)
    assert network.encoder.name == "resnet18"
    assert network.head.out_channels == 3, "None keeps the specification"
    assert spec["encoder"] == "resnet34"


def test_an_encoder_of_your_own_is_described_by_its_class_and_used_itself() -> None:
    encoder = TinyEncoder()
    spec = network_specification("backbone", encoder)
    assert spec == {"name": "backbone", "encoder": {"_target_": "tests.networks.tiny.TinyEncoder"}}
    assert make_network(spec, encoder=encoder).encoder is encoder
    assert isinstance(make_network(json.loads(json.dumps(spec))).encoder, TinyEncoder)
    ct = make_network(
        {**network_specification("bodycam", TinyEncoder(in_channels=3)), "num_classes": 2, "image_size": [64, 64, 12]},
        bundle=CT,
        encoder=TinyEncoder(in_channels=3),
    )
    assert isinstance(ct.encoder, TinyEncoder)


def test_the_table_of_the_bundle_root_comes_first(tmp_path: Path) -> None:
    assert "pylon" in network_table(tmp_path), "an empty folder: the installed table"
    (tmp_path / "configs").mkdir()
    own = {"small": {"_target_": "monai_pylon.networks.nets.MaxPoolBackbone", "encoder": "resnet18"}}
    (tmp_path / "configs" / "networks.json").write_text(json.dumps({"networks": own, "layers": {"small": "head"}}))
    assert network_table(tmp_path) == own
    assert isinstance(make_network({"name": "small"}, tmp_path), MaxPoolBackbone)
    assert explained_layer("small", tmp_path) == "head"


def test_inputs_are_filled_in() -> None:
    network = make_network({"name": "axialnet", "image_size": [64, 96, 12], "reduction_padding": 1}, bundle=CT)
    assert network.in_plane_size == (64, 96)


def test_unknown_networks_name_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'pylon_no_pa'"):
        make_network({"name": "pylon_nopa"})
    with pytest.raises(ValueError, match="network_name must be one of"):
        make_network({})
    with pytest.raises(TypeError, match="network_spec must be of type Mapping"):
        make_network("pylon")
    with pytest.raises(ValueError, match="Did you mean 'axialnet'"):
        explained_layer("axialnet2")


def test_a_specification_is_json_and_leaves_out_the_papers_labels() -> None:
    spec = network_specification("axialnet", "resnet18", {"reduction_padding": 1}, (64, 64, 12), CHEST_CT_LABELS)
    assert spec == {"name": "axialnet", "encoder": "resnet18", "image_size": [64, 64, 12], "reduction_padding": 1}
    assert json.loads(json.dumps(spec)) == spec
    assert network_specification("axialnet", "resnet18", labels=("mass",))["labels"] == ["mass"]


def test_default_weights() -> None:
    assert default_weights("phantom") == "scratch"
    assert default_weights(Path("data"), "conv3d", ["conv3d"]) == "scratch"
    assert default_weights(Path("data"), "axialnet", ["conv3d"]) == "imagenet"
