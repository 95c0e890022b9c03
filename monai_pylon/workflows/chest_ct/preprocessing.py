"""Chest CT preprocessing, the same for training, evaluation and inference."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from monai.transforms import (
    CastToTyped,
    Compose,
    CopyItemsd,
    Orientationd,
    ResizeWithPadOrCropd,
    ScaleIntensityRanged,
    Spacingd,
    Transform,
)

from monai_pylon.transforms import AllowedRegionsd
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.transforms.extent_crop import CropToExtentd
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.chest_ct.data import OrgansOfScand
from monai_pylon.workflows.chest_ct.nodules import MOST_NODULES

__all__ = ["cached_organs", "cached_regions", "rotation_probability", "scan_transforms", "unknown_scan"]

#: Mean of ImageNet's gray values, which the authors subtract.
INPUT_MEAN = 0.449


def _to_grid(
    keys: str, image_size: Sequence[int], spacing: Sequence[float], mode: str, fill: float, middle: Sequence[Any] = ()
) -> Compose:
    """Bring volumes to the network's axes, spacing and size.

    The authors' axes run to the patient's left, back and feet. The volume is cropped before it is resampled, since
    only its center is used.
    """
    extent = [size * mm for size, mm in zip(image_size, spacing, strict=True)]
    return Compose(
        [
            Orientationd(keys, axcodes="LPI", labels=None),
            CropToExtentd(keys, extent),
            Spacingd(keys, pixdim=tuple(spacing), mode=mode, dtype=np.float32),
            *middle,
            ResizeWithPadOrCropd(keys, tuple(image_size), value=fill),
        ]
    )


def scan_transforms(
    image_size: Sequence[int] = (420, 420, 405),
    spacing: Sequence[float] = (0.8, 0.8, 0.8),
    hu_range: Sequence[float] = (-1000, 800),
    keys: str = "image",
) -> Compose:
    """Make the transforms from a chest CT in HU to the network's input.

    Axes to the patient's left, back and feet; resampled to the spacing; cropped or padded with air around the center;
    HU clipped, scaled to 0 ... 1, less 0.449 (the mean of ImageNet).

    Args:
        image_size: Voxels along x, y and z.
        spacing: Voxel spacing in mm.
        hu_range: HU that become 0 and 1; values outside are clipped.
        keys: Item to transform, MetaTensor (1, X, Y, Z) in HU.

    Returns:
        The transforms.

    Example:
        >>> from monai.data import MetaTensor
        >>> scan = MetaTensor(torch.zeros(1, 20, 20, 10), affine=torch.diag(torch.tensor([4.0, 4, 8, 1])))
        >>> scan_transforms([8, 8, 6], [8.0, 8.0, 16.0])({"image": scan})["image"].shape
        torch.Size([1, 8, 8, 6])
    """
    low, high = hu_range
    scale = ScaleIntensityRanged(keys, a_min=low, a_max=high, b_min=-INPUT_MEAN, b_max=1 - INPUT_MEAN, clip=True)
    return _to_grid(keys, image_size, spacing, "bilinear", -INPUT_MEAN, [scale])


class _OrgansOnGridd(Transform):
    """Transform that brings a scan's organ masks to the network's grid, unless "organ_labels" lie there already."""

    def __init__(self, image_size: Sequence[int], spacing: Sequence[float], partition: str) -> None:
        grid = _to_grid("organs", image_size, spacing, "nearest", 0)
        self.compute = Compose([OrgansOfScand(method=partition), grid])

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        if "organ_labels" in data:
            return {**data, "organs": data["organ_labels"]}
        return self.compute(data)


def cached_regions(
    cache_dir: str | PathLike[str] | None,
    image_size: Sequence[int],
    spacing: Sequence[float],
    grid: Sequence[int],
    partition: str = "robust",
    downsampling: str = "nearest",
    dilation: int = 0,
    geometry: MapGeometry | None = None,
    needed: bool = True,
) -> Transform:
    """Make the transform that adds a scan's allowed regions, computed once and cached on disk.

    Args:
        cache_dir: Folder of the cache.
        image_size: Voxels of the network's input along x, y and z.
        spacing: Voxel spacing in mm.
        grid: Grid (x, y, groups) of the regions.
        partition: Method of PARTITION for scans without organ masks.
        downsampling: How organ masks become allowed cells: "nearest", "trilinear" or "area".
        dilation: Cells by which the regions grow.
        geometry: Where the cells look, from :func:`attention_geometry`; None stretches the grid evenly.
        needed: Whether regions are needed.

    Returns:
        A transform of items with "image", MetaTensor (1, X, Y, Z) in HU, "locations" (M, 3), and perhaps "organs", or
        "organ_labels" of :func:`cached_organs`, that adds "allowed" (M, x, y, groups). If no regions are needed, it
        changes nothing.

    Example:
        >>> cached_regions("cache", [64, 64, 48], [5.6, 5.6, 6.7], [2, 2, 16]).keys
        ('allowed',)
    """
    if not needed:
        return Compose([])
    options: dict[str, Any] = {"mode": downsampling, "dilation": dilation, "geometry": geometry}
    regions = AllowedRegionsd("organs", grid=grid, share_key=None, **options)
    steps = [_OrgansOnGridd(image_size, spacing, partition), regions]
    settings = {
        "image_size": image_size,
        "spacing": spacing,
        "grid": grid,
        "partition": partition,
        "downsampling": downsampling,
        "dilation": dilation,
        **({} if geometry is None else {"origin": geometry.origin, "cell_spacing": geometry.spacing}),
    }
    return CacheToDiskd("allowed", ["image", "organs", "locations"], Compose(steps), cache_dir, settings)


def cached_organs(
    cache_dir: str | PathLike[str] | None,
    image_size: Sequence[int],
    spacing: Sequence[float],
    partition: str = "robust",
    needed: bool = True,
) -> Transform:
    """Make the transform that adds a scan's organ masks on the network's grid, computed once and cached on disk.

    Args:
        cache_dir: Folder of the cache.
        image_size: Voxels of the network's input along x, y and z.
        spacing: Voxel spacing in mm.
        partition: Method of PARTITION for scans without organ masks.
        needed: Whether masks are needed.

    Returns:
        A transform of items with "image", MetaTensor (1, X, Y, Z) in HU, and perhaps "organs" that adds "organ_labels"
        (1, X', Y', Z') of 0 background, 1 right lung, 2 mediastinum, 3 left lung. If none are needed, it changes
        nothing.

    Example:
        >>> cached_organs("cache", [64, 64, 48], [5.6, 5.6, 6.7]).keys
        ('organ_labels',)
    """
    if not needed:
        return Compose([])
    steps = [
        _OrgansOnGridd(image_size, spacing, partition),
        CopyItemsd("organs", names="organ_labels"),
        CastToTyped("organ_labels", dtype=torch.uint8),
    ]
    settings = {"image_size": image_size, "spacing": spacing, "partition": partition}
    return CacheToDiskd("organ_labels", ["image", "organs"], Compose(steps), cache_dir, settings)


def rotation_probability(image_size: Sequence[int], prob: float = 0.5) -> float:
    """Return the probability of rotating axial slices by 90 degrees: 0 for slices that are not square.

    Args:
        image_size: Voxels along x, y and z.
        prob: Probability for square slices.

    Returns:
        The probability.

    Example:
        >>> rotation_probability([64, 64, 12]), rotation_probability([64, 96, 12])
        (0.5, 0.0)
    """
    return prob if image_size[0] == image_size[1] else 0.0


def unknown_scan(
    image_size: Sequence[int],
    labels: Sequence[str],
    grid: Sequence[int],
    with_regions: bool = True,
    with_nodules: bool = False,
    with_organs: bool = False,
) -> dict[str, Any]:
    """Make the item that replaces an unreadable scan in validation and evaluation: air without any known label.

    Args:
        image_size: Voxels along x, y and z.
        labels: Names of the M labels.
        grid: Grid (x, y, groups) of the regions.
        with_regions: Whether items have "allowed".
        with_nodules: Whether items have "nodules", see :class:`~monai_pylon.workflows.chest_ct.NodulesOnScand`.
        with_organs: Whether items have "organ_labels", see :func:`cached_organs`.

    Returns:
        "image" (1, X, Y, Z), "label" (M,) of NaN, "allowed" (M, x, y, groups), "nodules" (64, 7) of NaN, and
        "organ_labels" (1, X, Y, Z) of 0.

    Example:
        >>> unknown_scan([8, 8, 6], ["lung mass"], [2, 2, 2])["allowed"].shape
        torch.Size([1, 2, 2, 2])
    """
    item = {"image": torch.full((1, *image_size), -INPUT_MEAN), "label": torch.full((len(labels),), math.nan)}
    allowed = {"allowed": torch.ones(len(labels), *grid, dtype=torch.bool)} if with_regions else {}
    nodules = {"nodules": torch.full((MOST_NODULES, 7), math.nan)} if with_nodules else {}
    organs = {"organ_labels": torch.zeros((1, *image_size), dtype=torch.uint8)} if with_organs else {}
    return {**item, **allowed, **nodules, **organs}
