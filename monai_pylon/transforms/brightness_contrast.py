"""Random change of brightness and contrast (PYLON, section 3.3), always of both together."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import get_track_meta
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import TransformBackends, convert_to_tensor

from monai_pylon.utils import check

__all__ = [
    "RandBrightnessContrast",
    "RandBrightnessContrastD",
    "RandBrightnessContrastDict",
    "RandBrightnessContrastd",
]


class RandBrightnessContrast(RandomizableTransform):
    """Random change of brightness and contrast: image · (1 + c) + b, clipped to 0 and 1.

    Called with an image (C, ...) with values between 0 and 1.

    Args:
        brightness: b is drawn uniformly from -brightness to brightness.
        contrast: c is drawn uniformly from -contrast to contrast.
        prob: Probability of a change, 0 to 1.

    Raises:
        ValueError: If a range is negative, or contrast is above 1.

    Example:
        >>> image = RandBrightnessContrast(prob=1.0).set_random_state(seed=0)(torch.full((1, 2, 2), 0.5))
        >>> round(image.max().item(), 3)
        0.71
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, brightness: float = 0.5, contrast: float = 0.5, prob: float = 0.5) -> None:
        RandomizableTransform.__init__(self, prob)
        check(brightness >= 0, "brightness", "0 or more", brightness)
        check(0 <= contrast <= 1, "contrast", "from 0 to 1", contrast)
        self.brightness, self.contrast = brightness, contrast
        self._shift, self._factor = 0.0, 1.0

    def randomize(self, data: Any = None) -> None:
        """Draw whether to change the image, and by how much."""
        super().randomize(None)
        if self._do_transform:
            self._factor = 1 + self.R.uniform(-self.contrast, self.contrast)
            self._shift = self.R.uniform(-self.brightness, self.brightness)

    def __call__(self, image: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Change one image (C, ...); ``randomize=False`` repeats the last draw."""
        if randomize:
            self.randomize()
        image = convert_to_tensor(image, track_meta=get_track_meta())
        return (image * self._factor + self._shift).clamp(0, 1) if self._do_transform else image


class RandBrightnessContrastd(MapTransform, RandomizableTransform):
    """Dictionary version of :class:`RandBrightnessContrast`, which changes all keys by the same draw.

    Args:
        keys: Keys of images (C, ...) with values between 0 and 1.
        brightness: b is drawn uniformly from -brightness to brightness.
        contrast: c is drawn uniformly from -contrast to contrast.
        prob: Probability of a change, 0 to 1.
        allow_missing_keys: Return items without a key unchanged.

    Example:
        >>> item = RandBrightnessContrastd("image", prob=1.0)({"image": torch.rand(1, 4, 4)})
        >>> item["image"].shape
        torch.Size([1, 4, 4])
    """

    backend = RandBrightnessContrast.backend

    def __init__(
        self,
        keys: KeysCollection,
        brightness: float = 0.5,
        contrast: float = 0.5,
        prob: float = 0.5,
        allow_missing_keys: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        RandomizableTransform.__init__(self, prob)
        self.change = RandBrightnessContrast(brightness, contrast, prob)

    def set_random_state(
        self, seed: int | None = None, state: np.random.RandomState | None = None
    ) -> RandBrightnessContrastd:
        """Set the random number generator or its seed."""
        super().set_random_state(seed, state)
        self.change.set_random_state(seed, state)
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Change the images in a copy of the dictionary."""
        item = dict(data)
        self.change.randomize()
        for key in self.key_iterator(item):
            item[key] = self.change(item[key], randomize=False)
        return item


RandBrightnessContrastD = RandBrightnessContrastDict = RandBrightnessContrastd
