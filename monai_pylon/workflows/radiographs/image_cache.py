"""Radiographs read and shrunk once: later epochs and trainings read a small file instead."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from os import PathLike
from typing import Any

import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Resized, Transform
from monai.utils import TransformBackends

from monai_pylon.data import ReadRadiographd
from monai_pylon.transforms import FollowBoxesd
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.utils import check, check_type

__all__ = ["ReadCachedRadiographd"]

#: Steps of a pixel per unit of brightness. Cubic interpolation leaves the range from 0 to 1 a little.
_STEPS = 1 << 14


def _packed(item: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
    """Add what the cache keeps to an item: pixels as int16, and the boxes without their metadata."""
    pixels = (item["image"].as_tensor() * _STEPS).round().clamp(-(1 << 15), (1 << 15) - 1).to(torch.int16)
    return {**item, "pixels": pixels, "moved": torch.as_tensor(item["boxes"]).as_subclass(torch.Tensor).clone()}


class ReadCachedRadiographd(Transform):
    """Transform that reads a radiograph and its boxes in the size of the network's input, from a folder if possible.

    A radiograph is read and shrunk as :class:`~monai_pylon.data.ReadRadiographd` and MONAI's `Resized` (cubic) do it.
    The result is kept under the hash of the file's bytes and of the boxes, so that a changed file is read anew. Pixels
    are rounded to 1/16384. A radiograph of 256 x 256 pixels takes 128 kB.

    Args:
        folder: Folder of the cache. Several processes and trainings may use it.
        image_size: Rows and columns of the result.

    Raises:
        TypeError: If the size is no whole number.
        ValueError: If it is not positive.

    Example:
        >>> ReadCachedRadiographd("cache", 256).image_size
        256

    Called with an item with "image", a path, and "boxes" (K, 5). "image" becomes a MetaTensor (1, S, S), "boxes" the
    boxes in its pixels.
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, folder: str | PathLike[str], image_size: int) -> None:
        check_type(image_size, int, "image_size")
        check(image_size > 0, "image_size", "positive", image_size)
        self.image_size = image_size
        size = (image_size, image_size)
        make: list[Any] = [ReadRadiographd("image"), Resized("image", size, mode="bicubic"), FollowBoxesd(), _packed]
        settings = {"image_size": image_size, "steps": _STEPS}
        self.cache = CacheToDiskd(("pixels", "moved"), ("image", "boxes"), Compose(make), folder, settings)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Read an item."""
        found = self.cache({key: data[key] for key in ("image", "boxes")})
        image = MetaTensor(found["pixels"].float() / _STEPS)
        return {**data, "image": image, "boxes": found["moved"]}
