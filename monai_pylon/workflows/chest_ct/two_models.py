"""Two models side by side on the same cohort (HiResCAM paper, Figure 14)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from monai_pylon.networks import load_checkpoint
from monai_pylon.reports.display import window_to_gray
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.html import Section
from monai_pylon.reports.map_grid import MapPanel, map_grid_figure
from monai_pylon.utils import check, read_rows, write_rows
from monai_pylon.visualize import map_on_image
from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.workflows.bundle.networks import make_network
from monai_pylon.workflows.chest_ct.explained_scans import ExplainedScan, ScanPictures
from monai_pylon.workflows.chest_ct.explainer import ScanMapsInferer

__all__ = ["OtherModel", "other_model"]

_BUNDLE = "chest_ct_classification_axialnet"
_TEXT = (
    "Each row is a scan and a label. A probability alone does not say how unusual it is for the model, so each stands "
    "beside the model's mean of this label over the cohort. Maps are relative to their own maximum, on the slice with "
    "the most evidence of this model."
)
_COLUMNS = ("this model, HiResCAM", "this model, Grad-CAM", "the other, HiResCAM", "the other, Grad-CAM")


class OtherModel:
    """Model whose evaluation of the same scans stands beside this one's.

    Args:
        folder: Folder of its evaluation, with `evaluation.json` and `scans.csv`.
        inputs: Spacing and HU range of this model's inputs; the other's must be the same.
        cases: Pairs (scan, label) to draw. None draws present findings whose probabilities, relative to each model's
            mean, differ most.
        examples: Number of pairs to draw without `cases`.
        device: Device of the network.

    Raises:
        FileNotFoundError: If the folder has no such files.

    Example:
        >>> OtherModel("missing", {})
        Traceback (most recent call last):
        ...
        FileNotFoundError: against must be the output of an evaluation, but missing/evaluation.json does not exist. ...
    """

    def __init__(
        self,
        folder: str | PathLike[str],
        inputs: Mapping[str, Any],
        cases: Sequence[Sequence[str]] | None = None,
        examples: int = 6,
        device: torch.device | str = "cpu",
    ) -> None:
        self.folder, self.inputs, self.device = Path(folder).expanduser(), dict(inputs), device
        self.cases = None if cases is None else [(str(scan), str(label)) for scan, label in cases]
        self.examples = examples
        for name in ("evaluation.json", "scans.csv"):
            if not (self.folder / name).is_file():
                raise FileNotFoundError(
                    f"against must be the output of an evaluation, but {self.folder / name} does not exist. "
                    "Evaluate the other model first, with --output FOLDER."
                )
        self.about = json.loads((self.folder / "evaluation.json").read_text(encoding="utf-8"))
        self.rows = {(row["scan"], row["label"]): row for row in read_rows(self.folder / "scans.csv")}
        self.labels = list(dict.fromkeys(label for _, label in self.rows))

    def _compare(self, own: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return a row for each scan and label that both evaluations have."""
        rows = []
        for row in own:
            other = self.rows.get((row["scan"], row["label"]))
            if other is None:
                continue
            there, average = float(other["probability"]), float(other["cohort_mean"])
            numbers = {"probability": there, "cohort_mean": average, "above_mean": round(there / average - 1, 4)}
            numbers = {f"other_{name}": value for name, value in numbers.items()}
            rows.append({**{name: value for name, value in row.items() if name != "outside"}, **numbers})
        remedy = "Evaluate both models on the same section of the same data, with the same labels."
        check(len(rows) > 0, "against", "an evaluation of the same scans", str(self.folder), remedy)
        return rows

    def _chosen(self, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return the rows to draw."""
        if self.cases is not None:
            by_case = {(row["scan"], row["label"]): row for row in rows}
            missing = [case for case in self.cases if case not in by_case]
            remedy = f"Scans are those of {self.folder / 'scans.csv'}."
            check(not missing, "cases", "scans and labels of both evaluations", missing[:3], remedy)
            return [by_case[case] for case in self.cases]
        present = [row for row in rows if row["present"] == 1]
        present.sort(key=lambda row: -abs(row["above_mean"] - row["other_above_mean"]))
        return present[: self.examples]

    def _network(self) -> tuple[nn.Module, ScanMapsInferer]:
        """Load the other network; its maps are those of the layer at which it was evaluated."""
        spec, layer = self.about["network"], self.about["layer"]
        network = make_network(spec, bundle=_BUNDLE, num_classes=len(self.labels))
        load_checkpoint(network, self.about["checkpoint"], spec, self.inputs)
        return network.to(self.device).eval(), ScanMapsInferer(layer)

    def write(
        self,
        place: Path,
        own: Sequence[Mapping[str, Any]],
        names: Sequence[str],
        index: np.ndarray,
        pictures: ScanPictures,
    ) -> list[Section]:
        """Write `models.csv` and `models.png`, and return their part of the page.

        Args:
            place: Folder to write to.
            own: Rows of this model's `scans.csv`, for each scan and label.
            names: Names of the N scans.
            index: Their places in the dataset (N,).
            pictures: Function that explains a scan by this model.
        """
        labels = list(dict.fromkeys(row["label"] for row in own))
        check(labels == self.labels, "against", f"of {len(labels)} labels, the same in the same order", self.labels)
        rows = self._compare(own)
        write_rows(place / "models.csv", rows)
        chosen = self._chosen(rows)
        section = Section("Two models side by side", [_TEXT, f"The other model: {self.about['checkpoint']}"])
        if not chosen or self.about["layer"] is None or pictures.geometry_of is None:
            return [section]
        network, inferer = self._network()
        places, panels = list(names), []
        for row in chosen:
            scan = int(index[places.index(row["scan"])])
            here = pictures.explain(scan)
            there = pictures.explain(scan, network, inferer)
            geometry = GeometryCache(network, self.about["layer"])(here.hu.shape)
            panels.append(_panels(row, self.labels.index(row["label"]), here, there._replace(geometry=geometry)))
        save_figure(place / "models.png", map_grid_figure(panels, _COLUMNS, "Two models side by side", inches=2.6))
        return [section._replace(pictures=[("models.png", "both models")], rows=[_shown(row) for row in chosen])]


def other_model(
    folder: str | PathLike[str] | None,
    inputs: Mapping[str, Any],
    cases: Sequence[Sequence[str]] | None = None,
    examples: int = 6,
    device: torch.device | str = "cpu",
) -> OtherModel | None:
    """Make :class:`OtherModel`, or None without a folder.

    Args:
        folder: Folder of its evaluation, or None.
        inputs: See :class:`OtherModel`.
        cases: See :class:`OtherModel`.
        examples: See :class:`OtherModel`.
        device: See :class:`OtherModel`.

    Returns:
        The other model, or None.

    Example:
        >>> other_model(None, {}) is None
        True
    """
    return None if folder is None else OtherModel(folder, inputs, cases, examples, device)


def _above(row: Mapping[str, Any], prefix: str) -> str:
    """Say how far a probability is above or below the cohort's mean."""
    above = row[prefix + "above_mean"]
    return f"{abs(above):.0%} {'above' if above >= 0 else 'below'} the mean {row[prefix + 'cohort_mean']:.2f}"


def _shown(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the row of a case for the page."""
    models = {"this model": "", "the other": "other_"}
    numbers = {name: f"{row[prefix + 'probability']:.2f}, {_above(row, prefix)}" for name, prefix in models.items()}
    return {"scan": row["scan"], "label": row["label"], **numbers}


def _panels(row: Mapping[str, Any], label: int, here: ExplainedScan, there: ExplainedScan) -> list[MapPanel]:
    """Return the panels of a case: HiResCAM and Grad-CAM of both models, on the same axial slice."""
    size = here.hu.shape
    found = [
        map_on_image(maps[label], one.geometry, size).numpy()
        for one in (here, there)
        for maps in (one.maps, one.gradcam)
    ]
    level = int(np.clip(found[0], 0, None).sum(axis=(0, 1)).argmax())
    gray = window_to_gray(here.hu[:, :, level].T, -300.0, 1400.0)
    titles = [
        f"{row['label']}: p {row[prefix + 'probability']:.2f}\n{_above(row, prefix)}" for prefix in ("", "other_")
    ]
    return [
        MapPanel(gray, volume[:, :, level].T, title)
        for volume, title in zip(found, (titles[0], row["scan"], titles[1], row["scan"]), strict=True)
    ]
