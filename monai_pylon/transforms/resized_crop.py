"""Random resized crop (PYLON, section 3.3), an augmentation that MONAI has in no single transform.

It combines MONAI's own crop and resize, so the image's affine follows.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor, get_track_meta
from monai.data.utils import to_affine_nd
from monai.transforms import (
    BorderPad,
    InvertibleTransform,
    LazyTransform,
    MapTransform,
    RandomizableTransform,
    Resize,
    SpatialCrop,
)
from monai.transforms.utils import create_translate, scale_affine
from monai.utils import LazyAttr, TraceKeys, TransformBackends, convert_to_tensor, ensure_tuple_rep

from monai_pylon.utils import check, check_type

__all__ = ["RandResizedCrop", "RandResizedCropD", "RandResizedCropDict", "RandResizedCropd"]

#: Draws after which the whole image is taken.
_ATTEMPTS = 10


def _shape(image: torch.Tensor) -> tuple[int, int]:
    """Return rows and columns of an image (C, H, W), after its pending lazy transforms."""
    rows, columns = image.peek_pending_shape() if isinstance(image, MetaTensor) else image.shape[-2:]
    return int(rows), int(columns)


class RandResizedCrop(RandomizableTransform, InvertibleTransform, LazyTransform):
    """Random part of an image, resized to a fixed size: random zoom, position and aspect ratio.

    Called with an image (C, H, W). The share of the image's area is drawn uniformly from `scale`, and the aspect ratio
    (width / height) uniformly on a logarithmic axis from `ratio`. If none of ten draws fits into the image, the whole
    image is taken. The inverse puts an image back to the size and place of its part and pads with 0.

    Args:
        spatial_size: Rows and columns of the result, or one number for both.
        scale: Smallest and largest share of the area.
        ratio: Smallest and largest aspect ratio in pixels.
        mode: Interpolation of MONAI's Resize: "bilinear", "bicubic", "area", "nearest". A lazy pipeline interpolates
            once for all its transforms, as ``Compose(..., overrides=...)`` says.
        lazy: Whether to crop and resize lazily. Lazy pipelines of MONAI 1.6 fail for 2D images if one of MONAI's random
            transforms is not applied.

    Raises:
        ValueError: If a range is empty or not positive, or a share is above 1.

    Example:
        >>> RandResizedCrop(64).set_random_state(seed=0)(torch.rand(1, 200, 300)).shape
        torch.Size([1, 64, 64])
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        spatial_size: int | Sequence[int] = 256,
        scale: Sequence[float] = (0.7, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        mode: str = "bilinear",
        lazy: bool = False,
    ) -> None:
        RandomizableTransform.__init__(self, prob=1.0)
        LazyTransform.__init__(self, lazy)
        check(len(scale) == 2 and 0 < scale[0] <= scale[1] <= 1, "scale", "(smallest, largest) in 0 to 1", scale)
        check(len(ratio) == 2 and 0 < ratio[0] <= ratio[1], "ratio", "(smallest, largest), positive", ratio)
        self.spatial_size = ensure_tuple_rep(spatial_size, 2)
        self.scale, self.ratio, self.mode = tuple(scale), tuple(ratio), mode
        self._first = self._last = (0, 0)  # nothing was drawn yet

    def randomize(self, data: Any = None) -> None:
        """Draw the part of an image (C, H, W)."""
        rows, columns = _shape(data)
        self._first, self._last = (0, 0), (rows, columns)
        for _ in range(_ATTEMPTS):
            area = rows * columns * self.R.uniform(self.scale[0], self.scale[1])
            aspect = math.exp(self.R.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            height, width = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < height <= rows and 0 < width <= columns:
                top, left = self.R.randint(rows - height + 1), self.R.randint(columns - width + 1)
                self._first, self._last = (top, left), (top + height, left + width)
                return

    def __call__(self, image: torch.Tensor, randomize: bool = True, lazy: bool | None = None) -> torch.Tensor:
        """Crop and resize one image (C, H, W); ``randomize=False`` repeats the last draw, if there is one."""
        check(image.ndim == 3, "image", "of shape (C, H, W)", image)
        if randomize or self._last == (0, 0):
            self.randomize(image)
        image = convert_to_tensor(image, track_meta=get_track_meta())
        rows, columns = _shape(image)
        (top, left), (bottom, right) = self._first, self._last
        # BorderPad takes rows before and after, columns before and after.
        trace = {"cropped": [top, rows - bottom, left, columns - right], "mode": self.mode, "align_corners": "none"}
        if self.lazy if lazy is None else lazy:
            return self._postpone(image, trace)
        crop, resize = SpatialCrop(roi_start=self._first, roi_end=self._last), Resize(self.spatial_size, mode=self.mode)
        with crop.trace_transform(False), resize.trace_transform(False):
            result = resize(crop(image))
        return self.push_transform(result, orig_size=(rows, columns), extra_info=trace)

    def _postpone(self, image: torch.Tensor, trace: dict[str, Any]) -> torch.Tensor:
        """Add crop and resize to the pending transforms of an image."""
        check_type(image, MetaTensor, "image", "Lazy transforms need MONAI's metadata: call set_track_meta(True).")
        part = [last - first for first, last in zip(self._first, self._last, strict=True)]
        move = create_translate(2, self._first) @ scale_affine(part, self.spatial_size)
        pending = image.pending_operations  # type: ignore[attr-defined]
        if pending:  # MONAI multiplies the matrices, so they must have one size
            move = to_affine_nd(len(pending[-1][LazyAttr.AFFINE]) - 1, move)
        info = {**self.get_transform_info(), LazyAttr.INTERP_MODE: "nearest" if "nearest" in self.mode else "bilinear"}
        size = _shape(image)
        meta = self.track_transform_meta(
            image, None, self.spatial_size, move, trace, orig_size=size, transform_info=info, lazy=True
        )
        result: Any = MetaTensor(convert_to_tensor(image, track_meta=False))
        return result.copy_meta_from(meta)

    def inverse(self, image: torch.Tensor) -> torch.Tensor:
        """Put one image (C, H, W) back to the size and place of its part; outside of it are zeros."""
        transform = self.pop_transform(image)
        trace, (rows, columns) = transform[TraceKeys.EXTRA_INFO], transform[TraceKeys.ORIG_SIZE]
        above, below, before, after = trace["cropped"]
        resize = Resize((rows - above - below, columns - before - after), mode=trace["mode"])
        pad = BorderPad(trace["cropped"])
        with resize.trace_transform(False), pad.trace_transform(False):
            return pad(resize(image))


class RandResizedCropd(MapTransform, RandomizableTransform, InvertibleTransform, LazyTransform):
    """Dictionary version of :class:`RandResizedCrop`, which takes the same part of all keys.

    Args:
        keys: Keys of images (C, H, W) of one size.
        spatial_size: Rows and columns of the result, or one number for both.
        scale: Smallest and largest share of the area.
        ratio: Smallest and largest aspect ratio.
        mode: Interpolation, one for all keys or one for each.
        allow_missing_keys: Return items without a key unchanged.
        lazy: Whether to crop and resize lazily.

    Example:
        >>> RandResizedCropd("image", 64)({"image": torch.rand(1, 200, 300)})["image"].shape
        torch.Size([1, 64, 64])
    """

    backend = RandResizedCrop.backend

    def __init__(
        self,
        keys: KeysCollection,
        spatial_size: int | Sequence[int] = 256,
        scale: Sequence[float] = (0.7, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        mode: str | Sequence[str] = "bilinear",
        allow_missing_keys: bool = False,
        lazy: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob=1.0)
        LazyTransform.__init__(self, lazy)
        self.mode = ensure_tuple_rep(mode, len(self.keys))
        self.crop = RandResizedCrop(spatial_size, scale, ratio)

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> RandResizedCropd:
        """Set the random number generator or its seed."""
        super().set_random_state(seed, state)
        self.crop.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """Crop and resize the images in a copy of the dictionary."""
        item = dict(data)
        first = self.first_key(item)
        if first == ():
            return item
        self.crop.randomize(item[first])
        size = _shape(item[first])
        for key, mode in self.key_iterator(item, self.mode):
            check(_shape(item[key]) == size, f"item {key!r}", f"of the size of {first!r}, {size}", item[key])
            self.crop.mode = mode
            item[key] = self.crop(item[key], randomize=False, lazy=self.lazy if lazy is None else lazy)
        return item

    def inverse(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Put the images of an item back to the size and place of their part."""
        item = dict(data)
        for key in self.key_iterator(item):
            item[key] = self.crop.inverse(item[key])
        return item


RandResizedCropD = RandResizedCropDict = RandResizedCropd
