"""Demo to run first: organ masks of a chest CT, PYLON on phantom radiographs, and AxialNet on phantom CTs.

``python -m monai_pylon.workflows.demo`` makes a phantom CT and compares its organ masks with the true organs. It then
trains PYLON and a backbone without decoder for a minute and compares where they point, and AxialNet for three minutes
without and with the mask loss. ``--ct PATH`` takes a NIfTI, NRRD or MHA file, a folder with a DICOM series, or a folder
with many scans, and skips the trainings.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path

import nibabel
import numpy as np
from monai.bundle import run

from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports.nifti import save_label_nifti, save_volume_nifti
from monai_pylon.taxonomy.organs import OK_MEANING, ORGAN_VALUES
from monai_pylon.utils import check, read_rows
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.cohort.inputs import list_scans
from monai_pylon.workflows.demo.axialnet import axialnet_demo
from monai_pylon.workflows.demo.pylon import localization_demo

__all__ = ["dice_by_organ"]


def dice_by_organ(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Compute the Dice coefficient of each organ.

    Args:
        found: Organ labels (X, Y, Z).
        truth: True organ labels (X, Y, Z).

    Returns:
        Dice coefficient by organ, 0 to 1; NaN if neither has the organ.

    Raises:
        ValueError: If the shapes differ.

    Example:
        >>> dice = dice_by_organ(np.array([[[1, 1, 3]]]), np.array([[[1, 0, 3]]]))
        >>> {organ: round(value, 2) for organ, value in dice.items()}
        {'right lung': 0.67, 'mediastinum': nan, 'left lung': 1.0}
    """
    check(found.shape == truth.shape, "found", f"of the truth's shape {truth.shape}", found)
    dice = {}
    for organ, value in ORGAN_VALUES.items():
        a, b = found == value, truth == value
        total = int(a.sum() + b.sum())
        dice[organ] = 2 * int((a & b).sum()) / total if total else float("nan")
    return dice


def _write_phantom(folder: Path) -> tuple[Path, Path]:
    """Write a phantom CT and its organs, and return the paths of both."""
    phantom = phantom_chest_ct(0)
    scan, truth = folder / "phantom_ct.nii.gz", folder / "phantom_truth.nii.gz"
    save_volume_nifti(scan, phantom.image, phantom.affine)
    save_label_nifti(truth, phantom.organs, phantom.affine)
    return scan, truth


def _print_masks(output: Path, scans: set[str], truth: Path | None) -> None:
    """Print verdict and files of each scan, and the Dice coefficients if the true organs are known."""
    rows = [row for row in read_rows(output / "quality.csv") if row["scan"] in scans]
    print(f"\nThe results are in {output.resolve()}:")
    for row in rows:
        verdict = f"ok ({OK_MEANING})" if row["ok"] == "yes" else f"check by eye ({row['reasons']})"
        print(f"\n  {row['scan']}: {row['error'] or verdict}")
        for name in filter(None, row["files"].split("; ")):
            print(f"    {name:40} {'organ masks' if name.endswith('.gz') else 'image: look at it first'}")
    print(f"\n    {'quality.csv':40} verdict, volumes, time and memory of each scan")
    if truth is not None and rows[0]["files"]:
        found = nibabel.nifti1.load(output / rows[0]["files"].split("; ")[0])
        dice = dice_by_organ(np.asarray(found.dataobj), np.asarray(nibabel.nifti1.load(truth).dataobj))
        agreement = ", ".join(f"{organ} {value:.3f}" for organ, value in dice.items())
        print(f"\n  Dice against the phantom's true organs: {agreement}")


def _print_table(rows: list[dict[str, float | str]]) -> None:
    """Print a row for each network and a column for each number."""
    columns = [name for name in rows[0] if name != "network"]
    print(f"\n  {'':20}" + "".join(f"{name:>20}" for name in columns))
    for row in rows:
        print(f"  {row['network']:20}" + "".join(f"{row.get(name, ''):>20}" for name in columns))


def _print_files(output: Path, name: str) -> None:
    """Print the names of a figure and a table, and their folder."""
    print(f"    {f'{name}.png':40} image")
    print(f"    {f'{name}.csv':40} the numbers above")
    print(f"  Both files are in {output.resolve()}")


def _run_axialnet(output: Path, epochs: int) -> None:
    """Run and print the part with AxialNet."""
    print("\nCT: training AxialNet on phantoms in which body fat goes with nodules and masses ...", flush=True)
    rows = axialnet_demo(output, epochs=epochs)
    print("\n  Does the network look at the lungs or at the fat? OrganIoU on test patients: the share of a finding's")
    print("  strongest evidence that lies in the finding's allowed region.")
    _print_table(rows)
    print("\n  One seed and a short training: a demonstration, not an experiment. In a shorter training (--epochs 12)")
    print("  the mask loss gave no gain: .31 without, .25 with it. For several seeds with intervals, see")
    print("  docs/researchers/axialnet_evidence.md.")
    _print_files(output, "axialnet_demo")


def _run_pylon(output: Path, steps: int) -> None:
    """Run and print the part with PYLON."""
    print("\nRadiographs: training an encoder, PYLON and a backbone on phantom radiographs ...", flush=True)
    rows = localization_demo(output, steps=steps)
    print("\n  Where does each network point on test radiographs? Share of findings with the map's peak in their box.")
    _print_table(rows)
    print("\n  One seed and a short training: a demonstration, not an experiment. Other seeds give other numbers.")
    print("  The settings were chosen after about eight trials, by this table. In one trial (128 pixels, encoder not")
    print("  pretrained) the backbone was better, .43 against .17, so this is no evidence for either network.")
    _print_files(output, "pylon_demo")


def run_demo() -> None:
    """Run the demo with the arguments of the command line."""
    description = "Make organ masks of a chest CT. Without --ct, also train PYLON and AxialNet on phantoms."
    parser = argparse.ArgumentParser(prog="python -m monai_pylon.workflows.demo", description=description)
    parser.add_argument("--ct", default="", help="a scan or a folder with many; without it, a phantom is made")
    parser.add_argument("--output", default="demo_output", help="folder for the results")
    parser.add_argument("--steps", type=int, default=70, help="steps of each of the three trainings on radiographs")
    parser.add_argument("--epochs", type=int, default=40, help="epochs of each of the three trainings on CTs")
    args = parser.parse_args()
    output, truth, scan = Path(args.output), None, args.ct
    if not scan:
        print("No CT is given (--ct PATH), so a phantom CT is made.")
        phantom, truth = _write_phantom(output / "phantom")
        scan = str(phantom)
    config = bundle_folder("chest_ct_partition") / "configs" / "inference.json"
    scans = {item["scan"] for item in list_scans(scan, leave_out=output)}
    try:
        with warnings.catch_warnings():  # MONAI warns of untrusted configurations; this one belongs to the package
            warnings.filterwarnings("ignore", message="parsing config_file")
            run(config_file=str(config), input=scan, output=str(output))
    finally:  # if a scan fails, the run exits with an error code; the table still has the reason
        _print_masks(output, scans, truth)
    if not args.ct:
        _run_pylon(output, args.steps)
        _run_axialnet(output, args.epochs)
