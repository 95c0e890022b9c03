"""Time, memory and error beside other libraries: ``python -m tests.experiments.side_by_side results.json [--full]``.

Whatever is installed takes part: pytorch-grad-cam (``grad-cam``), torch-cam (``torchcam``), captum and MONAI for maps;
onnxruntime and OpenVINO for inference. All run on one thread and in turn, so that other programs slow all of them.
``--full`` adds AxialNet at the paper's size of 420 x 420 x 405. The page docs/researchers/side_by_side.md shows a run.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import ctypes
import gc
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.utils import optional_import
from monai.visualize import GradCAM as MonaiGradCAM
from torch import nn

from monai_pylon.networks import Explained, make_encoder, optimize_for_inference
from monai_pylon.networks.nets import PYLON, AxialNet
from monai_pylon.visualize import HiResCAM, LayerGradCAM
from monai_pylon.workflows.cohort.memory import peak_memory_mb, restart_peak_memory
from tests.experiments.machine import machine

LABELS, EDGE = 14, 256
OTHERS = ("grad-cam", "torchcam", "captum", "onnxruntime", "openvino")
Call = Callable[[], Any]


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


def _return_memory() -> None:
    """Give freed memory back to the system, so that it counts again for the next call (Linux)."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def measured(calls: dict[str, Call], rounds: int) -> dict[str, dict[str, float]]:
    """Run calls in turn; return the median CPU seconds, its range, and the extra memory of the first run."""
    memory, times = {}, {name: [] for name in calls}  # type: ignore[var-annotated]
    for name, call in calls.items():
        _return_memory()
        before = peak_memory_mb() if restart_peak_memory() else float("nan")
        call()
        memory[name] = round(peak_memory_mb() - before)
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.process_time()
            call()
            times[name].append(time.process_time() - start)
    return {
        name: {
            "cpu_seconds": statistics.median(values),
            "least": min(values),
            "most": max(values),
            "memory_mb": memory[name],
        }
        for name, values in times.items()
    }


def definitions(network: Classifier, x: torch.Tensor) -> dict[str, np.ndarray]:
    """Compute both maps of all labels (M, h, w) from their equations in float64, by autograd label by label."""
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


def map_calls(network: Classifier, x: torch.Tensor) -> dict[str, tuple[str, Call]]:
    """Return by library the kind of map and the call that gives all maps (M, h, w) as an array."""

    def each(one: Callable[[int], Any]) -> Call:
        return lambda: np.stack([np.asarray(one(label)).squeeze() for label in range(LABELS)])

    monai = MonaiGradCAM(network, "last")
    calls: dict[str, tuple[str, Call]] = {
        "monai_pylon HiResCAM": ("HiResCAM", lambda: HiResCAM(network, "last")(x, "all")[0].numpy()),
        "monai_pylon Grad-CAM": ("Grad-CAM", lambda: LayerGradCAM(network, "last")(x, "all")[0].numpy()),
        "MONAI GradCAM": ("Grad-CAM", each(lambda label: monai(x, class_idx=label))),
    }
    pytorch_grad_cam, found = optional_import("pytorch_grad_cam")
    if found:
        target = optional_import("pytorch_grad_cam.utils.model_targets", name="ClassifierOutputTarget")[0]
        for kind, name in (("HiResCAM", "HiResCAM"), ("Grad-CAM", "GradCAM")):
            cam = getattr(pytorch_grad_cam, name)(model=network, target_layers=[network.last])
            calls[f"pytorch-grad-cam {name}"] = (kind, each(lambda label, cam=cam: cam(x, [target(label)])))
    torchcam, found = optional_import("torchcam.methods", name="GradCAM")
    if found:

        def with_torchcam(label: int) -> Any:
            with torchcam(network, target_layer="last") as cam:
                return cam(label, network(x))[0].detach()

        calls["torch-cam GradCAM"] = ("Grad-CAM", each(with_torchcam))
    captum, found = optional_import("captum.attr", name="LayerGradCam")
    if found:
        layer = captum(network, network.last)
        calls["captum LayerGradCam"] = ("Grad-CAM", each(lambda label: layer.attribute(x, target=label).detach()))
    return calls


def compare_maps(rounds: int) -> dict[str, Any]:
    """Compare the maps of all labels of one image."""
    torch.manual_seed(0)
    network, x = Classifier().eval(), torch.randn(1, 1, EDGE, EDGE)
    exact, calls = definitions(network, x), map_calls(network, x)
    timed = {"forward pass": lambda: _quiet(network, x), **{name: call for name, (_, call) in calls.items()}}
    times = measured(timed, rounds)
    rows: dict[str, Any] = {}
    for name, (kind, call) in calls.items():
        rows[name] = {"kind": kind, **map_errors(call(), exact[kind])}
    for name, row in times.items():
        rows.setdefault(name, {}).update(row)
        rows[name]["forward_passes"] = row["cpu_seconds"] / times["forward pass"]["cpu_seconds"]
    return rows


def _quiet(network: nn.Module, x: torch.Tensor) -> Any:
    with torch.inference_mode():
        return network(x)


def _exported(network: nn.Module, x: torch.Tensor, folder: str) -> str:
    file = str(Path(folder, "network.onnx"))
    torch.onnx.export(network, (x,), file, dynamo=True, external_data=False, verbose=False)
    return file


def _runtimes(network: nn.Module, x: torch.Tensor, folder: str) -> dict[str, Call]:
    """Return calls of the runtimes that are installed, each with one thread."""
    calls: dict[str, Call] = {}
    onnxruntime, found = optional_import("onnxruntime")
    if not found or not optional_import("onnxscript")[1]:
        return calls
    file, array = _exported(network, x, folder), x.numpy()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    calls["onnxruntime"] = lambda: session.run(None, {name: array})
    openvino, found = optional_import("openvino")
    if found:
        settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        compiled = openvino.Core().compile_model(file, "CPU", settings)
        calls["OpenVINO"] = lambda: list(compiled([array]).values())
    return calls


def compare_inference(rounds: int, batch: int) -> dict[str, Any]:
    """Compare PYLON with ResNet-50, with its maps, and its plain encoder."""
    torch.manual_seed(0)
    net, x = PYLON(encoder="resnet50").eval(), torch.randn(batch, 1, EDGE, EDGE)
    exact = copy.deepcopy(net).double().explain(x.double()).attention.detach().numpy()
    encoder = make_encoder("resnet50", 2, 1).eval()
    nets = {
        "PYLON": net,
        "optimize_for_inference": optimize_for_inference(net),
        "optimize_for_inference, bfloat16": optimize_for_inference(net, torch.bfloat16),
    }
    calls: dict[str, Call] = {"plain ResNet-50": lambda: _quiet(encoder, x)}
    for name, one in nets.items():
        calls[name] = lambda one=one: [part.numpy() for part in _explained(one, x)]
    with tempfile.TemporaryDirectory() as folder:
        calls |= _runtimes(Explained(net), x, folder)
        rows: dict[str, Any] = measured(calls, rounds)
        for name, call in calls.items():
            rows[name]["over_encoder"] = rows[name]["cpu_seconds"] / rows["plain ResNet-50"]["cpu_seconds"]
            if name != "plain ResNet-50":
                maps = next(part for part in call() if np.asarray(part).ndim == 4)
                rows[name]["error"] = float(np.abs(maps - exact).max() / np.abs(exact).max())
    return rows


def _explained(net: nn.Module, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [part for part in net.explain(x) if part is not None]  # type: ignore[operator]


def compare_axialnet(groups: int, rounds: int) -> dict[str, Any]:
    """Compare AxialNet's optimized copies, on some slice groups of 420 x 420."""
    torch.manual_seed(0)
    net, x = AxialNet().eval(), torch.randn(1, 1, 420, 420, 3 * groups)
    nets = {
        "optimize_for_inference": optimize_for_inference(net),
        "optimize_for_inference, bfloat16": optimize_for_inference(net, torch.bfloat16),
    }
    if groups < 135:
        nets = {"AxialNet": net, **nets}
    rows: dict[str, Any] = measured({name: lambda one=one: _explained(one, x) for name, one in nets.items()}, rounds)
    return rows


def main() -> None:
    """Read the arguments, compare, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=8, help="images of the inference")
    parser.add_argument("--full", action="store_true", help="also AxialNet at 420 x 420 x 405")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    results: dict[str, Any] = {"maps": compare_maps(given.rounds)}
    results["inference"] = compare_inference(given.rounds, given.batch)
    results["axialnet_8_groups"] = compare_axialnet(8, given.rounds)
    if given.full:
        results["axialnet_420_420_405"] = compare_axialnet(135, 1)
    results["machine"] = machine(*OTHERS)
    given.output.write_text(json.dumps(results, indent=2) + "\n")
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
