"""Demo to run first: organ masks, and explanations of a radiograph and a CT, in less than a minute.

``python -m monai_pylon.workflows.demo`` makes a phantom CT and a phantom radiograph, segments the organs, explains both
by the checkpoints in this package, and writes a page that puts the results beside the truth. ``--ct PATH`` takes a
scan, or a folder with many, and makes its organ masks only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import webbrowser
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np

from monai_pylon.data import read_volume
from monai_pylon.metrics.instances import in_boxes
from monai_pylon.reports.html import Section, save_html
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.taxonomy.organs import OK_MEANING
from monai_pylon.utils import read_rows, voxel_spacing
from monai_pylon.utils.files import atomic_write
from monai_pylon.workflows.cohort.inputs import list_scans
from monai_pylon.workflows.commands.run import CONTEXT, DONE, checkpoint_settings, one_line_errors, run_bundle
from monai_pylon.workflows.demo.checkpoints import demo_checkpoint, demo_description
from monai_pylon.workflows.demo.phantoms import (
    CT_FINDINGS,
    demo_ct,
    demo_radiograph,
    write_phantom_ct,
    write_phantom_radiograph,
)
from monai_pylon.workflows.demo.results import audit_of_demo, dice_by_organ, figures_sentence, finding_rows

__all__ = ["demo"]

_XRAY, _CT = "chest_xray_classification_pylon", "chest_ct_classification_axialnet"


_PHANTOMS = (
    "Phantoms are computed chests, not patients. Their organs and findings are known, so each result stands beside the "
    "truth. The patient's right is on the left of each picture. A box is where the finding truly is."
)
_MEDIASTINUM = (
    "PARTITION's mediastinum is all that lies between the lungs in their bounding box, also under the domes of the "
    "diaphragm. The phantom's true mediastinum leaves that out, so this Dice is lower."
)


class _Part(NamedTuple):
    """Part of the page: heading, sentences, a table, the picture and the reading page below the output folder."""

    heading: str
    sentences: list[str]
    table: list[dict[str, Any]]
    picture: str
    page: str = ""


def _classify(bundle: str, source: Path, output: Path) -> dict[str, str]:
    """Explain an input by the demo's checkpoint, with reading page, and return its row of results."""
    settings = {"input": source, "output": output, "page": True, "progress": False, "evaluator#table": "quality.csv"}
    run_bundle(bundle, {**settings, **checkpoint_settings(demo_checkpoint(bundle))})
    return read_rows(output / "quality.csv")[0]


def _tell(part: _Part) -> None:
    """Print a part."""
    for row in part.table:
        click.echo("   " + "  ".join(f"{value!s:28}" for value in row.values()).rstrip())
    for sentence in part.sentences:
        click.echo(f"   {sentence}")


def _organs(scan: Path, truth: np.ndarray, output: Path) -> _Part:
    """Segment the organs of the phantom CT and compare them with the true ones."""
    run_bundle("chest_ct_partition", {"input": scan, "output": output / "organs", "progress": False})
    row = read_rows(output / "organs" / "quality.csv")[0]
    found = np.asarray(read_volume(output / "organs" / "phantom_ct" / "phantom_ct_organs.nii.gz")[0])
    dice = dice_by_organ(np.rint(found).astype(np.uint8), truth)
    verdict = f"ok ({OK_MEANING})" if row["ok"] == "yes" else f"check by eye ({row['reasons']})"
    table = [{"organ": organ, "Dice, 1 is perfect": f"{value:.3f}"} for organ, value in dice.items()]
    return _Part(
        "Organ masks of a CT: PARTITION",
        [f"Verdict: {verdict}.", _MEDIASTINUM],
        table,
        "organs/phantom_ct/phantom_ct_overlay.png",
    )


def _radiograph(output: Path) -> _Part:
    """Explain the phantom radiograph."""
    phantom, labels = demo_radiograph(), demo_description(_XRAY)["network"]["labels"]
    file = write_phantom_radiograph(output / "phantom", phantom)
    boxes = [[*box, CHEST_XRAY14_LABELS[int(kind)]] for *box, kind in phantom.boxes.tolist()]
    known = [[*box, labels.index(name)] for *box, name in boxes if name in labels]
    data_list = file.with_suffix(".json")
    with atomic_write(data_list) as part:
        part.write_text(json.dumps([{"image": file.name, "boxes": known}]), encoding="utf-8")
    row = _classify(_XRAY, data_list, output / "radiograph")
    truth: dict[str, np.ndarray] = {}
    columns, rows = np.meshgrid(*(np.arange(size) for size in phantom.image.shape[:0:-1]), indexing="ij")
    for *box, name in boxes:
        inside = in_boxes(rows, columns, np.asarray(box))
        truth[name] = truth.get(name, np.zeros_like(inside)) | inside
    table = finding_rows(row, labels, "top", truth, (1.0, 1.0), "pixels")
    return _network_part(
        "Findings of a radiograph: PYLON", _XRAY, table, "radiograph/phantom_radiograph/phantom_radiograph"
    )


def _ct(scan: Path, lesions: Mapping[str, np.ndarray], spacing: Any, output: Path) -> _Part:
    """Explain the phantom CT."""
    row, labels = _classify(_CT, scan, output / "ct"), demo_description(_CT)["network"]["labels"]
    truth = {CT_FINDINGS[name]: lesion for name, lesion in lesions.items()}
    table = finding_rows(row, labels, "mapped", truth, spacing, "mm")
    return _network_part("Findings of a CT: AxialNet and HiResCAM", _CT, table, "ct/phantom_ct/phantom_ct")


def _network_part(heading: str, bundle: str, table: list[dict[str, str]], case: str) -> _Part:
    """Put the results of a network together."""
    notice = demo_description(bundle)["notice"]
    trust = "Can the map be trusted? " + " ".join(audit_of_demo(bundle))
    sentences = [notice, figures_sentence(bundle), trust]
    return _Part(heading, sentences, table, f"{case}_overlay.png", f"{case}_page.html")


def _write_page(parts: list[_Part], output: Path) -> Path:
    """Write the page of the demo."""
    sections = [Section(paragraphs=[_PHANTOMS])]
    for part in parts:
        links = [(part.page, "Open the reading page")] if part.page else []
        pictures = [(part.picture, "Click to enlarge.")]
        sections.append(Section(part.heading, part.sentences, part.table, links=links, pictures=pictures))
    page = output / "demo.html"
    save_html(page, "monai_pylon: the demo", sections)
    return page


def _show(page: Path) -> None:
    """Open a page where there is a display."""
    display = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if display:
        webbrowser.open(page.resolve().as_uri())


def _masks_of(ct: str, output: Path) -> int:
    """Make the organ masks of a user's scans, and print verdicts and files."""
    names = {item["scan"] for item in list_scans(ct, leave_out=output)}
    code = run_bundle("chest_ct_partition", {"input": ct, "output": output, "page": True})
    for row in read_rows(output / "quality.csv"):
        if row["scan"] not in names:
            continue
        verdict = f"ok ({OK_MEANING})" if row["ok"] == "yes" else f"check by eye ({row['reasons']})"
        click.echo(f"{row['scan']}: {row['error'] or verdict}")
        for name in filter(None, row["files"].split("; ")):
            click.echo(f"   {output.resolve() / name}")
    click.echo(f"   {output.resolve() / 'quality.csv'}: verdict, volumes, time and memory of each scan")
    return code


@click.command(context_settings=CONTEXT)
@click.option("--ct", default="", metavar="PATH", help="Scan, or folder with many: make their organ masks only.")
@click.option("--output", default="demo_output", show_default=True, metavar="DIR", help="Folder for the results.")
@one_line_errors
def demo(ct: str, output: str) -> int:
    """Show organ masks, and explanations of a radiograph and a CT, on phantoms."""
    start, folder = time.perf_counter(), Path(output).expanduser()
    if ct:
        return _masks_of(ct, folder)
    if not logging.getLogger("monai_pylon").isEnabledFor(logging.DEBUG):
        logging.getLogger("monai_pylon").setLevel(logging.WARNING)
    click.echo("1 of 3: organ masks of a phantom CT ...")
    phantom = demo_ct()
    scan = write_phantom_ct(folder / "phantom", phantom)
    parts = [_organs(scan, phantom.organs, folder)]
    _tell(parts[-1])
    click.echo("2 of 3: findings of a phantom radiograph ...")
    parts.append(_radiograph(folder))
    _tell(parts[-1])
    click.echo("3 of 3: findings of the phantom CT ...")
    parts.append(_ct(scan, phantom.lesions, voxel_spacing(phantom.affine), folder))
    _tell(parts[-1])
    page = _write_page(parts, folder)
    click.echo(f"\nDone in {time.perf_counter() - start:.0f} s. Open {page.resolve()}")
    _show(page)
    return DONE
