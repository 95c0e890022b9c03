"""Allowed regions of each label on the grid of a network's attention map (PARTITION, section 12.2).

The organ masks are reduced to the grid once. A label is allowed in the union of the organs in which its report places
it. No array of the size labels times voxels is ever made.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends
from scipy.ndimage import binary_dilation

from monai_pylon.transforms.organ_cells import (
    DOWNSAMPLING_MODES,
    Geometry,
    organ_bits,
    organ_cells,
    organ_voxel_counts,
    whole_numbers,
)
from monai_pylon.utils import check, check_choice, check_type

__all__ = [
    "AllowedRegions",
    "AllowedRegionsD",
    "AllowedRegionsDict",
    "AllowedRegionsd",
    "allowed_regions",
    "allowed_share",
]


def _check_options(mode: str, dilation: int) -> None:
    check_choice(mode, DOWNSAMPLING_MODES, "mode")
    check_type(dilation, int, "dilation")
    check(dilation >= 0, "dilation", "0 or more", dilation)


def allowed_regions(
    organs: np.ndarray | torch.Tensor,
    locations: np.ndarray | torch.Tensor,
    grid: Sequence[int],
    mode: str = "nearest",
    dilation: int = 0,
    geometry: Geometry | None = None,
) -> np.ndarray | torch.Tensor:
    """Compute the allowed region of each label on the grid of a network's attention map (the paper's Gtrue).

    The grid is stretched evenly over the volume, as in the paper, unless ``geometry`` says where its cells look. A grid
    cell is allowed if one of the voxels that ``mode`` selects for
    it lies in an organ of the label:

    - "nearest", the authors' choice, selects one voxel: the **first** of the grid cell along each axis, as torch's
      interpolation does. An organ that misses these voxels is lost. This is the only mode that does not commute with
      flips, because a flip makes the first voxel the last. To reproduce the authors' regions exactly, reorient the
      organs to their axes first ("LPI").
    - "trilinear" selects along each axis the one or two voxels next to the center of the grid cell.
    - "area" selects all voxels that the grid cell covers, even in part.

    Args:
        organs: (X, Y, Z) whole numbers: 0 background, 1 right lung, 2 mediastinum, 3 left lung; or masks (3, X, Y, Z)
            that may overlap, as the heuristic ones do.
        locations: (M, 3) bool: whether each label lies in right lung, mediastinum, left lung.
        grid: (x, y, groups), the size of the attention map along the volume's own axes.
        mode: "nearest", "trilinear" or "area".
        dilation: Number of times that each organ grows by one grid cell in all 26 directions. The authors use 0.
        geometry: Where the cells look, in voxels: origin and spacing for each axis, from
            :func:`~monai_pylon.visualize.map_geometry`. Then "nearest" selects the voxel at the center of the cell,
            and a cell that looks outside the volume is not allowed.

    Returns:
        (M, *grid) bool. A tensor on the organs' device if organs or locations is a tensor, else an array. The region
        of a label without a location (an absent label) is empty. It is also empty if the masks hold none of the
        label's organs; "allowed_share" of :class:`AllowedRegionsd` and the quality of the masks reveal that.

    Raises:
        TypeError: If organs, locations, grid or dilation has another type.
        ValueError: If a shape or a value does not fit, or the grid is finer than the volume.

    Example:
        >>> organs = np.repeat([1, 1, 2, 2, 3, 3], 4).reshape(6, 2, 2)  # from the right to the left
        >>> in_lungs, absent = [True, False, True], [False, False, False]
        >>> allowed_regions(organs, np.array([in_lungs, absent]), grid=(3, 1, 1))[:, :, 0, 0]
        array([[ True, False,  True],
               [False, False, False]])
    """
    remedy = "Give one row for each label: is it in the right lung, the mediastinum, the left lung?"
    wanted = whole_numbers(locations, 1, "locations", remedy).astype(bool)
    check(wanted.ndim == 2 and wanted.shape[1] == 3, "locations", "of shape (M, 3)", locations, remedy)
    _check_options(mode, dilation)
    cells = organ_cells(organ_bits(organs), grid, mode, geometry)
    if dilation:
        cells = binary_dilation(cells, np.ones((1, 3, 3, 3), dtype=bool), iterations=dilation)
    regions = (wanted @ cells.reshape(3, -1)).reshape(-1, *cells.shape[1:])
    for given in (organs, locations):
        if isinstance(given, torch.Tensor):
            return torch.from_numpy(regions).to(given.device)
    return regions


def allowed_share(
    organs: np.ndarray | torch.Tensor, regions: np.ndarray | torch.Tensor, geometry: Geometry | None = None
) -> np.ndarray | torch.Tensor:
    """Compute the share of each organ's volume that its own allowed region covers, to measure the downsampling loss.

    A voxel is covered if the grid cell that contains its center is allowed.

    Args:
        organs: (X, Y, Z) or (3, X, Y, Z), as in :func:`allowed_regions`.
        regions: (3, x, y, groups) bool: the allowed regions of right lung, mediastinum and left lung.
        geometry: As in :func:`allowed_regions`. Voxels outside all cells are not covered.

    Returns:
        (3,) shares from 0 to 1, NaN for an organ without a voxel. A tensor if organs is one: float64 on the CPU,
        float32 on a device.

    Raises:
        TypeError: If organs or regions is not an array.
        ValueError: If a shape or a value does not fit.

    Example:
        >>> organs = np.repeat([1, 1, 2, 2, 3, 3], 4).reshape(6, 2, 2)
        >>> allowed_share(organs, allowed_regions(organs, np.eye(3), grid=(2, 1, 1)))  # selects the voxels 0 and 3
        array([1. , 0.5, 0. ])
    """
    remedy = "Compute them by allowed_regions(organs, np.eye(3), grid)."
    allowed = whole_numbers(regions, 1, "regions", remedy)
    check(allowed.ndim == 4 and len(allowed) == 3, "regions", "of shape (3, x, y, groups)", regions, remedy)
    bits = organ_bits(organs)
    volumes = organ_voxel_counts(bits, (1, 1, 1)).sum(axis=(1, 2, 3))
    covered = (organ_voxel_counts(bits, allowed.shape[1:], geometry) * allowed).sum(axis=(1, 2, 3))
    share = np.divide(covered, volumes, out=np.full(3, np.nan), where=volumes > 0)
    if not isinstance(organs, torch.Tensor):
        return share
    on_host = torch.from_numpy(share)
    return on_host if organs.device.type == "cpu" else on_host.float().to(organs.device)  # some have no float64


class AllowedRegions(Transform):
    """Allowed regions as a MONAI transform; see :func:`allowed_regions`.

    Called with organs (1, X, Y, Z) or (3, X, Y, Z) and locations (M, 3), it returns the regions (M, x, y, groups) as a
    bool tensor. If the organs are a MetaTensor, the regions are a MetaTensor with the affine of the grid cells.

    The organs must lie on the voxels that the network sees: crop, pad and reorient them with the image. The default
    grid is that of AxialNet for 420 x 420 slices in groups of three: 6 x 6 grid cells in plane and one for each group.

    Args:
        grid: (x, y, groups), or (x, y, None) to take the number of groups from the volume's slices.
        mode: "nearest", "trilinear" or "area".
        dilation: Number of times that each organ grows by one grid cell.
        slices_per_group: Slices in a group, used if the grid gives no number of groups.
        geometry: Where the cells look, as in :func:`allowed_regions`; None stretches the grid evenly.

    Example:
        >>> organs = torch.ones((1, 12, 12, 9), dtype=torch.uint8)
        >>> AllowedRegions()(organs, torch.eye(3)).shape
        torch.Size([3, 6, 6, 3])
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        grid: Sequence[int | None] = (6, 6, None),
        mode: str = "nearest",
        dilation: int = 0,
        slices_per_group: int = 3,
        geometry: Geometry | None = None,
    ) -> None:
        check_type(grid, (tuple, list), "grid")
        check(len(grid) == 3 and None not in grid[:2], "grid", "(x, y, groups) or (x, y, None)", grid)
        _check_options(mode, dilation)
        check_type(slices_per_group, int, "slices_per_group")
        check(slices_per_group >= 1, "slices_per_group", "1 or more", slices_per_group)
        self.grid, self.mode, self.dilation, self.slices_per_group = tuple(grid), mode, dilation, slices_per_group
        self.geometry = geometry

    def __call__(  # type: ignore[override]  # as MONAI's own transforms of two arguments
        self, organs: torch.Tensor, locations: np.ndarray | torch.Tensor
    ) -> torch.Tensor:
        """Compute the regions (M, x, y, groups) of one volume."""
        masks = self._masks(organs)
        options = (self._grid(masks), self.mode, self.dilation, self.geometry)
        return self._located(torch.as_tensor(allowed_regions(masks, locations, *options)), organs)

    def share(self, organs: torch.Tensor) -> torch.Tensor:
        """Compute the share (3,) of each organ's volume that these settings allow; see :func:`allowed_share`."""
        masks = self._masks(organs)
        each = allowed_regions(masks, np.eye(3), self._grid(masks), self.mode, self.dilation, self.geometry)
        return torch.as_tensor(allowed_share(masks, each, self.geometry))

    @staticmethod
    def _masks(organs: torch.Tensor) -> torch.Tensor:
        fits = getattr(organs, "ndim", 0) == 4 and len(organs) in (1, 3)
        check(fits, "organs", "labels (1, X, Y, Z) or masks (3, X, Y, Z)", organs)
        return organs[0] if len(organs) == 1 else organs

    def _grid(self, masks: torch.Tensor) -> tuple[Any, ...]:
        if self.grid[2] is not None:
            return self.grid
        groups, rest = divmod(masks.shape[-1], self.slices_per_group)
        remedy = "Crop or pad image and organs alike first (DivisiblePadd, ResizeWithPadOrCropd), or give the grid."
        check(rest == 0, "organs", f"a multiple of {self.slices_per_group} slices", masks, remedy)
        return (*self.grid[:2], groups)

    def _located(self, regions: torch.Tensor, organs: torch.Tensor) -> torch.Tensor:
        """Attach the affine of the grid cells, which are larger than voxels and whose first center lies further in."""
        if not isinstance(organs, MetaTensor) or not get_track_meta():
            return regions
        size = np.array(organs.shape[1:]) / regions.shape[1:]  # of a grid cell, in voxels
        origin, spacing = ((size - 1) / 2, size) if self.geometry is None else self.geometry
        to_voxels = np.diag([*spacing, 1.0])
        to_voxels[:3, 3] = origin
        return MetaTensor(regions, affine=organs.affine.cpu() @ torch.from_numpy(to_voxels))


class AllowedRegionsd(MapTransform):
    """Dictionary version of :class:`AllowedRegions`.

    Args:
        keys: Key of the organs (1, X, Y, Z) or (3, X, Y, Z).
        locations_key: Key of the locations (M, 3).
        output_key: Key for the regions (M, x, y, groups).
        share_key: Key for the allowed share (3,) of each organ's volume. None does not compute it.
        grid: (x, y, groups), or (x, y, None) to take the number of groups from the volume's slices.
        mode: "nearest", "trilinear" or "area".
        dilation: Number of times that each organ grows by one grid cell.
        slices_per_group: Slices in a group, used if the grid gives no number of groups.
        geometry: Where the cells look, as in :func:`allowed_regions`; None stretches the grid evenly.
        allow_missing_keys: Return items without the key unchanged.

    Example:
        >>> item = {"organs": torch.ones((1, 12, 12, 9)), "locations": torch.eye(3)}
        >>> AllowedRegionsd("organs", mode="area")(item)["allowed_share"]
        tensor([1., nan, nan], dtype=torch.float64)
    """

    backend = AllowedRegions.backend

    def __init__(
        self,
        keys: KeysCollection = "organs",
        locations_key: str = "locations",
        output_key: str = "allowed",
        share_key: str | None = "allowed_share",
        grid: Sequence[int | None] = (6, 6, None),
        mode: str = "nearest",
        dilation: int = 0,
        slices_per_group: int = 3,
        geometry: Geometry | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        check(len(self.keys) == 1, "keys", "one key", self.keys, "An item has the regions of one volume.")
        self.locations_key, self.output_key, self.share_key = locations_key, output_key, share_key
        self.regions = AllowedRegions(grid, mode, dilation, slices_per_group, geometry)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the regions and the share to a copy of the dictionary."""
        item = dict(data)
        for key in self.key_iterator(item):
            check(self.locations_key in item, "locations_key", "a key of the item", self.locations_key)
            item[self.output_key] = self.regions(item[key], item[self.locations_key])
            if self.share_key is not None:
                item[self.share_key] = self.regions.share(item[key])
        return item


AllowedRegionsD = AllowedRegionsDict = AllowedRegionsd
