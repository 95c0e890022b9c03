"""Command line: ``python -m tests.experiments.short_trainings`` trains and prints the comparisons."""

from __future__ import annotations

import argparse
from pathlib import Path

from tests.experiments.short_trainings.axialnet import axialnet_demo
from tests.experiments.short_trainings.pylon import localization_demo

__all__: list[str] = []


def print_table(rows: list[dict[str, float | str]]) -> None:
    """Print a row for each network and a column for each number."""
    columns = [name for name in rows[0] if name != "network"]
    print(f"\n  {'':20}" + "".join(f"{name:>20}" for name in columns))
    for row in rows:
        print(f"  {row['network']:20}" + "".join(f"{row.get(name, ''):>20}" for name in columns))


def main() -> None:
    """Run both comparisons."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.short_trainings")
    parser.add_argument("--output", type=Path, default=Path("demo_output") / "short_trainings")
    parser.add_argument("--steps", type=int, default=70, help="steps of each of the three trainings on radiographs")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of each of the three trainings on CTs")
    args = parser.parse_args()
    print("Radiographs: training an encoder, PYLON and a backbone on phantom radiographs ...", flush=True)
    print_table(localization_demo(args.output, steps=args.steps))
    print("\n  Where does each network point? Share of findings with the map's peak in their box. One seed and a short")
    print("  training: other seeds give other numbers. The settings were chosen after about eight trials, by this")
    print("  table. In one trial (128 pixels, encoder not pretrained) the backbone was better, .43 against .17, so")
    print("  this is no evidence for either network.")
    print("\nCT: training AxialNet on phantoms in which body fat goes with nodules and masses ...", flush=True)
    print_table(axialnet_demo(args.output, epochs=args.epochs))
    print("\n  OrganIoU: the share of a finding's strongest evidence that lies in its allowed region. One seed. In a")
    print("  shorter training (--epochs 12) the mask loss gave no gain: .31 without, .25 with it. For several seeds")
    print("  with intervals, see docs/researchers/axialnet_evidence.md.")
    print(f"\nTables and figures are in {args.output.resolve()}")


if __name__ == "__main__":
    main()
