"""Check and time everything on a GPU in ten minutes: ``python -m tests.experiments.gpu_readiness results.json``.

Training steps of both bundles at the papers' sizes, inference (eager, optimized, compiled, bfloat16), maps, their error
in bfloat16, peak memory, and the share of a training step outside of forward and backward pass. A part that fails
is recorded with its error, and the others go on. ``--small`` is a dry run in a minute, also without a GPU.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from ignite.engine import Events
from monai.engines import IterationEvents
from torch import nn

from monai_pylon.data import phantom_chest_ct
from monai_pylon.networks import optimize_for_inference
from monai_pylon.networks.nets import PYLON, AxialNet
from monai_pylon.transforms import partition_organs
from monai_pylon.visualize import HiResCAM
from monai_pylon.workflows.bundle import CheckedWorkflow
from monai_pylon.workflows.bundle.folders import bundle_folder
from tests.experiments.machine import machine

XRAY, CT = "chest_xray_classification_pylon", "chest_ct_classification_axialnet"


class Sizes(NamedTuple):
    """Sizes of a run."""

    encoder: str
    edge: int
    batch: int
    volume: tuple[int, int, int]
    padding: int
    spacing: tuple[float, float, float]
    steps: int


FULL = Sizes("resnet50", 256, 64, (420, 420, 405), 0, (0.8, 0.8, 0.8), 12)
SMALL = Sizes("resnet18", 64, 4, (64, 64, 12), 1, (5.6, 5.6, 27.0), 3)


def synchronize(device: torch.device) -> float:
    """Wait for the device, and return the time."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def timed(call: Callable[[], Any], device: torch.device, rounds: int) -> dict[str, Any]:
    """Return the median seconds of a call after two calls, and the peak memory of the device."""
    with torch.inference_mode(False), torch.no_grad():
        for _ in range(2):
            call()
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        seconds = []
        for _ in range(rounds):
            start = synchronize(device)
            call()
            seconds.append(synchronize(device) - start)
    peak = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
    return {"seconds": statistics.median(seconds), "peak_gb": peak}


def training(name: str, device: torch.device, amp: bool, settings: dict[str, Any], items: int) -> dict[str, Any]:
    """Train for one epoch with a bundle, and time the parts of its steps without the first two."""
    marks: dict[str, list[float]] = {}

    def mark(part: str) -> Callable[[Any], None]:
        return lambda _: marks.setdefault(part, []).append(synchronize(device))

    with tempfile.TemporaryDirectory() as folder:
        file = str(bundle_folder(name) / "configs" / "train.json")
        given = {"bundle_root": folder, "max_epochs": 1, "val_interval": 2, "progress": False, "tensorboard": False}
        given |= {"device": f"$torch.device({str(device)!r})", "amp": amp, "weights": "scratch", **settings}
        workflow = CheckedWorkflow(file, logging_file=False, workflow_type="train", **given)
        workflow.initialize()
        trainer = workflow.trainer
        for part, event in (
            ("waited", Events.GET_BATCH_STARTED),
            ("started", Events.ITERATION_STARTED),
            ("forward", IterationEvents.FORWARD_COMPLETED),
            ("backward", IterationEvents.BACKWARD_COMPLETED),
            ("ended", Events.ITERATION_COMPLETED),
        ):
            trainer.add_event_handler(event, mark(part))
        workflow.run()
        loss = float(trainer.state.output["loss"])
    count = len(marks["ended"])
    steps = [{part: times[number] for part, times in marks.items()} for number in range(min(2, count - 1), count)]
    step = statistics.median(one["ended"] - one["waited"] for one in steps)
    passes = statistics.median(one["backward"] - one["started"] for one in steps)
    peak = torch.cuda.max_memory_allocated(device) / 1e9 if device.type == "cuda" else None
    return {
        "seconds_a_step": step,
        "items_a_second": items / step,
        "share_outside_forward_and_backward": 1 - passes / step,
        "loss": loss,
        "peak_gb": peak,
    }


def networks(net: nn.Module, compiled: bool) -> dict[str, Callable[[], nn.Module]]:
    """Return makers of the network's forms."""
    forms: dict[str, Callable[[], nn.Module]] = {
        "eager": lambda: net,
        "optimized": lambda: optimize_for_inference(net),
        "optimized bfloat16": lambda: optimize_for_inference(net, torch.bfloat16),
    }
    if compiled:
        forms["compiled"] = lambda: torch.compile(net)  # type: ignore[dict-item, return-value]
    return forms


def inference(net: nn.Module, x: torch.Tensor, items: int, rounds: int, compiled: bool) -> dict[str, Any]:
    """Time all forms of a network, and compare their maps with those in float32 without TF32."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    with torch.no_grad():
        exact = net.explain(x)  # type: ignore[operator]
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    rows: dict[str, Any] = {}
    for name, make in networks(net, compiled).items():
        rows[name] = attempt(lambda make=make: _one_form(make(), x, exact, rounds, items))

    def mixed() -> Any:
        with torch.autocast(x.device.type, torch.bfloat16):
            return net.explain(x)  # type: ignore[operator]

    rows["autocast bfloat16"] = attempt(lambda: {**timed(mixed, x.device, rounds), **_error(mixed(), exact)})
    rows["maps of all labels by HiResCAM"] = attempt(lambda: _maps(net, x[:1], rounds))
    return rows


def _one_form(form: nn.Module, x: torch.Tensor, exact: Any, rounds: int, items: int) -> dict[str, Any]:
    row = timed(lambda: form(x), x.device, rounds)
    row["items_a_second"] = items / row["seconds"]
    if hasattr(form, "explain") and not hasattr(form, "_orig_mod"):
        row |= _error(form.explain(x), exact)
    return row


def _error(found: Any, exact: Any) -> dict[str, float]:
    difference = (found.attention.float() - exact.attention).abs().max() / exact.attention.abs().max()
    return {"largest_error_of_maps": float(difference)}


def _maps(net: nn.Module, x: torch.Tensor, rounds: int) -> dict[str, Any]:
    layer = "reduction" if isinstance(net, AxialNet) else "decoder"
    cam = HiResCAM(copy.deepcopy(net), layer)
    seconds = []
    for _ in range(rounds):
        start = synchronize(x.device)
        cam(x, "all")
        seconds.append(synchronize(x.device) - start)
    return {"seconds": statistics.median(seconds)}


def organs(sizes: Sizes) -> dict[str, Any]:
    """Time the organ masks of a phantom, which are made by the CPU."""
    shape = (210, 210, 200) if sizes is FULL else (60, 54, 54)
    phantom = phantom_chest_ct(0, shape, tuple(360.0 / n for n in shape))
    start, cpu = time.perf_counter(), time.process_time()
    partition_organs(phantom.image, phantom.affine)
    return {"shape": shape, "seconds": time.perf_counter() - start, "cpu_seconds": time.process_time() - cpu}


def attempt(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run a part, or return its error."""
    try:
        return part()
    except Exception as error:  # the other parts are worth running
        return {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"}
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def parts(sizes: Sizes, device: torch.device, compiled: bool) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return the parts of the check, the most important first."""
    xray = {"encoder": sizes.encoder, "image_size": sizes.edge, "batch_size": sizes.batch}
    xray |= {"phantoms": sizes.batch * sizes.steps}
    ct: dict[str, Any] = {"image_size": list(sizes.volume), "spacing": list(sizes.spacing), "phantoms": 2}
    ct |= {"network_settings": {"reduction_padding": sizes.padding}, "num_workers": 0}
    rounds = sizes.steps

    def pylon() -> dict[str, Any]:
        torch.manual_seed(0)
        net = PYLON(encoder=sizes.encoder).eval().to(device)
        x = torch.randn(sizes.batch, 1, sizes.edge, sizes.edge, device=device)
        return inference(net, x, sizes.batch, rounds, compiled)

    def axialnet() -> dict[str, Any]:
        torch.manual_seed(0)
        net = AxialNet(in_plane_size=sizes.volume[:2], reduction_padding=sizes.padding).eval().to(device)
        return inference(net, torch.randn(1, 1, *sizes.volume, device=device), 1, 3, compiled)

    return {
        "pylon_inference": pylon,
        "axialnet_inference": axialnet,
        "pylon_training_amp": lambda: training(XRAY, device, True, xray, sizes.batch),
        "axialnet_training_amp": lambda: training(CT, device, True, ct, 1),
        "pylon_training_float32": lambda: training(XRAY, device, False, xray, sizes.batch),
        "axialnet_training_float32": lambda: training(CT, device, False, ct, 1),
        "organ_masks": lambda: organs(sizes),
    }


def main() -> None:
    """Read the arguments, run the parts, and write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--small", action="store_true", help="a dry run at small sizes")
    parser.add_argument("--minutes", type=float, default=9.0, help="start no part after this time")
    parser.add_argument("--no-compile", action="store_true", help="without torch.compile")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    start, sizes = time.monotonic(), SMALL if given.small else FULL
    results: dict[str, Any] = {"machine": machine(), "sizes": sizes._asdict()}
    for name, part in parts(sizes, device, not given.no_compile).items():
        began = time.monotonic() - start
        late = began > 60 * given.minutes
        results[name] = {"error": "skipped: no time left"} if late else attempt(part)
        results[name]["took_s"] = round(time.monotonic() - start - began, 1)
        given.output.write_text(json.dumps(results, indent=2) + "\n")
        print(name, json.dumps(results[name]), flush=True)


if __name__ == "__main__":
    main()
