"""Command ``limits``: quality limits of organ masks from a cohort's own histograms."""

from __future__ import annotations

import json
from pathlib import Path

import click

from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.html import Section, save_html
from monai_pylon.utils import atomic_write, check, write_rows
from monai_pylon.workflows.chest_ct.mask_limits import (
    MASK_MEASURES,
    mask_limits,
    measures_figure,
    measures_of_folder,
    outside_limits,
)
from monai_pylon.workflows.commands.run import CONTEXT, DONE, SOME_FAILED, OutputPath, one_line_errors

__all__ = ["limits"]

_TEXT = (
    "Masks whose lungs are unlike those of the others: at least one measure is beyond the dashed lines. Look at them. "
    "A fault that most masks have is not found in this way."
)


def _read_limits(file: Path) -> dict[str, tuple[float, float]]:
    """Read the limits of another cohort."""
    found = json.loads(file.read_text(encoding="utf-8"))
    known = isinstance(found, dict) and set(found) == set(MASK_MEASURES)
    check(known, "limits", "a limits.json that this command wrote", str(file))
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


@click.command(context_settings=CONTEXT, epilog="Example: monai-pylon limits results --output limits")
@click.argument("masks", metavar="MASKS", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    metavar="DIR",
    required=True,
    type=OutputPath(file_okay=False, path_type=Path),
    help="Folder to write to.",
)
@click.option("--fence", default=3.0, show_default=True, help="Quartile distances beyond the quartiles.")
@click.option(
    "--limits",
    "given",
    metavar="FILE",
    type=click.Path(exists=True, path_type=Path),
    help="limits.json of another cohort.",
)
@one_line_errors
def limits(masks: Path, output: Path, fence: float, given: Path | None) -> int:
    """Choose quality limits from the organ masks of a cohort, and list the masks beyond them.

    MASKS is a folder with masks <scan>_organs.nii.gz, as the command organs writes them; eight at least. Writes
    limits.json, mask_sizes.csv with a row for each mask, and limits.html with the histograms.
    """  # fmt: skip
    rows = measures_of_folder(masks)
    chosen = mask_limits(rows, fence) if given is None else _read_limits(given)
    for row in rows:
        row["outside"] = "" if row["error"] else "; ".join(outside_limits(row, chosen))
    odd = [row for row in rows if row["outside"]]
    failed = sum(bool(row["error"]) for row in rows)
    write_rows(output / "mask_sizes.csv", rows)
    with atomic_write(output / "limits.json") as part:
        part.write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
    save_figure(output / "limits.png", measures_figure(rows, chosen))
    table = [{"scan": row["scan"], "outside": row["outside"]} for row in odd]
    sections = [Section("", [_TEXT], table), Section("Histograms", pictures=[("limits.png", "measures and limits")])]
    save_html(output / "limits.html", "Limits of organ masks", sections, {"masks": len(rows), "to look at": len(odd)})
    click.echo(f"{len(rows)} masks, {failed} unreadable, {len(odd)} outside the limits.\nResults: {output}", err=True)
    return SOME_FAILED if failed else DONE
