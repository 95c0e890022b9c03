"""Command ``lung-boxes``: organ masks against the lung boxes of RAD-ChestCT's authors."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from monai_pylon.utils import write_rows
from monai_pylon.workflows.chest_ct.lung_boxes import compare_lung_boxes
from monai_pylon.workflows.commands.run import CONTEXT, DONE, SOME_FAILED, one_line_errors, output_file_option

__all__ = ["compare_boxes"]


@click.command(
    "lung-boxes",
    context_settings=CONTEXT,
    epilog="Example: monai-pylon lung-boxes RAD-ChestCT results --output lung_boxes.csv",
)
@click.argument("root", metavar="RAD-CHESTCT", type=click.Path(exists=True, path_type=Path))
@click.argument("organs", metavar="MASKS", type=click.Path(exists=True, file_okay=False, path_type=Path))
@output_file_option("CSV file to write.")
@one_line_errors
def compare_boxes(root: Path, organs: Path, output: Path) -> int:
    """Compare lung masks with the lung boxes that the authors of RAD-ChestCT publish.

    RAD-CHESTCT is the folder with Extrema_5747.csv, or this table. MASKS is a folder with masks <scan>_organs.nii.gz,
    as the command organs writes them. The table has a row for each mask: the overlap of both boxes, and how far each
    edge is apart.
    """
    rows = compare_lung_boxes(root, organs)
    write_rows(output, rows)
    overlaps = np.array([[row["iou"], row["iou_of_whole_scan"]] for row in rows if not row["error"]])
    both = overlaps[~np.isnan(overlaps).any(axis=1)] if len(overlaps) else overlaps
    failed = sum(bool(row["error"]) for row in rows)
    text = f"{len(rows)} masks, {failed} unreadable."
    if len(both):
        own, whole = np.median(both, axis=0)
        text += f" Median overlap (IoU) of {len(both)} boxes: {own:.3f}; of the whole scan: {whole:.3f}."
    click.echo(f"{text}\nResults: {output}", err=True)
    return SOME_FAILED if failed else DONE
