"""Figures of the demo's checkpoints on held-out phantoms, each with its trivial baseline."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.ndimage import center_of_mass

from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.metrics.instances import in_boxes
from monai_pylon.networks.nets import PYLON, AxialNet
from monai_pylon.reports.heatmap import heatmap_on_image, heatmap_peak
from monai_pylon.visualize import map_geometry
from tests.experiments.demo_checkpoints.phantoms import (
    CT_CELL,
    CT_KEPT,
    STRUCTURES,
    XRAY_KEPT,
    Radiographs,
    Scans,
    cells_with,
)

#: Function from images to logits, maps and, for scans, slice scores.
Explain = Callable[[torch.Tensor], tuple[torch.Tensor, ...]]


class Case(NamedTuple):
    """Result of one finding that is present in one patient.

    Attributes:
        patient: Number of the patient in the section.
        label: Number of the label.
        hits: Whether the peak lies where it should, for each kind of place.
        chance: The same for a random place, as a probability.
        center: The same for the baseline that always points at one place.
    """

    patient: int
    label: int
    hits: tuple[bool, ...]
    chance: tuple[float, ...]
    center: tuple[bool, ...]


def radiograph_cases(
    network: PYLON, data: Radiographs, explain: Explain | None = None
) -> tuple[torch.Tensor, list[Case]]:
    """Return the logits (N, M), and for each finding whether the peak lies in one of its boxes.

    The baselines are a random pixel, and the center of the radiograph. A copy of the network in another runtime may
    ``explain`` the images.
    """
    explain = explain or network.explain
    with torch.inference_mode():
        parts = [explain(part) for part in data.images.split(16)]
    logits, maps = (torch.cat([part[k] for part in parts]) for k in (0, 1))
    shape = tuple(data.images.shape[2:])
    geometry, cases = map_geometry(network, None, shape), []
    for patient, label in data.labels.nonzero().tolist():
        boxes = data.boxes[patient][data.boxes[patient][:, 4] == label].numpy()
        peak = heatmap_peak(heatmap_on_image(maps[patient, [label]], shape, geometry=geometry)[0])
        rows, columns = np.mgrid[: shape[0], : shape[1]]
        covered = in_boxes(rows, columns, boxes[:, None, None]).any(0)
        center = bool(in_boxes((shape[0] - 1) / 2, (shape[1] - 1) / 2, boxes).any())
        hit = bool(in_boxes(peak.row, peak.column, boxes).any())
        cases.append(Case(patient, label, (hit,), (float(covered.mean()),), (center,)))
    return logits, cases


def _near(lesion: np.ndarray, voxel: tuple[float, ...]) -> bool:
    """Return whether a lesion (X, Y, Z) reaches into the grid cell around a voxel."""
    part = tuple(
        slice(max(0, round(at - size / 2 + 0.01)), round(at + size / 2 + 0.01))
        for at, size in zip(voxel, CT_CELL, strict=True)
    )
    return bool(lesion[part].any())


def scan_cases(network: AxialNet, data: Scans, explain: Explain | None = None) -> tuple[torch.Tensor, list[Case]]:
    """Return the logits (N, M), and for each finding whether the cell of the peak lies in its organ, and on it.

    The baselines are a random cell of those with an organ, and the cell at the center of the finding's lung. This
    second one is told the lung. A copy of the network in another runtime may ``explain`` the scans.
    """
    explain = explain or network.explain
    images = data.images[:, None].float() / 255 - 0.449
    with torch.inference_mode():
        parts = [explain(part) for part in images.split(2)]
    logits, maps = (torch.cat([part[k] for part in parts]) for k in (0, 1))
    geometry, cases = map_geometry(network, None, tuple(images.shape[2:])), []
    for patient, label in data.labels.nonzero().tolist():
        allowed = data.allowed[patient, 0, label].numpy()
        lesion = data.lesions[patient, label].numpy()
        peak = np.unravel_index(int(maps[patient, label].argmax()), allowed.shape)
        voxel = tuple(np.array(geometry.origin) + np.array(peak) * np.array(geometry.spacing))
        organs = cells_with((data.organs[patient, None] > 0).numpy())[0]
        on_lesion = data.contents[patient, 0, len(STRUCTURES) + label].numpy()
        middle = center_of_mass(allowed)
        at_center = tuple(np.array(geometry.origin) + np.array(middle) * np.array(geometry.spacing))
        chance = (float(allowed[organs].mean()), float(on_lesion[organs].mean()))
        center = (bool(allowed[tuple(np.rint(middle).astype(int))]), _near(lesion, at_center))
        cases.append(Case(patient, label, (bool(allowed[peak]), _near(lesion, voxel)), chance, center))
    return logits, cases


def summary(
    labels: tuple[str, ...], places: tuple[str, ...], logits: torch.Tensor, truth: torch.Tensor, cases: list[Case]
) -> dict[str, Any]:
    """Summarize cases: for each label number, AUROC, and the shares of peaks, random places and centers.

    Args:
        labels: Names of the M labels.
        places: Names of the kinds of places.
        logits: Logits (N, M).
        truth: Labels (N, M).
        cases: The cases.
    """
    areas = auroc_per_class(logits, truth).tolist()
    rows: dict[str, Any] = {}
    for label, name in enumerate((*labels, "all")):
        chosen = [case for case in cases if name == "all" or case.label == label]
        row: dict[str, Any] = {"findings": len(chosen)}
        row["AUROC"] = round(float(np.nanmean(areas)) if name == "all" else areas[label], 3)
        for number, place in enumerate(places):
            for kind, values in (("peak", "hits"), ("random", "chance"), ("center", "center")):
                found = [getattr(case, values)[number] for case in chosen]
                row[f"{kind} {place}"] = round(float(np.mean(found)), 3) if found else None
        rows[name] = row
    return {"patients": len(truth), "labels": rows}


#: Kinds of places of the cases of radiographs and of scans.
PLACES = {"radiographs": ("in box",), "scans": ("in organ", "on finding")}
LABELS = {"radiographs": XRAY_KEPT, "scans": CT_KEPT}
