"""Checkpoints of small untrained networks for tests of commands."""

from __future__ import annotations

from pathlib import Path

import torch

from monai_pylon.networks.checkpoints import save_checkpoint
from monai_pylon.workflows.bundle import make_network
from monai_pylon.workflows.bundle.networks import network_specification


def save_small(folder: Path, bundle: str, **description: object) -> Path:
    """Save a small network of a bundle with its description, and return the file."""
    torch.manual_seed(0)
    xray = bundle.startswith("chest_xray")
    if xray:
        spec = network_specification("pylon", "resnet18")
        inputs: dict[str, object] = {"image_size": 64}
    else:
        settings = {"reduction_padding": 1, "reduction_channels": [8]}
        spec = network_specification("axialnet", "resnet18", settings, image_size=[64, 64, 30])
        inputs = {"spacing": [5.0, 5.0, 10.0], "hu_range": [-1000, 800]}
    network = make_network(spec, bundle_root=".", bundle=bundle)
    file = folder / "model.pt"
    save_checkpoint(file, network.state_dict(), {"network": spec, "inputs": inputs, **description})
    return file
