"""Checkpoints in this package: PYLON and AxialNet, trained on phantoms for demo and tests.

They are of no use on patients. The model card beside the files has their figures on other phantoms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai_pylon.networks.checkpoints import read_description
from monai_pylon.utils import check_choice

__all__ = ["DEMO_CHECKPOINTS", "demo_checkpoint", "demo_description"]

#: File name of the checkpoint by name of the bundle.
DEMO_CHECKPOINTS = {
    "chest_xray_classification_pylon": "pylon.pt",
    "chest_ct_classification_axialnet": "axialnet.pt",
}


def demo_checkpoint(bundle: str) -> Path:
    """Return the checkpoint of the demo for a bundle.

    Args:
        bundle: Name of a bundle that classifies.

    Returns:
        File of the weights, with its description beside it.

    Raises:
        ValueError: If there is none for the bundle.

    Example:
        >>> demo_checkpoint("chest_xray_classification_pylon").name
        'pylon.pt'
    """
    check_choice(bundle, DEMO_CHECKPOINTS, "bundle")
    return Path(__file__).with_name("weights") / DEMO_CHECKPOINTS[bundle]


def demo_description(bundle: str) -> dict[str, Any]:
    """Read the description of the demo's checkpoint for a bundle.

    Args:
        bundle: Name of a bundle that classifies.

    Returns:
        "network", "inputs", "notice", "training" and "figures", the results on held-out phantoms.

    Example:
        >>> demo_description("chest_ct_classification_axialnet")["notice"]
        'Trained on phantoms. Never use on patients.'
    """
    return read_description(demo_checkpoint(bundle))
