"""Share of peaks in masks over an evaluation, with its baselines: for the reports of both bundles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.metrics import Cumulative

from monai_pylon.metrics.mask_hits import MASK_BASELINES, mask_hits
from monai_pylon.workflows.bundle.evaluation import localization_intervals

__all__ = ["PeakHits"]


class PeakHits:
    """Hits of :func:`~monai_pylon.metrics.mask_hits.mask_hits`, collected batch by batch in all processes.

    Args:
        name: Name of the share of peaks in the report, such as "peak_in_mask".

    Attributes:
        gathered: After :meth:`gather` the hits and baselines, and what was collected with them, each (N, M); NaN for a
            class without a mask. Empty if nothing was collected.

    Example:
        >>> hits, masks = PeakHits("peak_in_mask"), torch.tensor([[[[False, True]]]])
        >>> hits.collect(torch.tensor([[[[0.0, 1.0]]]]), masks)
        >>> hits.gather()
        >>> [part.tolist() for part in hits.gathered]
        [[[1.0]], [[0.5]], [[0.0]]]
    """

    def __init__(self, name: str) -> None:
        self.names = (name, *(f"{name}, {baseline}" for baseline in MASK_BASELINES))
        self.gathered: list[np.ndarray] = []
        self._kept = Cumulative()  # type: ignore[abstract]

    def reset(self) -> None:
        """Forget what was collected."""
        self._kept.reset()
        self.gathered = []

    def collect(self, maps: torch.Tensor, masks: torch.Tensor, *more: torch.Tensor) -> None:
        """Add the hits of maps (N, M, *size) in masks (N, M, *grid), and more tensors (N, M) to keep with them."""
        hits = mask_hits(maps, masks.to(maps.device))
        self._kept.extend(*(part.to(maps.device) for part in (*hits.values(), *more)))

    def gather(self) -> None:
        """Gather what was collected by all processes; each of them has to call this."""
        kept = self._kept.get_buffer()
        self.gathered = [] if kept is None else [part.cpu().numpy() for part in kept]

    def intervals(
        self, sound: np.ndarray, groups: np.ndarray, labels: Sequence[str], num_resamples: int
    ) -> dict[str, Any]:
        """Return the shares with their intervals by name; nothing if nothing was collected.

        Args:
            sound: Rows that count (N,), bool.
            groups: Patient of each of these rows.
            labels: Names of the M classes.
            num_resamples: Bootstrap samples.
        """
        return {
            name: localization_intervals(part[sound], groups, labels, num_resamples)
            for name, part in zip(self.names, self.gathered, strict=False)
        }
