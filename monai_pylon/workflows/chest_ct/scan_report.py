"""Evaluation report on chest CTs: peaks in nodules, and the evidence of the cohort."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.workflows.bundle.evaluation import EvaluatedCases, EvaluationReport
from monai_pylon.workflows.bundle.peak_hits import PeakHits
from monai_pylon.workflows.chest_ct.evidence_report import EvidenceReport
from monai_pylon.workflows.chest_ct.nodules import nodule_cells

__all__ = ["ScanEvaluationReport"]


class ScanEvaluationReport(EvaluationReport):
    """Evaluation report that also says which share of the peaks of HiResCAM lies in a nodule.

    The batches have "nodules" of :class:`NodulesOnScand`; without any nodule the report is that of
    :class:`EvaluationReport`. A nodule that no cell of the map covers is left out and counted.

    Args:
        output: Folder to write to.
        metrics: See :class:`EvaluationReport`.
        labels: Names of the M classes.
        network: The network, for the positions of its cells.
        layer: Layer at which it is explained; None for a network without maps.
        evidence: Report of where the evidence of the cohort lies; None for none.
        arguments: Further arguments of :class:`EvaluationReport`.

    Example:
        >>> ScanEvaluationReport("results", {}, ["lung nodule"], nn.Identity(), None).unit
        'images'
    """

    def __init__(
        self,
        output: Any,
        metrics: Mapping[str, Any],
        labels: Sequence[str],
        network: nn.Module,
        layer: str | None,
        evidence: EvidenceReport | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(output, metrics, labels, **arguments)
        self._evidence = evidence if evidence is not None and evidence.enabled else None
        self._geometry_of = None if layer is None else GeometryCache(network, layer)
        self._hits = PeakHits("peak_in_nodule")

    def start(self, engine: Any) -> None:
        """Forget an earlier evaluation; called when the evaluator starts."""
        super().start(engine)
        self._hits.reset()
        if self._evidence is not None:
            self._evidence.cohort.reset()

    def collect(self, engine: Any) -> None:
        """Collect scores, labels and hits; called after each batch."""
        super().collect(engine)
        if self._evidence is not None:
            self._evidence.collect(engine)
        maps = engine.state.output["pred"].hirescam
        if self._geometry_of is None or maps is None or "nodules" not in engine.state.batch:
            return
        size, grid = tuple(engine.state.output["image"].shape[2:]), tuple(maps.shape[2:])
        geometry = self._geometry_of(size)
        nodules = engine.state.batch["nodules"].cpu()
        cells = [nodule_cells(rows, geometry, grid, maps.shape[1], size) for rows in nodules]
        given = torch.zeros(maps.shape[:2])
        for number, rows in enumerate(nodules):
            given[number, rows[~rows.isnan().any(dim=1), 6].long()] = 1
        self._hits.collect(maps, torch.stack(cells), given)

    def write(self, engine: Any) -> None:
        """Write the report; called after the last batch."""
        self._hits.gather()
        if self._evidence is not None:
            self._evidence.cohort.gather()
        super().write(engine)

    def _further(self, cases: EvaluatedCases, found: dict[str, Any]) -> dict[str, Any]:
        """Add the evidence of the cohort, and the shares of peaks in nodules, if there are any."""
        if self._evidence is not None:
            self._evidence.cohort.keep(cases.sound)
            arguments = (self.output, cases.scores, cases.truth, self._limits, cases.groups, self.num_resamples)
            found |= self._evidence.write(*arguments)
        if not self._hits.gathered or not (given := self._hits.gathered[-1]).any():
            return {}
        found |= self._hits.intervals(cases.sound, cases.groups, self.labels, self.num_resamples)
        unseen = np.isnan(self._hits.gathered[0]) & (given == 1)
        return {"nodules_outside_of_the_map": int(unseen[cases.sound].sum())}
