"""PYLON with ResNet-50 and its maps: optimized copies, onnxruntime, and the plain ResNet-50 as baseline."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.utils import optional_import
from torch import nn

from monai_pylon.networks import Explained, make_encoder
from monai_pylon.networks.nets import PYLON
from tests.experiments.side_by_side.axialnet import networks
from tests.experiments.side_by_side.measurement import Call, explained, measured, memories, quiet

EDGE = 256
BASELINE = "plain ResNet-50"


def images(batch: int) -> torch.Tensor:
    """Return the same random images for each row."""
    return torch.randn(batch, 1, EDGE, EDGE, generator=torch.Generator().manual_seed(1))


def _pylon() -> nn.Module:
    return PYLON(encoder="resnet50")


def export(folder: str) -> str | None:
    """Export PYLON for batches of any size if onnxruntime is installed; return the file."""
    if not (optional_import("onnxruntime")[1] and optional_import("onnxscript")[1]):
        return None
    file = str(Path(folder, "network.onnx"))
    net = Explained(networks(_pylon, False)["plain"]())
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    settings = {"dynamo": True, "external_data": False, "verbose": False, "dynamic_shapes": dynamic}
    torch.onnx.export(net, (images(2),), file, **settings)
    return file


def _onnxruntime(file: str, batch: int) -> Call:
    onnxruntime = optional_import("onnxruntime")[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    name, array = session.get_inputs()[0].name, images(batch).numpy()
    return lambda: session.run(None, {name: array})


def rows(batch: int, openvino: bool, file: str | None) -> dict[str, Callable[[], Call]]:
    """Return by name the function that builds the call. The baseline gives no maps."""

    def baseline() -> Call:
        torch.manual_seed(0)
        net, x = make_encoder("resnet50", 2, 1).eval(), images(batch)
        return lambda: quiet(net, x)

    def build(make: Callable[[], nn.Module]) -> Call:
        net, x = make(), images(batch)
        return lambda: [part.numpy() for part in explained(net, x)]

    made = networks(_pylon, openvino)
    made = {"PYLON": made.pop("plain"), **made}
    found = {BASELINE: baseline, **{name: lambda make=make: build(make) for name, make in made.items()}}
    if file is not None:
        found["onnxruntime"] = lambda: _onnxruntime(file, batch)
    return found


def compare(rounds: int, batches: list[int], openvino: bool) -> dict[str, Any]:
    """Compare all rows for each size of batch, with the ratio to the baseline in each round."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = export(folder)
        for batch in batches:
            settings = {"batch": batch, "openvino": openvino, "file": file}
            with torch.no_grad():
                net: Any = networks(_pylon, False)["plain"]().double()
                exact = net.explain(images(batch).double()).attention.numpy()
            del net
            calls = {name: build() for name, build in rows(**settings).items()}
            table: dict[str, Any] = measured(calls, rounds)
            for name, call in calls.items():
                pairs = zip(table[name]["runs"], table[BASELINE]["runs"], strict=True)
                table[name]["over_encoder"] = table[name]["cpu_seconds"] / table[BASELINE]["cpu_seconds"]
                table[name]["over_encoder_in_each_round"] = [one / other for one, other in pairs]
                if name != BASELINE:
                    maps = next(part for part in call() if np.asarray(part).ndim == 4)
                    table[name]["error"] = float(np.abs(maps - exact).max() / np.abs(exact).max())
            found[f"batch_{batch}"] = table
            del calls
    return found


def memory_of_rows(batches: list[int], openvino: bool) -> dict[str, dict[str, Any]]:
    """Measure the memory of all rows for each size of batch."""
    with tempfile.TemporaryDirectory() as folder:
        file = export(folder)
        settings = [{"batch": batch, "openvino": openvino, "file": file} for batch in batches]
        return {f"batch_{one['batch']}": memories("inference", rows(**one), **one) for one in settings}
