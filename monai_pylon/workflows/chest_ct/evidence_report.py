"""Evidence of a cohort as tables, figures and a page: errors, slice scores, lungs, and two models side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from torch import nn

from monai_pylon.metrics.slice_curves import SliceCurves
from monai_pylon.reports.chest_ct_figure import finding_on_scan, scan_findings_figure
from monai_pylon.reports.error_page import error_section
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.html import Section, save_html
from monai_pylon.reports.rendering import lungs_figure
from monai_pylon.reports.slice_figure import slice_curves_figure
from monai_pylon.utils import check_type, write_rows
from monai_pylon.visualize import map_on_image
from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.workflows.chest_ct.cohort_evidence import CohortEvidence
from monai_pylon.workflows.chest_ct.explained_scans import ScanPictures
from monai_pylon.workflows.chest_ct.two_models import OtherModel

__all__ = ["EvidenceReport"]

_SLICES = (
    "Scores of the groups of slices, from head to feet. A network that looks at the right place scores scans with and "
    "without a finding differently where the organ lies. A difference elsewhere needs an explanation."
)
_LUNGS = (
    "Lungs as the organ masks have them, on the network's grid. Look for a lung that is missing, cut, or has holes: "
    "the shares of evidence outside the organs are only as good as these masks."
)
_ORDER = (
    "Predictions are those at the operating point of evaluation.json, so a false positive may have a low probability. "
    "Compare the share of exposed errors with that of right predictions, and with that of a map that is equal "
    "everywhere: evaluation.json has the three with their intervals. Only a difference between them says something."
)


class EvidenceReport:
    """Part of an evaluation report that says where the evidence of a cohort lies.

    Writes `scans.csv` (each scan and label: probability, how far it is above the cohort's mean, evidence outside the
    organs), `errors.csv`, `slice_scores.csv` and figures, and `evidence.html` with all of it.

    Args:
        labels: Names of the M labels.
        dataset: Dataset of the evaluated scans, from which those with a picture are read again.
        network: The network.
        inferer: Inferer that gives :class:`~monai_pylon.workflows.chest_ct.explainer.ScanMaps`.
        layer: Layer at which the network is explained; None for a network without maps.
        spacing: mm of a voxel of the network's input.
        hu_range: HU of the input's 0 and 1.
        device: Device of the network.
        enabled: Whether to write anything.
        examples: False positives and pairs of models with a picture.
        renderings: Scans whose lungs are rendered.
        other: Another model to stand beside; None for none.

    Example:
        >>> EvidenceReport(["a"], [], nn.Identity(), None, None, [2.0] * 3, [-1000, 800], enabled=False).enabled
        False
    """

    def __init__(
        self,
        labels: Sequence[str],
        dataset: Any,
        network: nn.Module,
        inferer: Any,
        layer: str | None,
        spacing: Sequence[float],
        hu_range: Sequence[float],
        device: torch.device | str = "cpu",
        enabled: bool = True,
        examples: int = 6,
        renderings: int = 12,
        other: OtherModel | None = None,
    ) -> None:
        for name, value in (("examples", examples), ("renderings", renderings)):
            check_type(value, int, name)
        self.labels, self.enabled, self.examples, self.other = tuple(labels), enabled, examples, other
        self.cohort = CohortEvidence(labels, spacing, renderings)
        self._geometry_of = None if layer is None else GeometryCache(network, layer)
        self.pictures = ScanPictures(dataset, network, inferer, self._geometry_of, spacing, hu_range, device)

    def collect(self, engine: Any) -> None:
        """Collect a batch of the evaluator."""
        geometry = None
        if self._geometry_of is not None:
            geometry = self._geometry_of(tuple(engine.state.output["image"].shape[2:]))
        self.cohort.collect(engine.state.output, engine.state.batch, geometry)

    def write(
        self,
        folder: str | PathLike[str],
        scores: np.ndarray,
        truth: np.ndarray,
        thresholds: np.ndarray,
        patients: np.ndarray,
        num_resamples: int,
    ) -> dict[str, Any]:
        """Write tables, figures and page, and return metrics.

        Args:
            folder: Folder to write to.
            scores: Logits (N, M) of the gathered scans.
            truth: Labels (N, M) of 1, 0 and NaN.
            thresholds: Thresholds (M,) of the probabilities.
            patients: Patients (N,).
            num_resamples: Bootstrap samples.
        """
        place, cohort = Path(folder), self.cohort
        rows = self._rows(expit(scores), truth)
        write_rows(place / "scans.csv", rows)
        errors = cohort.errors(scores, truth, thresholds)
        sections = []
        if np.isfinite(cohort.outside).any():
            if errors:
                write_rows(place / "errors.csv", errors)
            section = error_section(errors)
            sections.append(section._replace(heading="Errors and their maps", paragraphs=[*section.paragraphs, _ORDER]))
            drawn = self._draw_errors(place, errors, expit(scores))
            sections += [Section(pictures=[(file, ", ".join(case))]) for case, file in drawn.items()]
        curves = cohort.curves(truth, patients, num_resamples)
        if curves is not None and (curves.counts[:, 0] > 0).any():
            write_rows(place / "slice_scores.csv", _curve_rows(curves, self.labels))
            save_figure(place / "slice_scores.png", slice_curves_figure(curves, self.labels))
            sections.append(Section("Slice scores", [_SLICES], pictures=[("slice_scores.png", "slice scores")]))
        if self.other is not None:
            sections += self.other.write(place, rows, cohort.names, cohort.index, self.pictures)
        if cohort.lungs:
            save_figure(place / "lungs.png", lungs_figure(cohort.lungs))
            sections.append(Section("Lungs", [_LUNGS], pictures=[("lungs.png", "lungs from the front")]))
        if sections:
            save_html(place / "evidence.html", "Evidence of the cohort", sections, {"scans": len(scores)})
        return cohort.metrics(scores, truth, thresholds, patients, num_resamples)

    def _rows(self, chances: np.ndarray, truth: np.ndarray) -> list[dict[str, Any]]:
        """Return a row for each scan and label."""
        mean, rows = chances.mean(axis=0), []
        for scan, label in np.ndindex(chances.shape):
            outside, known = self.cohort.outside[scan, label], truth[scan, label]
            rows.append(
                {
                    "scan": self.cohort.names[scan],
                    "label": self.labels[label],
                    "present": "" if np.isnan(known) else int(known),
                    "probability": float(f"{chances[scan, label]:.6g}"),
                    "cohort_mean": float(f"{mean[label]:.6g}"),
                    "above_mean": round(float(chances[scan, label] / mean[label] - 1), 4),
                    "outside": "" if np.isnan(outside) else round(float(outside), 4),
                }
            )
        return rows

    def _draw_errors(
        self, place: Path, errors: Sequence[Mapping[str, Any]], chances: np.ndarray
    ) -> dict[tuple[str, str], str]:
        """Draw the first errors, one for each scan if there are enough, and return the files."""
        defined = [row for row in errors if row["outside"] is not None]
        firsts: dict[str, Mapping[str, Any]] = {}
        for row in defined:
            firsts.setdefault(row["name"], row)
        others = [row for row in defined if row is not firsts[row["name"]]]
        chosen = [*firsts.values(), *others][: self.examples]
        files = {}
        for number, row in enumerate(chosen, start=1):
            scan, label = self.cohort.names.index(row["name"]), self.labels.index(row["label"])
            found = self.pictures.explain(int(self.cohort.index[scan]))
            heat = map_on_image(found.maps[label], found.geometry, found.hu.shape).numpy()
            curve = None if found.slice_scores is None else found.slice_scores[label]
            heights = None if curve is None else found.heights(len(curve))
            picture = finding_on_scan(
                *(row["label"], float(chances[scan, label]), found.hu, heat, found.affine, heights, curve)
            )
            file = f"error_{number}.png"
            title = f"{row['name']}: false positive, {row['outside']:.0%} of the evidence outside the organ"
            save_figure(place / file, scan_findings_figure([picture], title))
            files[row["name"], row["label"]] = file
        return files


def _curve_rows(curves: SliceCurves, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each label and slice group."""
    rows = []
    for label, group in np.ndindex(np.shape(curves.present.estimate)):
        row: dict[str, Any] = {"label": labels[label], "group": group}
        for kind, part, count in (("with", curves.present, 0), ("without", curves.absent, 1)):
            row[f"scans_{kind}"] = int(curves.counts[label, count])
            for name, values in part._asdict().items():
                value = np.asarray(values)[label, group]
                row[f"{name}_{kind}"] = "" if np.isnan(value) else round(float(value), 5)
        rows.append(row)
    return rows
