"""Cost of int8: both of the demo's networks after static quantization by onnxruntime, on held-out phantoms.

``python -m tests.experiments.int8 FOLDER [--radiographs 60] [--scans 16]`` exports each network with its maps,
calibrates it on validation phantoms, and prints AUROC, localization and CPU time in float32 and in int8 as JSON. The
folder keeps the phantoms. The trivial baselines of the same phantoms, a random place and the center, are printed too.
The last convolution, whose output is the map, stays in float32 in one of the two int8 networks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime import InferenceSession, SessionOptions
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from monai_pylon.networks import Explained
from tests.experiments.demo_checkpoints.__main__ import section
from tests.experiments.demo_checkpoints.measures import LABELS, PLACES, radiograph_cases, scan_cases, summary
from tests.experiments.demo_checkpoints.phantoms import radiographs_with_kept_labels, scans_with_kept_labels
from tests.experiments.demo_checkpoints.release import shipped
from tests.experiments.machine import versions

CALIBRATION, ROUNDS = 8, 5


class Images(CalibrationDataReader):
    """Images (1, C, *spatial) for calibration, one after the other."""

    def __init__(self, name: str, images: torch.Tensor) -> None:
        self.feeds = iter([{name: image[None].numpy()} for image in images])

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next image, or None."""
        return next(self.feeds, None)


def session_of(file: Path) -> InferenceSession:
    """Load a network for one thread."""
    options = SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def runtimes(network: torch.nn.Module, images: torch.Tensor, folder: Path) -> dict[str, InferenceSession]:
    """Export a network and quantize it, with and without its last convolution."""
    plain, prepared = folder / "float32.onnx", folder / "prepared.onnx"
    torch.onnx.export(Explained(network), (images[:1],), str(plain), dynamo=True, external_data=False, verbose=False)
    quant_pre_process(str(plain), str(prepared), skip_symbolic_shape=True)
    graph = onnx.load(str(prepared)).graph
    last = [node.name for node in graph.node if node.op_type in ("Conv", "MatMul", "Gemm")][-1]
    sessions = {"float32": session_of(plain)}
    for name, excluded in (("int8", []), ("int8, last layer float32", [last])):
        file = folder / f"{name}.onnx"
        quantize_static(
            str(prepared),
            str(file),
            Images(graph.input[0].name, images),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=excluded,
            extra_options={"WeightSymmetric": True, "ActivationSymmetric": False},
        )
        sessions[name] = session_of(file)
    return sessions


def explainer(session: InferenceSession) -> Callable[[torch.Tensor], tuple[torch.Tensor, ...]]:
    """Return the function from images to logits, maps and slice scores, image by image."""
    name = session.get_inputs()[0].name

    def explain(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        parts = [session.run(None, {name: image[None].numpy()}) for image in images]
        return tuple(torch.from_numpy(np.concatenate(part)) for part in zip(*parts, strict=True))

    return explain


def cpu_seconds(explains: dict[str, Any], image: torch.Tensor) -> dict[str, float]:
    """Return the median CPU seconds of one image, all runtimes in turn."""
    times: dict[str, list[float]] = {name: [] for name in explains}
    with torch.inference_mode():
        for round_ in range(ROUNDS + 1):
            for name, explain in explains.items():
                start = time.process_time()
                explain(image[None])
                if round_:  # the first one warms up
                    times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def measure(part: str, network: Any, calibration: torch.Tensor, test: Any, folder: Path) -> dict[str, Any]:
    """Return the figures of one network in each precision."""
    folder.mkdir(parents=True, exist_ok=True)
    cases_of: Any = radiograph_cases if part == "radiographs" else scan_cases
    explains = {name: explainer(session) for name, session in runtimes(network, calibration, folder).items()}
    rows = {}
    for name, explain in {"PyTorch": network.explain, **explains}.items():
        logits, cases = cases_of(network, test, explain)
        figures = summary(LABELS[part], PLACES[part], logits, test.labels, cases)
        rows[name] = {"patients": figures["patients"], **figures["labels"]["all"]}
    for name, seconds in cpu_seconds(explains, calibration[0]).items():
        rows[name]["cpu_seconds"] = round(seconds, 4)
    return rows


def main(arguments: list[str]) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--radiographs", type=int, default=60)
    parser.add_argument("--scans", type=int, default=16)
    args = parser.parse_args(arguments)
    args.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    results: dict[str, Any] = {"versions": versions("torch", "onnx", "onnxruntime", "numpy")}
    if args.radiographs:
        network = shipped("radiographs")
        calibration = section("radiographs", "validation", CALIBRATION, args.folder).images
        test = radiographs_with_kept_labels(section("radiographs", "test", args.radiographs, args.folder))
        results["PYLON"] = measure("radiographs", network, calibration, test, args.folder / "pylon")
        print(json.dumps(results, indent=1), flush=True)
    if args.scans:
        network = shipped("scans")
        calibration = section("scans", "validation", CALIBRATION, args.folder).images[:, None].float() / 255 - 0.449
        test = scans_with_kept_labels(section("scans", "test", args.scans, args.folder))
        results["AxialNet"] = measure("scans", network, calibration, test, args.folder / "axialnet")
        print(json.dumps(results["AxialNet"], indent=1))


if __name__ == "__main__":
    main(sys.argv[1:])
