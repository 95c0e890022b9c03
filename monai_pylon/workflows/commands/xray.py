"""Command ``xray``: findings of chest radiographs with their maps."""

from __future__ import annotations

from typing import Any

import click

from monai_pylon.workflows.commands.classify import classifier_options, model_option, run_classifier
from monai_pylon.workflows.commands.run import CONTEXT, one_line_errors
from monai_pylon.workflows.demo.phantoms import write_phantom_radiograph

__all__ = ["xray"]


@click.command(
    context_settings=CONTEXT,
    epilog="Example: monai-pylon xray images/ --output results --model models/model.pt",
)
@model_option(research=True)
@classifier_options
@click.option("--any-view", is_flag=True, help="Read DICOM files too that are no frontal chest radiographs.")
@one_line_errors
def xray(**options: Any) -> int:
    """Classify frontal chest radiographs and show where each finding is.

    INPUT is a PNG, JPEG or DICOM file, a folder of these, a MONAI data list, or the word phantom. For each radiograph
    the output folder gets a picture, the maps of the most probable findings and a JSON file of the findings, and
    quality.csv gets a row with all probabilities and errors. Run again to continue: finished radiographs are skipped.
    No medical device.
    """
    any_view = options.pop("any_view")
    return run_classifier(
        "chest_xray_classification_pylon", write_phantom_radiograph, frontal_chest_only=not any_view, **options
    )
