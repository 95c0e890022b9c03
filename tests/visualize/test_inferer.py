"""Tests of class activation maps as a MONAI inferer."""

from __future__ import annotations

import pytest
import torch
from monai.bundle import ConfigParser
from torch import nn

from monai_pylon.visualize import ActivationMapInferer, HiResCAM, LayerGradCAM
from tests.visualize.nets import image, make_net


@pytest.mark.parametrize("method", ["hires", "grad"])
def test_inferer_returns_the_same_maps(method: str) -> None:
    net, x = make_net("deep"), image()
    inferer = ActivationMapInferer("layer", f"{method}cam", class_idx=[1, 2])
    torch.testing.assert_close(
        inferer(x, net), (HiResCAM if method == "hires" else LayerGradCAM)(net, "layer")(x, [1, 2])
    )


def test_inferer_can_be_created_from_a_bundle_config() -> None:
    parser = ConfigParser({"inferer": {"_target_": "ActivationMapInferer", "target_layer": "layer", "class_idx": 0}})
    assert parser.get_parsed_content("inferer")(image(), make_net("pooled")).shape == (2, 1, 4, 4)


def test_inferer_checks_its_arguments_when_created() -> None:
    with pytest.raises(ValueError, match="method must be one of 'hirescam', 'gradcam', but is 'hirecam'"):
        ActivationMapInferer("layer", "hirecam")
    with pytest.raises(TypeError, match="target_layer must be of type str"):
        ActivationMapInferer(nn.Identity())
    with pytest.raises(ValueError, match="class_idx"):
        ActivationMapInferer("layer", class_idx="every")
