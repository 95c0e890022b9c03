"""Tests of maps as the prediction of MONAI's evaluator, which disables gradients and decollates the output."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset, MetaTensor
from monai.engines import SupervisedEvaluator
from monai.networks.nets import DenseNet121

from monai_pylon.visualize import ActivationMapInferer, HiResCAM, LayerGradCAM
from tests.visualize.nets import LABELS, make_net
from tests.visualize.test_recording import state


def loader(samples: int = 4, size: int = 8) -> DataLoader:
    """Make a loader of random images in batches of two."""
    generator = torch.Generator().manual_seed(0)
    items = [
        {"image": MetaTensor(torch.randn(1, size, size, generator=generator)), "label": torch.zeros(LABELS)}
        for _ in range(samples)
    ]
    return DataLoader(Dataset(items), batch_size=2)


@pytest.mark.parametrize(("method", "visualizer"), [("hirescam", HiResCAM), ("gradcam", LayerGradCAM)])
def test_works_as_the_inferer_of_an_evaluator(method: str, visualizer: type) -> None:
    network = make_net("deep").train()
    before = state(network)
    inferer = ActivationMapInferer("layer", method, class_idx="all")
    evaluator = SupervisedEvaluator(device="cpu", val_data_loader=loader(), network=network, inferer=inferer)
    found: list[torch.Tensor] = []

    @evaluator.on(Events.ITERATION_COMPLETED)
    def keep(engine: SupervisedEvaluator) -> None:
        assert len(engine.state.output) == 2, "decollated: one item per sample"
        found.extend(item["pred"] for item in engine.state.output)

    evaluator.run()
    images = torch.cat([batch["image"].as_tensor() for batch in loader()])
    assert found[0].shape == (LABELS, 4, 4)
    torch.testing.assert_close(torch.stack(found), visualizer(network, "layer")(images, "all"))
    after = state(network)
    del before["random numbers"], after["random numbers"]  # the loader draws random numbers
    assert after == before


def test_works_in_a_bundle_config() -> None:
    config = {
        "network": {"_target_": "DenseNet121", "spatial_dims": 2, "in_channels": 1, "out_channels": LABELS},
        "inferer": {"_target_": "ActivationMapInferer", "target_layer": "class_layers.relu", "class_idx": [2, 0]},
        "evaluator": {
            "_target_": "SupervisedEvaluator",
            "device": "cpu",
            "val_data_loader": loader(2, 64),
            "network": "@network",
            "inferer": "@inferer",
            "decollate": False,
        },
    }
    evaluator = ConfigParser(config).get_parsed_content("evaluator")
    assert isinstance(evaluator.network, DenseNet121)
    evaluator.run()
    assert evaluator.state.output["pred"].shape == (2, 2, 2, 2)
