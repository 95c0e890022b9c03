"""Command line: ``python -m tests.experiments.demo_checkpoints radiographs``, then the same with ``scans``.

Each trains a network on phantoms, tests it on others, and writes checkpoint, description and model card into the
package. A run that was stopped continues where it was: phantoms and states of the trainings lie in the work folder.
``model-card`` writes the model card anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from monai_pylon.workflows.chest_ct.grids import attention_geometry, attention_grid
from tests.experiments.demo_checkpoints import phantoms, release, training

#: Patients of each section.
COUNTS = {
    "radiographs": {"training": 2400, "validation": 100, "test": 300},
    "scans": {"training": 160, "validation": 12, "test": 32},
}


def section(part: str, name: str, count: int, work: Path) -> Any:
    """Render a section of patients, or read it."""
    if part == "radiographs":
        return phantoms.kept_radiographs(name, count, work)
    network = training.axialnet()
    grid = attention_grid(network, phantoms.CT_SIZE)
    geometry = attention_geometry(network, phantoms.CT_SIZE, True)
    return phantoms.scans(name, count, geometry, tuple(grid), work / "scans")


def train(part: str, work: Path) -> tuple[Any, dict[str, Any]]:
    """Train a network, and return it with facts about its training."""
    data = section(part, "training", COUNTS[part]["training"], work)
    if part == "radiographs":
        network: Any = training.train_pylon(data, work / "pylon.pt")
        states = ["pylon.pt"]
    else:
        network = training.train_axialnet(data, work)
        states = ["encoder.pt", "axialnet.pt"]
    saved = [torch.load(work / state, weights_only=True) for state in states]
    facts = {"patients": COUNTS[part]["training"], "first_seed": phantoms.SECTIONS["training"]}
    facts |= {"steps": sum(one["step"] for one in saved), "cpu_seconds": round(sum(one["seconds"] for one in saved))}
    return network, facts


def main() -> None:
    """Train and test a network, or write the model card."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.demo_checkpoints")
    parser.add_argument("part", choices=["radiographs", "scans", "model-card"])
    parser.add_argument("--work", type=Path, default=Path("demo_output") / "checkpoints")
    parser.add_argument("--section", choices=["validation", "test"], default="test")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.work.mkdir(parents=True, exist_ok=True)
    if args.part != "model-card":
        network, facts = train(args.part, args.work)
        release.save_half(args.part, network, {"training": facts})
        validation = section(args.part, "validation", COUNTS[args.part]["validation"], args.work)
        validated = release.validation_figures(args.part, network, validation)
        for name, row in validated["labels"].items():
            print("validation", name, row)
        if args.section == "test":
            data = section(args.part, "test", COUNTS[args.part]["test"], args.work)
            found = release.figures(args.part, release.shipped(args.part), data)
            for name, row in found["labels"].items():
                print("test", name, row)
            facts["test_seed"] = phantoms.SECTIONS["test"]
            release.save_half(args.part, network, {"training": facts, "figures": found, "validation": validated})
    if args.section == "test" and all(file.is_file() for file in release.FILES.values()):
        release.write_card()


if __name__ == "__main__":
    main()
