"""Crop to an extent in mm before resampling, because a whole scan on fine voxels takes gigabytes."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Crop, InvertibleTransform, LazyTransform, MapTransform

from monai_pylon.utils import check, check_type, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = ["CropToExtent", "CropToExtentD", "CropToExtentDict", "CropToExtentd"]

#: Voxels kept beyond the extent on each side, for the interpolation at its edge.
_MARGIN = 2


class CropToExtent(Crop):
    """Crop around a volume's center to an extent in mm, plus two voxels on each side.

    Called with a MetaTensor (C, X, Y, Z), it returns one with the affine of the crop. An axis that is shorter than the
    extent is not changed. The inverse pads with 0.

    Args:
        extent: Lengths in mm along the image's own axes (x, y, z). Orient the image first.
        lazy: Whether to crop lazily.

    Raises:
        ValueError: If extent is not three positive lengths.

    Example:
        >>> image = MetaTensor(torch.zeros(1, 100, 100, 10), affine=torch.diag(torch.tensor([2.0, 2.0, 5.0, 1.0])))
        >>> CropToExtent((100, 190, 324))(image).shape
        torch.Size([1, 54, 99, 10])
    """

    def __init__(self, extent: Sequence[float], lazy: bool = False) -> None:
        super().__init__(lazy)
        check(len(extent) == 3 and min(extent) > 0, "extent", "three positive lengths in mm", tuple(extent))
        self.extent = tuple(float(length) for length in extent)

    def __call__(self, image: MetaTensor, lazy: bool | None = None) -> torch.Tensor:  # type: ignore[override]
        """Crop one image; ``lazy`` overrides the setting of this transform."""
        check_type(image, MetaTensor, "image", "Its affine gives the voxel size.")
        check(image.ndim == 4, "image", "of shape (C, X, Y, Z)", image)
        shape, spacing = image.peek_pending_shape(), voxel_spacing(as_array(image.peek_pending_affine()))
        size = [
            min(n, math.ceil(length / step) + 2 * _MARGIN)
            for n, length, step in zip(shape, self.extent, spacing, strict=True)
        ]
        slices = self.compute_slices(roi_center=[n // 2 for n in shape], roi_size=size)
        return super().__call__(image, slices, lazy)


class CropToExtentd(MapTransform, InvertibleTransform, LazyTransform):
    """Dictionary version of :class:`CropToExtent`.

    Args:
        keys: Keys of images (C, X, Y, Z).
        extent: Lengths in mm along their own axes.
        allow_missing_keys: Return items without a key unchanged.
        lazy: Whether to crop lazily.

    Example:
        >>> CropToExtentd("image", (336, 336, 324)).keys
        ('image',)
    """

    backend = CropToExtent.backend

    def __init__(
        self, keys: KeysCollection, extent: Sequence[float], allow_missing_keys: bool = False, lazy: bool = False
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        LazyTransform.__init__(self, lazy)
        self.crop = CropToExtent(extent)

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Crop the images of an item."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.crop(item[key], lazy=self.lazy if lazy is None else lazy)
        return item

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Pad the images of an item to their size before the crop."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.crop.inverse(item[key])
        return item


CropToExtentD = CropToExtentDict = CropToExtentd
