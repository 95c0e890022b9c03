"""Command ``organs``: masks of the lungs and the mediastinum of chest CTs."""

from __future__ import annotations

from pathlib import Path

import click

from monai_pylon.workflows.commands.dicom_options import dicom_settings
from monai_pylon.workflows.commands.run import (
    CONTEXT,
    cohort_options,
    input_or_phantom,
    one_line_errors,
    open_results,
    run_bundle,
    series_option,
)
from monai_pylon.workflows.demo.phantoms import write_phantom_ct

__all__ = ["organs"]


@click.command(context_settings=CONTEXT, epilog="Example: monai-pylon organs scans/ --output results")
@cohort_options
@click.option(
    "--method",
    type=click.Choice(["robust", "paper"]),
    default="robust",
    show_default=True,
    help="robust: any spacing and orientation. paper: the steps of the authors.",
)
@click.option(
    "--fallback",
    type=click.Choice(["center_half", "middle_two_thirds", "none"]),
    default="center_half",
    show_default=True,
    help="Boxes in place of a mask without lungs: as in the paper, as in its program, or none.",
)
@series_option
@click.option(
    "--min-lung-ml",
    default=512.0,
    show_default=True,
    type=click.FloatRange(min=0, max=12_000, min_open=True),
    help="Least volume of both lungs together in mL.",
)
@one_line_errors
def organs(
    input_: Path,
    output: Path,
    pictures: bool,
    page: bool,
    progress: bool,
    workers: int,
    scheduler: str | None,
    open_: bool,
    method: str,
    fallback: str,
    min_lung_ml: float,
    series: str | None,
    **options: bool,
) -> int:
    """Segment right lung, mediastinum and left lung of chest CTs.

    INPUT is a NIfTI, NRRD, MHA or NPZ file, a DICOM folder, a folder of these, a MONAI data list, or the word phantom.
    For each scan the output folder gets the masks CASE_organs.nii.gz, a picture and a JSON file of the findings, and
    quality.csv gets a row with volumes, reasons for doubt, and errors. Run again to continue: finished scans are
    skipped. No medical device.
    """
    results = dicom_settings(input_, options)
    settings = {
        "input": input_or_phantom(input_, output, write_phantom_ct),
        "output": output,
        "method": method,
        "fallback": None if fallback == "none" else fallback,
        "min_lung_ml": min_lung_ml,
        "overlay": pictures,
        "page": page,
        "progress": progress,
        **results,
        "workers": workers,
    }
    if series is not None:
        settings["series"] = series
    if scheduler is not None:
        settings["scheduler"] = scheduler
    code = run_bundle("chest_ct_partition", settings)
    if open_:
        open_results(output)
    return code
