"""Time, memory and error beside other libraries: ``python -m tests.experiments.side_by_side results.json [--full]``.

Whatever is installed takes part: pytorch-grad-cam (``grad-cam``), torch-cam (``torchcam``), captum and MONAI for maps;
onnxruntime and OpenVINO for inference. All run on one thread and in turn, so that other programs slow all of them.
Memory is a section of its own, a new process for each row. ``--full`` adds AxialNet at 420 x 420 x 405, also a
process for each row. ``--sections`` measures some parts and leaves the others in the file as they are. The page
docs/researchers/side_by_side.md shows a run.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

import torch

from tests.experiments.machine import machine
from tests.experiments.side_by_side import axialnet, inference, maps

OTHERS = ("grad-cam", "torchcam", "captum", "onnxruntime", "openvino")
SECTIONS = ("maps", "inference", "axialnet_8_groups", "memory")


def main() -> None:
    """Read the arguments, compare, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="JSON file to write")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="images of the inference")
    parser.add_argument("--sections", nargs="*", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--full", action="store_true", help="also AxialNet at 420 x 420 x 405")
    parser.add_argument(
        "--full-rounds", type=int, default=3, help="runs of each row at 420 x 420 x 405 after the first"
    )
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    openvino = importlib.util.find_spec("openvino") is not None
    results: dict[str, Any] = json.loads(given.output.read_text()) if given.output.exists() else {}

    def keep(section: str, found: dict[str, Any]) -> None:
        results[section] = {"rows": found, "machine": machine(*OTHERS)}
        given.output.write_text(json.dumps(results, indent=2) + "\n")

    if "maps" in given.sections:
        keep("maps", maps.compare(given.rounds))
    if "inference" in given.sections:
        keep("inference", inference.compare(given.rounds, given.batches, openvino))
    if "axialnet_8_groups" in given.sections:
        keep("axialnet_8_groups", axialnet.compare(8, given.rounds, openvino))
    if "memory" in given.sections:
        rows = {"maps": maps.memory_of_rows()}
        keep("memory", {**rows, **inference.memory_of_rows(given.batches, openvino)})
    if given.full:
        keep("axialnet_420_420_405", axialnet.compare(axialnet.ALL, given.full_rounds, openvino))
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
