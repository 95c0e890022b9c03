"""Random resized crop (PYLON, section 3.3), an augmentation that MONAI has in no single transform.

It combines MONAI's own crop and resize, so the image's affine follows. It is never lazy: in MONAI 1.6, lazy resampling
of 2D images fails if a random transform is not applied.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import MapTransform, RandomizableTransform, Resize, SpatialCrop
from monai.utils import ensure_tuple_rep

from monai_pylon.utils import check

__all__ = ["RandResizedCrop", "RandResizedCropD", "RandResizedCropDict", "RandResizedCropd"]

#: Draws after which the whole image is taken.
_ATTEMPTS = 10


class RandResizedCrop(RandomizableTransform):
    """Random part of an image, resized to a fixed size: random zoom, position and aspect ratio.

    Called with an image (C, H, W). The share of the image's area is drawn uniformly from `scale`, and the aspect ratio
    (width / height) uniformly on a logarithmic axis from `ratio`. If none of ten draws fits into the image, the whole
    image is taken.

    Args:
        spatial_size: Rows and columns of the result, or one number for both.
        scale: Smallest and largest share of the area.
        ratio: Smallest and largest aspect ratio in pixels.
        mode: Interpolation of MONAI's Resize: "bilinear", "bicubic", "area", "nearest".

    Raises:
        ValueError: If a range is empty or not positive, or a share is above 1.

    Example:
        >>> RandResizedCrop(64).set_random_state(seed=0)(torch.rand(1, 200, 300)).shape
        torch.Size([1, 64, 64])
    """

    def __init__(
        self,
        spatial_size: int | Sequence[int] = 256,
        scale: Sequence[float] = (0.7, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        mode: str = "bilinear",
    ) -> None:
        RandomizableTransform.__init__(self, prob=1.0)
        check(len(scale) == 2 and 0 < scale[0] <= scale[1] <= 1, "scale", "(smallest, largest) in 0 to 1", scale)
        check(len(ratio) == 2 and 0 < ratio[0] <= ratio[1], "ratio", "(smallest, largest), positive", ratio)
        self.spatial_size = ensure_tuple_rep(spatial_size, 2)
        self.scale, self.ratio, self.mode = tuple(scale), tuple(ratio), mode
        self._first, self._last = (0, 0), (1, 1)

    def randomize(self, data: Any = None) -> None:
        """Draw the part of an image (C, H, W)."""
        rows, columns = data.shape[-2:]
        self._first, self._last = (0, 0), (rows, columns)
        for _ in range(_ATTEMPTS):
            area = rows * columns * self.R.uniform(self.scale[0], self.scale[1])
            aspect = math.exp(self.R.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            height, width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < height <= rows and 0 < width <= columns:
                top, left = self.R.randint(rows - height + 1), self.R.randint(columns - width + 1)
                self._first, self._last = (top, left), (top + height, left + width)
                return

    def __call__(self, image: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Crop and resize one image (C, H, W); ``randomize=False`` repeats the last draw."""
        check(image.ndim == 3, "image", "of shape (C, H, W)", image)
        if randomize:
            self.randomize(image)
        part = SpatialCrop(roi_start=self._first, roi_end=self._last)(image)
        return Resize(self.spatial_size, mode=self.mode)(part)


class RandResizedCropd(MapTransform, RandomizableTransform):
    """Dictionary version of :class:`RandResizedCrop`, which takes the same part of all keys.

    Args:
        keys: Keys of images (C, H, W) of one size.
        spatial_size: Rows and columns of the result, or one number for both.
        scale: Smallest and largest share of the area.
        ratio: Smallest and largest aspect ratio.
        mode: Interpolation, one for all keys or one for each.
        allow_missing_keys: Return items without a key unchanged.

    Example:
        >>> RandResizedCropd("image", 64)({"image": torch.rand(1, 200, 300)})["image"].shape
        torch.Size([1, 64, 64])
    """

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: int | Sequence[int] = 256,
        scale: Sequence[float] = (0.7, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        mode: str | Sequence[str] = "bilinear",
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob=1.0)
        self.mode = ensure_tuple_rep(mode, len(self.keys))
        self.crop = RandResizedCrop(spatial_size, scale, ratio)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandResizedCropd:
        """Set the random number generator or its seed."""
        super().set_random_state(seed, state)
        self.crop.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Crop and resize the images in a copy of the dictionary."""
        item = dict(data)
        first = self.first_key(item)
        if first == ():
            return item
        self.crop.randomize(item[first])
        size = item[first].shape[-2:]
        for key, mode in self.key_iterator(item, self.mode):
            same = item[key].shape[-2:] == size
            check(same, f"item {key!r}", f"of the size of {first!r}, {tuple(size)}", item[key])
            self.crop.mode = mode
            item[key] = self.crop(item[key], randomize=False)
        return item


RandResizedCropD = RandResizedCropDict = RandResizedCropd
