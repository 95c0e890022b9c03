"""Scans of a dataset, read again and explained, for pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from monai_pylon.utils import check
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.chest_ct.preprocessing import INPUT_MEAN

__all__ = ["ExplainedScan", "ScanPictures"]


class ExplainedScan(NamedTuple):
    """A scan on the network's grid with its maps.

    Attributes:
        hu: Voxels (X, Y, Z) in HU.
        affine: Matrix (4, 4) from voxel indices to RAS mm, 0 in the first voxel.
        chances: Probabilities (M,).
        maps: HiResCAM (M, x, y, groups), signed.
        gradcam: Grad-CAM (M, x, y, groups), signed.
        slice_scores: Scores (M, S), or None.
        geometry: Where the cells of the maps look.

    Example:
        >>> geometry, maps = MapGeometry((0.0,) * 3, (1.0, 1.0, 3.0)), torch.zeros(1, 2, 2, 2)
        >>> hu, affine = np.zeros((2, 2, 6)), np.diag([-2.0, -2, -2, 1])
        >>> scan = ExplainedScan(hu, affine, np.ones(1), maps, maps, None, geometry)
        >>> scan.heights(2).tolist()
        [10.0, 4.0]
    """

    hu: np.ndarray
    affine: np.ndarray
    chances: np.ndarray
    maps: torch.Tensor
    gradcam: torch.Tensor
    slice_scores: np.ndarray | None
    geometry: MapGeometry

    def heights(self, groups: int) -> np.ndarray:
        """Return the heights (S,) of groups of slices above the lowest slice, in mm."""
        centers = self.geometry.origin[2] + self.geometry.spacing[2] * np.arange(groups)
        return (self.hu.shape[2] - 1 - centers) * abs(self.affine[2, 2])


class ScanPictures:
    """Function that reads a scan of a dataset again and explains it.

    Args:
        dataset: Dataset of items with "image" (1, X, Y, Z).
        network: The network.
        inferer: Inferer that gives :class:`~monai_pylon.workflows.chest_ct.explainer.ScanMaps`.
        geometry_of: Function from an image size to the geometry of the maps; None for a network without maps.
        spacing: mm of a voxel.
        hu_range: HU of the input's 0 and 1.
        device: Device of the network.

    Example:
        >>> ScanPictures([], nn.Identity(), None, None, [2.0] * 3, [-1000, 800]).device
        'cpu'
    """

    def __init__(
        self,
        dataset: Any,
        network: nn.Module,
        inferer: Any,
        geometry_of: Callable[[Sequence[int]], MapGeometry] | None,
        spacing: Sequence[float],
        hu_range: Sequence[float],
        device: torch.device | str = "cpu",
    ) -> None:
        self.dataset, self.network, self.inferer, self.geometry_of = dataset, network, inferer, geometry_of
        self.spacing, self.hu_range, self.device = tuple(spacing), tuple(hu_range), device

    def explain(self, index: int, network: nn.Module | None = None, inferer: Any = None) -> ExplainedScan:
        """Explain the scan with an index, by the network or another one for the same inputs."""
        check(self.geometry_of is not None, "network", "one with maps", type(self.network).__name__)
        x = torch.as_tensor(self.dataset[index]["image"])[None].to(self.device)
        net: nn.Module = (self.network if network is None else network).eval()
        with torch.no_grad():
            found = (inferer or self.inferer)(x, net)
        low, high = self.hu_range
        hu = (x[0, 0].cpu().numpy() + INPUT_MEAN) * (high - low) + low
        affine = np.diag([*(-mm for mm in self.spacing), 1.0])
        slices = None if found.slice_scores is None else found.slice_scores[0].float().cpu().numpy()
        return ExplainedScan(
            *(hu, affine, found.logits[0].float().sigmoid().cpu().numpy()),
            *(found.hirescam[0].float().cpu(), found.gradcam[0].float().cpu(), slices),
            self.geometry_of(tuple(x.shape[2:])),  # type: ignore[misc]
        )
