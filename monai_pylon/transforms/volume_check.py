"""Check that an image can be a chest CT in HU, because a network would accept a wrong one without an error."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.transforms import MapTransform, Transform
from monai.utils import TransformBackends, convert_to_tensor

from monai_pylon.utils import check, check_affine, check_type

__all__ = ["CheckVolume", "CheckVolumeD", "CheckVolumeDict", "CheckVolumed", "check_volume_hu"]

#: A chest CT has air below the first HU and tissue above the second.
_AIR_HU, _TISSUE_HU = -500.0, -300.0


def check_volume_hu(image: torch.Tensor, least_slices: int = 2) -> None:
    """Raise an error unless a volume can be a chest CT in HU.

    Args:
        image: (1, X, Y, Z). If it is a MetaTensor, its affine is checked, too.
        least_slices: Least number of slices along the last axis.

    Raises:
        TypeError: If image is not a tensor.
        ValueError: If image has another shape, too few slices, NaN, infinity, one value everywhere, no air below -500
            HU (for example after scaling to 0 to 1, or with 1024 added), no tissue above -300 HU, or an unusable
            affine.

    Example:
        >>> check_volume_hu(torch.zeros(1, 4, 4, 4))
        Traceback (most recent call last):
        ...
        ValueError: image has 0 HU everywhere. Check that the file is not empty.
    """
    check_type(image, torch.Tensor, "image")
    remedy = "Add a channel by image[None], or take one channel. Slices lie on the last axis."
    check(image.ndim == 4 and image.shape[0] == 1, "image", "of shape (1, X, Y, Z)", image, remedy)
    enough = image.shape[-1] >= least_slices
    check(enough, "image", f"a volume of at least {least_slices} slices", image, "Load all slices of the series.")
    values = convert_to_tensor(image, track_meta=False)
    lowest, highest = (float(end) for end in values.aminmax())
    values_found = f"{lowest:g} to {highest:g}"
    finite = math.isfinite(lowest) and math.isfinite(highest)
    check(finite, "image", "finite", values_found, "Replace NaN by -1024 (air) where nothing was scanned.")
    if lowest == highest:
        raise ValueError(f"image has {lowest:g} HU everywhere. Check that the file is not empty.")
    fits = lowest < _AIR_HU and highest > _TISSUE_HU
    remedy = "Convert it to Hounsfield units: not scaled, nothing added (raw scanner values are often 1024 higher)."
    check(fits, "image", "a chest CT in HU, with air below -500 and tissue above -300", values_found, remedy)
    if hasattr(image, "affine"):
        check_affine(image.affine)


class CheckVolume(Transform):
    """Check of a chest CT as a MONAI transform, which returns the image (1, X, Y, Z) itself.

    See :func:`check_volume_hu`.

    Args:
        least_slices: Least number of slices along the last axis.

    Example:
        >>> CheckVolume()(torch.linspace(-1000, 100, 27).reshape(1, 3, 3, 3)).shape
        torch.Size([1, 3, 3, 3])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, least_slices: int = 2) -> None:
        check_type(least_slices, int, "least_slices")
        self.least_slices = least_slices

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Check one image."""
        check_volume_hu(image, self.least_slices)
        return image.as_tensor() if isinstance(image, MetaTensor) and not get_track_meta() else image


class CheckVolumed(MapTransform):
    """Dictionary version of :class:`CheckVolume`.

    Args:
        keys: Keys of images (1, X, Y, Z).
        least_slices: Least number of slices along the last axis.
        allow_missing_keys: Return items without a key unchanged.

    Example:
        >>> CheckVolumed("image").keys
        ('image',)
    """

    backend = CheckVolume.backend

    def __init__(self, keys: KeysCollection, least_slices: int = 2, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.check = CheckVolume(least_slices)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Check the images of an item."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.check(item[key])
        return item


CheckVolumeD = CheckVolumeDict = CheckVolumed
