"""Command ``ct``: abnormalities of chest CTs with their maps."""

from __future__ import annotations

from typing import Any

import click

from monai_pylon.workflows.commands.classify import classifier_options, model_option, run_classifier
from monai_pylon.workflows.commands.run import CONTEXT, one_line_errors, series_option
from monai_pylon.workflows.demo.phantoms import write_phantom_ct

__all__ = ["ct"]


@click.command(
    context_settings=CONTEXT,
    epilog="Example: monai-pylon ct scans/ --output results --model models/model.pt",
)
@model_option()
@classifier_options
@series_option
@one_line_errors
def ct(**options: Any) -> int:
    """Classify the abnormalities of chest CTs and show where the evidence is.

    INPUT is a NIfTI, NRRD, MHA or NPZ file, a DICOM folder, a folder of these, a MONAI data list, or the word phantom.
    For each scan the output folder gets a picture, the HiResCAM maps of the most probable abnormalities, the slice
    scores and a JSON file of the findings, and quality.csv gets a row with all probabilities and errors. Run again to
    continue: finished scans are skipped. No medical device.
    """
    return run_classifier("chest_ct_classification_axialnet", write_phantom_ct, **options)
