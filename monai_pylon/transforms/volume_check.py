"""Is it a chest CT at all? What a network would swallow in silence is an error here, before anything is computed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, Transform
from monai.utils import convert_to_tensor

from monai_pylon.utils import check, check_affine, check_type

__all__ = ["CheckVolume", "CheckVolumeD", "CheckVolumeDict", "CheckVolumed", "check_volume_hu"]

#: A chest CT has air in it, and something denser: below and above these, in HU.
_AIR_HU, _TISSUE_HU = -500.0, -300.0


def check_volume_hu(image: torch.Tensor, least_slices: int = 2) -> None:
    """Raise where a volume cannot be a chest CT in HU.

    Args:
        image: (1, X, Y, Z); where it has an affine (MetaTensor), that is checked too.
        least_slices: along the last axis.

    Raises:
        TypeError: where it is no tensor.
        ValueError: for other channels or axes, fewer slices, NaN or infinity, one value everywhere, no air below -500
            HU (such as after scaling to 0 to 1, or with 1024 added), an affine that is none.

    Example:
        >>> check_volume_hu(torch.zeros(1, 4, 4, 4))
        Traceback (most recent call last):
        ...
        ValueError: image must be a scan, but is 0 HU everywhere. Is the file empty?
    """
    check_type(image, torch.Tensor, "image")
    remedy = "Add the channel to a single volume, or take one channel: image[None]. Slices lie on the last axis."
    check(image.ndim == 4 and image.shape[0] == 1, "image", "of shape (1, X, Y, Z)", image, remedy)
    slices = image.shape[-1]
    check(
        slices >= least_slices, "image", f"a volume of at least {least_slices} slices", image, "It is a single slice."
    )
    values = convert_to_tensor(image, track_meta=False)
    lowest, highest = (float(end) for end in values.aminmax())
    finite = lowest == lowest and highest == highest and abs(lowest) < float("inf") and abs(highest) < float("inf")
    check(
        finite, "image", "finite", f"{lowest:g} to {highest:g}", "Replace NaN by -1024 (air) where nothing was scanned."
    )
    if lowest == highest:
        raise ValueError(f"image must be a scan, but is {lowest:g} HU everywhere. Is the file empty?")
    inside = lowest < _AIR_HU and highest > _TISSUE_HU
    remedy = "Give Hounsfield units: not scaled, nothing added (raw values of scanners are often 1024 higher)."
    check(
        inside,
        "image",
        "a chest CT in HU, with air below -500 and tissue above -300",
        f"{lowest:g} to {highest:g}",
        remedy,
    )
    if hasattr(image, "affine"):
        check_affine(image.affine.cpu().numpy())


class CheckVolume(Transform):
    """:func:`check_volume_hu` as a MONAI transform: the image (1, X, Y, Z) comes back as it is.

    Args:
        least_slices: along the last axis.

    Example:
        >>> CheckVolume()(torch.linspace(-1000, 100, 27).reshape(1, 3, 3, 3)).shape
        torch.Size([1, 3, 3, 3])
    """

    def __init__(self, least_slices: int = 2) -> None:
        check_type(least_slices, int, "least_slices")
        self.least_slices = least_slices

    def __call__(self, image: torch.Tensor) -> torch.Tensor:
        """Check one image."""
        check_volume_hu(image, self.least_slices)
        return image


class CheckVolumed(MapTransform):
    """Dictionary version of :class:`CheckVolume`.

    Args:
        keys: where the images (1, X, Y, Z) lie.
        least_slices: along the last axis.
        allow_missing_keys: whether a key may be missing.

    Example:
        >>> CheckVolumed("image").keys
        ('image',)
    """

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
