"""Maps of all labels of one image by this package, MONAI, pytorch-grad-cam, torch-cam and captum."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from monai.utils import optional_import
from monai.visualize import GradCAM as MonaiGradCAM
from torch import nn

from monai_pylon.networks import make_encoder
from monai_pylon.visualize import HiResCAM, LayerGradCAM
from tests.experiments.side_by_side.measurement import Call, measured, memories, quiet

LABELS, EDGE = 14, 256
FORWARD = "forward pass"


class Classifier(nn.Module):
    """ResNet-50 with one linear layer for each grid cell's features, for which Grad-CAM and HiResCAM differ."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = make_encoder("resnet50", 2, 1)
        self.last = nn.Identity()
        self.fc = nn.Linear(self.encoder.channels[-1] * (EDGE // 32) ** 2, LABELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute logits (N, M)."""
        return self.fc(self.last(self.encoder(x)[-1]).flatten(1))


def classifier() -> tuple[Classifier, torch.Tensor]:
    """Return the same network and image for each row."""
    torch.manual_seed(0)
    return Classifier().eval(), torch.randn(1, 1, EDGE, EDGE)


def definitions() -> dict[str, np.ndarray]:
    """Compute both maps of all labels (M, h, w) from their equations in float64, by autograd label by label."""
    network, x = classifier()
    exact = copy.deepcopy(network).double()
    activations = exact.encoder(x.double())[-1].detach().requires_grad_()
    logits = exact.fc(activations.flatten(1))[0]
    maps: dict[str, list[torch.Tensor]] = {"HiResCAM": [], "Grad-CAM": []}
    for label in range(LABELS):
        (gradient,) = torch.autograd.grad(logits[label], activations, retain_graph=True)
        maps["HiResCAM"].append((gradient * activations).sum(1)[0])
        maps["Grad-CAM"].append((gradient.mean((2, 3), keepdim=True) * activations).sum(1)[0])
    return {name: torch.stack(found).detach().numpy() for name, found in maps.items()}


def map_errors(maps: np.ndarray, exact: np.ndarray) -> dict[str, Any]:
    """Compare maps, each divided by its largest absolute value, with the definition on the same grid.

    Most libraries return only positive evidence, scaled and enlarged to the image: therefore also the error of the
    positive part alone.
    """
    grid = tuple(maps.shape[1:])
    wanted = torch.as_tensor(exact)[None]
    if grid != exact.shape[1:]:
        wanted = nn.functional.interpolate(wanted, grid, mode="bilinear", align_corners=False)
    wanted = wanted[0].numpy()

    def error(one: np.ndarray, other: np.ndarray) -> float:
        scaled = [a / np.maximum(np.abs(a).max((1, 2), keepdims=True), 1e-30) for a in (one, other)]
        return float(np.abs(scaled[0] - scaled[1]).max())

    return {
        "grid": list(grid),
        "signed": bool((maps < 0).any()),
        "error": error(maps, wanted),
        "error_of_positive_part": error(maps.clip(0), wanted.clip(0)),
    }


def _each(one: Callable[[int], Any]) -> Call:
    return lambda: np.stack([np.asarray(one(label)).squeeze() for label in range(LABELS)])


def _forward() -> Call:
    network, x = classifier()
    return lambda: quiet(network, x)


def _ours(kind: type) -> Call:
    network, x = classifier()
    return lambda: kind(network, "last")(x, "all")[0].numpy()


def _monai() -> Call:
    network, x = classifier()
    cam = MonaiGradCAM(network, "last")
    return _each(lambda label: cam(x, class_idx=label))


def _pytorch_grad_cam(name: str) -> Call:
    network, x = classifier()
    target = optional_import("pytorch_grad_cam.utils.model_targets", name="ClassifierOutputTarget")[0]
    cam = getattr(optional_import("pytorch_grad_cam")[0], name)(model=network, target_layers=[network.last])
    return _each(lambda label: cam(x, [target(label)]))


def _torchcam() -> Call:
    network, x = classifier()
    grad_cam = optional_import("torchcam.methods", name="GradCAM")[0]

    def one(label: int) -> Any:
        with grad_cam(network, target_layer="last") as cam:
            return cam(label, network(x))[0].detach()

    return _each(one)


def _captum() -> Call:
    network, x = classifier()
    layer = optional_import("captum.attr", name="LayerGradCam")[0](network, network.last)
    return _each(lambda label: layer.attribute(x, target=label).detach())


#: By name: the kind of map, the library that must be installed, and the function that builds the call.
MAPS: dict[str, tuple[str, str, Callable[[], Call]]] = {
    "monai_pylon HiResCAM": ("HiResCAM", "monai", lambda: _ours(HiResCAM)),
    "monai_pylon Grad-CAM": ("Grad-CAM", "monai", lambda: _ours(LayerGradCAM)),
    "MONAI GradCAM": ("Grad-CAM", "monai", _monai),
    "pytorch-grad-cam HiResCAM": ("HiResCAM", "pytorch_grad_cam", lambda: _pytorch_grad_cam("HiResCAM")),
    "pytorch-grad-cam GradCAM": ("Grad-CAM", "pytorch_grad_cam", lambda: _pytorch_grad_cam("GradCAM")),
    "torch-cam GradCAM": ("Grad-CAM", "torchcam.methods", _torchcam),
    "captum LayerGradCam": ("Grad-CAM", "captum.attr", _captum),
}


def rows() -> dict[str, Callable[[], Call]]:
    """Return by name the function that builds the call: the forward pass, and the maps of all labels (M, h, w)."""
    return {FORWARD: _forward, **{name: build for name, (_, _, build) in MAPS.items()}}


def installed() -> list[str]:
    """Return the names of the rows whose library is installed."""
    return [FORWARD, *(name for name, (_, module, _) in MAPS.items() if optional_import(module)[1])]


def compare(rounds: int) -> dict[str, Any]:
    """Compare the maps of all labels of one image by what is installed."""
    exact = definitions()
    calls = {name: rows()[name]() for name in installed()}
    found: dict[str, Any] = measured(calls, rounds)
    for name, row in found.items():
        row["forward_passes"] = row["cpu_seconds"] / found[FORWARD]["cpu_seconds"]
        if name != FORWARD:
            row |= {"kind": MAPS[name][0], **map_errors(calls[name](), exact[MAPS[name][0]])}
    return found


def memory_of_rows() -> dict[str, dict[str, Any]]:
    """Measure the memory of each row that is installed."""
    return memories("maps", installed())
