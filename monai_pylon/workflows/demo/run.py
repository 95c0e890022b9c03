"""The first thing to run: organ masks of one chest CT, by the bundle, PYLON on phantom radiographs, AxialNet on CTs.

``python -m monai_pylon.workflows.demo`` makes a phantom CT and compares with its known organs; then trains PYLON and
the plain backbone for a minute and compares where they point; then AxialNet for three minutes, without and with the
mask loss. ``--ct PATH`` takes a NIfTI, NRRD or MHA file, a folder with a DICOM series, or a folder with many scans, and
leaves the trainings out.
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
from monai_pylon.taxonomy import ORGAN_VALUES
from monai_pylon.utils import check, read_rows
from monai_pylon.workflows.bundle.folders import bundle_folder
from monai_pylon.workflows.cohort.inputs import list_scans
from monai_pylon.workflows.demo.axialnet import axialnet_demo
from monai_pylon.workflows.demo.pylon import localization_demo

__all__ = ["dice_by_organ"]


def dice_by_organ(found: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """How well organ labels agree with a truth.

    Args:
        found: (X, Y, Z), organ labels.
        truth: (X, Y, Z), organ labels.

    Returns:
        Dice coefficient by organ, 0 to 1; NaN where neither has the organ.

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
    """Write a phantom CT and its organs; gives the paths of both."""
    phantom = phantom_chest_ct(0)
    scan, truth = folder / "phantom_ct.nii.gz", folder / "phantom_truth.nii.gz"
    save_volume_nifti(scan, phantom.image, phantom.affine)
    save_label_nifti(truth, phantom.organs, phantom.affine)
    return scan, truth


def _tell(output: Path, scans: set[str], truth: Path | None) -> None:
    rows = [row for row in read_rows(output / "quality.csv") if row["scan"] in scans]
    print(f"\nThe results lie in {output.resolve()}:")
    for row in rows:
        verdict = "ok" if row["ok"] == "yes" else f"check by eye ({row['reasons']})"
        print(f"\n  {row['scan']}: {row['error'] or verdict}")
        for name in filter(None, row["files"].split("; ")):
            print(f"    {name:40} {'organ labels' if name.endswith('.gz') else 'a picture: look at it first'}")
    print(f"\n    {'quality.csv':40} verdict, volumes, seconds and memory of each scan")
    if truth is not None and rows[0]["files"]:
        found = nibabel.nifti1.load(output / rows[0]["files"].split("; ")[0])
        dice = dice_by_organ(np.asarray(found.dataobj), np.asarray(nibabel.nifti1.load(truth).dataobj))
        agreement = ", ".join(f"{organ} {value:.3f}" for organ, value in dice.items())
        print(f"\n  Dice against the phantom's known organs: {agreement}")


def _print_table(rows: list[dict[str, float | str]]) -> None:
    columns = [name for name in rows[0] if name != "network"]
    print(f"\n  {'':20}" + "".join(f"{name:>20}" for name in columns))
    for row in rows:
        print(f"  {row['network']:20}" + "".join(f"{row.get(name, ''):>20}" for name in columns))


def _show_axialnet(output: Path, epochs: int) -> None:
    print("\nCT: AxialNet learns on phantoms of whom the stouter have more nodules and masses ...", flush=True)
    rows = axialnet_demo(output, epochs=epochs)
    print(
        "\n  Does it look at the lungs, or at the fat? OrganIoU of patients it has not seen: the share of a finding's"
    )
    print("  strongest evidence that lies in the organ in which the finding may be.")
    _print_table(rows)
    print("\n  One seed and a short training: a demonstration, no experiment. In a shorter one (--epochs 12) the mask")
    print("  loss gained nothing, .31 to .25. Several seeds, with intervals: docs/researchers/axialnet_evidence.md")
    for name, what in (("axialnet_demo.png", "a picture: look at it"), ("axialnet_demo.csv", "these numbers")):
        print(f"    {name:40} {what}")
    print(f"  These lie in {output.resolve()}")


def _show_radiographs(output: Path, steps: int) -> None:
    print("\nRadiographs: an encoder, then PYLON and the plain backbone learn on phantom radiographs ...", flush=True)
    rows = localization_demo(output, steps=steps)
    print(
        "\n  Where does each point, of radiographs it has not seen? Shares of findings whose box holds the map's peak."
    )
    _print_table(rows)
    print("\n  One seed and a short training: a demonstration, no experiment. Other seeds give other numbers.")
    print("  The settings were chosen after about eight trials with an eye on this table. In another one (128 px, no")
    print("  encoder trained before) the backbone pointed better, .43 against .17: this is no evidence for either.")
    for name, what in (("pylon_demo.png", "a picture: look at it"), ("pylon_demo.csv", "these numbers")):
        print(f"    {name:40} {what}")
    print(f"  These lie in {output.resolve()}")


def main() -> None:
    """Run the demo as the command line asks."""
    parser = argparse.ArgumentParser(prog="python -m monai_pylon.workflows.demo", description=__doc__)
    parser.add_argument("--ct", default="", help="a scan, or a folder with many; empty: a phantom made on the spot")
    parser.add_argument("--output", default="demo_output", help="the folder for the results")
    parser.add_argument("--steps", type=int, default=70, help="of each of the three trainings on radiographs")
    parser.add_argument("--epochs", type=int, default=40, help="of each of the three trainings on CTs")
    args = parser.parse_args()
    output, truth, scan = Path(args.output), None, args.ct
    if not scan:
        print("No CT was given (--ct PATH): making a phantom, a chest CT of a patient who does not exist.")
        made, truth = _write_phantom(output / "phantom")
        scan = str(made)
    config = bundle_folder("chest_ct_partition") / "configs" / "inference.json"
    scans = {item["scan"] for item in list_scans(scan, leave_out=output)}
    try:
        with warnings.catch_warnings():  # MONAI warns of configurations from strangers; this one is the package's own
            warnings.filterwarnings("ignore", message="parsing config_file")
            run(config_file=str(config), input=scan, output=str(output))
    finally:  # a scan that failed ends the run with an error code, but its row tells why
        _tell(output, scans, truth)
    if not args.ct:
        _show_radiographs(output, args.steps)
        _show_axialnet(output, args.epochs)
