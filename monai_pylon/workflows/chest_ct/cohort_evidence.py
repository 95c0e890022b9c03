"""Evidence and slice scores of an evaluated cohort, collected batch by batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import Cumulative
from monai.utils import string_list_all_gather
from scipy.special import expit

from monai_pylon.metrics.error_review import error_review, evidence_outside
from monai_pylon.metrics.slice_curves import SliceCurves, slice_score_curves
from monai_pylon.reports.rendering import LungRendering, lung_rendering
from monai_pylon.taxonomy.organs import organs_of_labels
from monai_pylon.transforms.organ_cells import organ_bits, organ_cells
from monai_pylon.utils import check
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.bundle.evaluation import localization_intervals

__all__ = ["CohortEvidence"]

_EXPOSED = 0.5


def _told_apart(names: Sequence[str], index: np.ndarray) -> list[str]:
    """Number the scans of one name in the order of the dataset, from the second on: "a", "a (2)"."""
    found, taken = list(names), set(names)
    seen: set[str] = set()
    for place in np.argsort(index):
        name, number = names[place], 1
        while name in seen or (number > 1 and name in taken):
            number += 1
            name = f"{names[place]} ({number})"
        seen.add(name)
        found[place] = name
    return found


class CohortEvidence:
    """Evidence outside the organs and slice scores of a cohort.

    Args:
        labels: Names of the M labels.
        spacing: mm of a voxel of the network's input.
        renderings: Scans whose lungs are rendered, the first ones of each process.

    Attributes:
        names: After :meth:`gather` the names of the N scans; those of one name are numbered.
        index: Their places in the dataset (N,).
        outside: Share of the positive evidence outside the organs of each label (N, M); NaN if undefined.
        even: The same of a map that is equal everywhere.
        slice_scores: Scores (N, M, S), or None.
        lungs: Renderings of this process.

    Example:
        >>> CohortEvidence(["lung mass"], [2.0, 2.0, 2.0]).names
        []
    """

    def __init__(self, labels: Sequence[str], spacing: Sequence[float], renderings: int = 12) -> None:
        self.labels, self.spacing, self.renderings = tuple(labels), tuple(spacing), renderings
        self.possible = organs_of_labels(self.labels)
        self._kept, self._slices = Cumulative(), Cumulative()  # type: ignore[abstract]
        self.reset()

    def reset(self) -> None:
        """Forget what was collected."""
        self._kept.reset()
        self._slices.reset()
        self._names: list[str] = []
        self.names: list[str] = []
        self.lungs: list[LungRendering] = []
        self.index, self.outside, self.even = np.zeros(0, int), np.zeros((0, 0)), np.zeros((0, 0))
        self.slice_scores: np.ndarray | None = None

    def _regions(self, organs: torch.Tensor, geometry: MapGeometry, grid: Sequence[int]) -> torch.Tensor:
        """Return the cells (N, M, *grid) that touch an organ of each label; organs (N, 1, X, Y, Z)."""
        cells = [organ_cells(organ_bits(one[0].cpu().numpy()), grid, "area", geometry) for one in organs]
        each = [self.possible @ one.reshape(3, -1) for one in cells]
        return torch.from_numpy(np.stack(each).reshape(len(each), -1, *grid))

    def collect(self, output: Mapping[str, Any], batch: Mapping[str, Any], geometry: MapGeometry | None) -> None:
        """Add a batch.

        Args:
            output: "pred", :class:`~monai_pylon.workflows.chest_ct.explainer.ScanMaps`.
            batch: "index", "name", and "organ_labels" (N, 1, X, Y, Z) if there are maps.
            geometry: Where the cells of the maps look; None without maps.
        """
        pred = output["pred"]
        outside = even = np.full(tuple(pred.logits.shape), np.nan)
        if pred.hirescam is not None and geometry is not None:
            regions = self._regions(batch["organ_labels"], geometry, tuple(pred.hirescam.shape[2:]))
            outside = evidence_outside(pred.hirescam.cpu(), regions)
            even = evidence_outside(torch.ones(regions.shape), regions)
            for name, organs, error in zip(batch["name"], batch["organ_labels"], batch["error"], strict=True):
                if len(self.lungs) < self.renderings and not error:
                    affine = np.diag([-mm for mm in self.spacing] + [1.0])
                    self.lungs.append(lung_rendering(str(name), organs[0].cpu().numpy(), affine))
        device = pred.logits.device
        values = (torch.from_numpy(part).float().to(device) for part in (outside, even))
        self._kept.extend(*values, torch.as_tensor(batch["index"]).to(device)[:, None])
        self._names += [str(name) for name in batch["name"]]
        if pred.slice_scores is not None:
            self._slices.extend(pred.slice_scores.float())

    def gather(self) -> None:
        """Gather what was collected by all processes; each of them has to call this."""
        outside, even, index = (part.cpu().numpy() for part in self._kept.get_buffer())
        self.outside, self.even, self.index = outside.astype(np.float64), even.astype(np.float64), index[:, 0]
        self.names = _told_apart(string_list_all_gather(self._names), self.index)
        slices = self._slices.get_buffer()
        self.slice_scores = None if slices is None else slices.cpu().numpy()

    def keep(self, sound: np.ndarray) -> None:
        """Keep some of the gathered scans; sound (N,), bool."""
        check(len(sound) == len(self.names), "sound", f"of length {len(self.names)}", sound)
        self.names = [name for name, keep in zip(self.names, sound, strict=True) if keep]
        self.outside, self.even, self.index = self.outside[sound], self.even[sound], self.index[sound]
        self.slice_scores = None if self.slice_scores is None else self.slice_scores[sound]

    def metrics(
        self, scores: np.ndarray, truth: np.ndarray, thresholds: np.ndarray, patients: Any, num_resamples: int
    ) -> dict[str, Any]:
        """Compute the share of false positives whose map exposes them, beside that of right predictions.

        Args:
            scores: Logits (N, M).
            truth: Labels (N, M) of 1, 0 and NaN.
            thresholds: Thresholds (M,) of the probabilities; NaN for a label that is never positive.
            patients: Patients (N,).
            num_resamples: Bootstrap samples.

        Returns:
            Intervals by metric and class: "exposed" of the false positives, the same of the true positives, and of the
            false positives if their maps were equal everywhere. Empty without maps.
        """
        if not np.isfinite(self.outside).any():
            return {}
        positive = expit(scores) > thresholds
        parts = {
            "exposed, false positives": (self.outside, 0),
            "exposed, true positives": (self.outside, 1),
            "exposed, false positives with an even map": (self.even, 0),
        }
        found = {}
        for name, (outside, value) in parts.items():
            chosen = positive & (truth == value) & np.isfinite(outside)
            table = np.where(chosen, (outside > _EXPOSED).astype(np.float64), np.nan)
            found[name] = localization_intervals(table, patients, self.labels, num_resamples)
        return found

    def errors(self, scores: np.ndarray, truth: np.ndarray, thresholds: np.ndarray) -> list[dict[str, Any]]:
        """List the false positives, see :func:`~monai_pylon.metrics.error_review.error_review`."""
        limits = np.where(np.isnan(thresholds), 1.0, thresholds)
        chances, known = torch.from_numpy(expit(scores)), torch.from_numpy(truth)
        return error_review(chances, known, self.outside, self.names, self.labels, limits.tolist())

    def curves(self, truth: np.ndarray, patients: np.ndarray, num_resamples: int) -> SliceCurves | None:
        """Average the slice scores; None if the network has none."""
        if self.slice_scores is None:
            return None
        slices, known = torch.from_numpy(self.slice_scores), torch.from_numpy(truth)
        return slice_score_curves(slices, known, patients.tolist(), num_resamples)
