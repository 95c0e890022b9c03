"""Drawings: boxes, arrows, tables and small calculations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from diagrams import BLUE, GRAY, GREEN, ORANGE, arrow, box, canvas, grid, table
from matplotlib.figure import Figure


def averaging() -> Figure:
    """Draw why Grad-CAM marks places that did not count."""
    figure, axes = canvas(8.6, 2.2)
    places = ["mass in the\nright lung", "heart", "chest\nwall", "left lung"]
    found, weights = [[1, 1, 1, 0]], [[1, 0, 0, 0]]
    grid(axes, 1.5, 1.0, found, 0.8, "detector of bright tissue")
    grid(axes, 5.1, 1.0, weights, 0.8, "weight of the place in the score")
    for i, place in enumerate(places):
        axes.text(1.9 + 0.8 * i, 0.92, place, ha="center", va="top", fontsize=7.5)
    axes.text(0.1, 1.35, "one network", fontsize=9, fontweight="bold", va="center")
    axes.text(0.1, 0.22, "HiResCAM:", fontsize=9, fontweight="bold", va="center")
    grid(axes, 1.5, 0.05, [[1, 0, 0, 0]], 0.38)
    axes.text(4.1, 0.22, "Grad-CAM (mean weight 0.25):", fontsize=9, fontweight="bold", va="center")
    grid(axes, 6.55, 0.05, [[0.25, 0.25, 0.25, 0]], 0.38, decimals=2)
    return figure


def guarantee() -> Figure:
    """Draw AxialNet's score as a sum over the cells of its map."""
    figure, axes = canvas(9.2, 3.3)
    features = ([[2, 0], [1, 0]], [[0, 1], [0, 3]])
    weights = [[1.5, 0.5], [-0.5, 0.2]]
    for i, (values, y) in enumerate(zip(features, (1.85, 0.35), strict=True), 1):
        products = [[a * b + 0.0 for a, b in zip(r, w, strict=True)] for r, w in zip(values, weights, strict=True)]
        total = sum(map(sum, products))
        grid(axes, 0.3, y, values, 0.42, f"$z_{i}$, group {i}")
        axes.text(1.35, y + 0.42, "×", fontsize=14, ha="center", va="center")
        grid(axes, 1.6, y, weights, 0.42, "weights $w$")
        axes.text(2.65, y + 0.42, "=", fontsize=14, ha="center", va="center")
        grid(axes, 2.9, y, products, 0.42, "attention")
        arrow(axes, (3.85, y + 0.42), (4.75, y + 0.42), "sum + $b$")
        score = f"slice score {total:.1f} + b".replace("-", "−")
        box(axes, 4.8, y + 0.2, 1.65, 0.44, score, BLUE)
        arrow(axes, (6.5, y + 0.42), (7.1, 1.62 if i == 1 else 1.4))
    box(axes, 7.15, 1.2, 1.85, 0.62, "score of the scan:\nmean of the slice scores", ORANGE)
    return figure


def which_map() -> Figure:
    """Draw the way from the end of a network to its map."""
    figure, axes = canvas(9.2, 3.5)
    box(axes, 0.1, 1.35, 1.7, 0.8, "What follows\nthe last map?", GRAY)
    rows = (
        (
            2.85,
            "maximum of a map",
            "the map itself\nnet.explain(x).attention",
            "exact: its maximum is the score",
            GREEN,
        ),
        (2.0, "average, one linear layer", "HiResCAM, Grad-CAM, CAM", "exact: all three are the same", GREEN),
        (1.15, "one linear layer over places", "HiResCAM", "exact; Grad-CAM may show; the wrong place", GREEN),
        (0.3, "ReLUs, several layers, class token", "HiResCAM as a hint", "nothing is guaranteed: test it", ORANGE),
    )
    for y, ending, take, note, color in rows:
        arrow(axes, (1.85, 1.75), (2.35, y + 0.27))
        box(axes, 2.4, y, 2.35, 0.54, ending, BLUE)
        arrow(axes, (4.8, y + 0.27), (5.2, y + 0.27))
        box(axes, 5.25, y, 1.75, 0.54, take, color, 8.5)
        axes.text(
            7.1,
            y + 0.27,
            "\n".join(note.split(": ")) if ": " in note else note.replace("; ", "\n"),
            va="center",
            fontsize=8.5,
        )
    return figure


def chain(steps: list[tuple[str, str]], width: float = 1.75, height: float = 0.8) -> Figure:
    """Draw boxes in a row, each with its color, joined by arrows."""
    figure, axes = canvas(len(steps) * (width + 0.35) + 0.05, height + 0.3)
    for i, (text, color) in enumerate(steps):
        left = 0.1 + i * (width + 0.35)
        box(axes, left, 0.15, width, height, text, color, 8.5)
        if i:
            arrow(axes, (left - 0.34, 0.15 + height / 2), (left - 0.02, 0.15 + height / 2))
    return figure


def label_table() -> Figure:
    """Draw a label table with its states."""
    figure, axes = canvas(7.2, 1.9)
    head = ["scan", "nodule*right lung", "nodule*left lung", "cardiomegaly"]
    rows = [["a", "1 present#fde6cf", "0 absent#dbeaf7", "0 absent#dbeaf7"]]
    rows += [["b", "0 absent#dbeaf7", "0 absent#dbeaf7", "1 present#fde6cf"]]
    rows += [["c", "unknown", "unknown", "-1 uncertain#fbf3c4"]]
    table(axes, 0.1, 1.8, [head, *rows], (0.8, 2.1, 2.1, 2.0), 0.42)
    return figure


def citing() -> Figure:
    """Draw which paper belongs to which part."""
    figure, axes = canvas(8.2, 1.5)
    rows = [["part", "paper"], ["chest X-ray: PYLON, point and box localization#dbeaf7", "Preechakul and others 2020"]]
    rows += [["chest CT: HiResCAM, AxialNet, mask loss, PARTITION, OrganIoU#fde6cf", "Draelos and Carin 2022"]]
    table(axes, 0.1, 1.4, rows, (5.3, 2.6), 0.42)
    return figure


def axes_of_arrays() -> Figure:
    """Draw the axes of images and volumes."""
    figure, axes = canvas(8.2, 2.3)
    box(axes, 0.4, 0.5, 1.4, 1.4, "radiograph\n(C, H, W)", BLUE)
    arrow(axes, (0.4, 2.0), (1.9, 2.0), "W: columns, x")
    arrow(axes, (0.28, 1.9), (0.28, 0.4))
    axes.text(0.2, 1.15, "H: rows, y", rotation=90, ha="center", va="center", fontsize=8)
    for k in range(4):
        box(axes, 3.1 + 0.16 * k, 0.35 + 0.12 * k, 1.3, 1.3, "" if k < 3 else "scan\n(C, X, Y, Z)", ORANGE)
    arrow(axes, (4.5, 0.35), (5.05, 0.75))
    axes.text(5.1, 0.5, "Z: axial slices,\nthe last axis", fontsize=8, va="center")
    table(
        axes,
        6.3,
        1.95,
        [["value", "organ"], ["1", "right lung"], ["2", "mediastinum"], ["3", "left lung"]],
        (0.6, 1.2),
        0.36,
    )
    return figure


def side_by_side() -> Figure:
    """Draw the time of all label maps with each library, as multiples of the forward pass."""
    results = Path(__file__).resolve().parents[1] / "researchers" / "results" / "side_by_side.json"
    maps = json.loads(results.read_text(encoding="utf-8"))["maps"]["rows"]
    times = sorted((entry["forward_passes"], name) for name, entry in maps.items() if "forward_passes" in entry)
    figure, axes = canvas(7.0, 0.3 * len(times) + 0.5)
    for i, (passes, name) in enumerate(reversed(times)):
        width = 3.6 * passes / times[-1][0]
        box(axes, 2.6, 0.1 + 0.3 * i, max(width, 0.05), 0.22, "", ORANGE if "pylon" in name else GRAY)
        axes.text(2.5, 0.21 + 0.3 * i, name, ha="right", va="center", fontsize=9)
        axes.text(2.7 + width, 0.21 + 0.3 * i, f"{passes:.1f}", va="center", fontsize=9)
    axes.text(2.6, 0.3 * len(times) + 0.2, "forward passes for the maps of 14 labels", fontsize=9, fontweight="bold")
    return figure


CHAINS: dict[str, list[tuple[str, str]]] = {
    "gpu": [
        ("a machine\nwith a GPU", GRAY),
        ("training, inference,\nmaps, organ masks", ORANGE),
        ("results.json", GREEN),
    ],
    "large_datasets": [
        ("storage", GRAY),
        ("workers: one case,\none thread each", ORANGE),
        ("results: pictures and\nmaps only if needed", GREEN),
        ("ledger\n0.3 ms a case", BLUE),
    ],
    "security": [
        ("files from outside:\nsizes checked first", GRAY),
        ("no connection,\nno name in the log", ORANGE),
        ("results without\nnames unless asked", GREEN),
    ],
    "deploy": [
        ("DICOM series\nfrom the PACS", GRAY),
        ("series to volume\n(SDK)", GRAY),
        ("ChestOrgansOperator", ORANGE),
        ("organs: DICOM SEG\nquality: stop or go", GREEN),
    ],
    "install": [
        ("Python 3.10+\nvenv", GRAY),
        ("torch\n(CPU or CUDA)", GRAY),
        ("pip install\nmonai_pylon[bundle]", ORANGE),
        ("monai-pylon --version", GREEN),
    ],
    "commands": [
        ("file, folder\nor data list", GRAY),
        ("monai-pylon\norgans | xray | ct", ORANGE),
        ("NIfTI, PNG, JSON\n--page --dicom", GREEN),
        ("quality.csv\none row a case", GREEN),
    ],
    "quickstart": [
        ("scans + reports", GRAY),
        ("masks, labels,\nallowed regions", BLUE),
        ("train with the\nmask loss", ORANGE),
        ("AUROC, OrganIoU", BLUE),
        ("explained scans", GREEN),
    ],
    "clusters": [
        ("one command", GRAY),
        ("Dask scheduler", BLUE),
        ("workers: one scan,\none thread each", ORANGE),
        ("ledger\ncohort.sqlite", GREEN),
    ],
    "checkpoints": [
        ("file of another\nprogram", GRAY),
        ("names and shapes\ncompared", BLUE),
        ("every tensor loaded,\nor none", ORANGE),
        ("report of what\nwas loaded", GREEN),
    ],
    "labeler": [
        ("report", GRAY),
        ("classify phrases:\nstated, hedged, absent", BLUE),
        ("find abnormalities", BLUE),
        ("find places", BLUE),
        ("labels at places\n(80, 3)", GREEN),
    ],
    "vocabulary": [
        ("a word that is\nnot understood", GRAY),
        ("one line in\nterms.csv", ORANGE),
        ("explain(text):\nlook again", BLUE),
        ("labels with\nyour words", GREEN),
    ],
    "contributing": [
        ("utils, taxonomy", GRAY),
        ("networks losses metrics\ntransforms labeler\nvisualize data", BLUE),
        ("handlers, reports", ORANGE),
        ("workflows", GREEN),
        ("bundles,\ncommand line", GREEN),
    ],
    "handlers": [
        ("MONAI's trainer\nor evaluator", GRAY),
        ("metrics per class,\nOrganIoU thresholds", BLUE),
        ("history, checkpoints,\nearly stopping", ORANGE),
        ("stop on NaN,\nresume", GREEN),
    ],
    "pacs": [
        ("CT or radiograph\nfrom the PACS", GRAY),
        ("monai-pylon ct\n--dicom", ORANGE),
        ("SEG, Parametric Map,\nSecondary Capture, SR", BLUE),
        ("PACS, OHIF,\n3D Slicer", GREEN),
    ],
}

DRAWINGS: tuple[Callable[[], Figure], ...] = (
    averaging,
    guarantee,
    which_map,
    label_table,
    citing,
    axes_of_arrays,
    side_by_side,
)
