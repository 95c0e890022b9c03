"""Random brightness and contrast (PYLON, section 3.3), changed together or not at all."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import get_track_meta
from monai.transforms import MapTransform, RandomizableTransform
from monai.utils import convert_to_tensor

from monai_pylon.utils import check

__all__ = [
    "RandBrightnessContrast",
    "RandBrightnessContrastD",
    "RandBrightnessContrastDict",
    "RandBrightnessContrastd",
]


class RandBrightnessContrast(RandomizableTransform):
    """Change brightness and contrast at random: image · (1 + c) + b, cut to 0 and 1.

    Args:
        brightness: b is drawn evenly from ± this.
        contrast: c is drawn evenly from ± this.
        prob: how often, 0 to 1.

    Called with an image of any shape (C, ...) with values between 0 and 1.

    Raises:
        ValueError: for a negative range, or a contrast above 1.

    Example:
        >>> image = RandBrightnessContrast(prob=1.0).set_random_state(seed=0)(torch.full((1, 2, 2), 0.5))
        >>> round(image.max().item(), 3)
        0.71
    """

    def __init__(self, brightness: float = 0.5, contrast: float = 0.5, prob: float = 0.5) -> None:
        RandomizableTransform.__init__(self, prob)
        check(brightness >= 0, "brightness", "0 or more", brightness)
        check(0 <= contrast <= 1, "contrast", "from 0 to 1", contrast)
        self.brightness, self.contrast = brightness, contrast
        self._shift, self._factor = 0.0, 1.0

    def randomize(self, data: Any = None) -> None:
        """Draw whether to change, and by how much."""
        super().randomize(None)
        if self._do_transform:
            self._factor = 1 + self.R.uniform(-self.contrast, self.contrast)
            self._shift = self.R.uniform(-self.brightness, self.brightness)

    def __call__(self, image: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Change one image (C, ...); with ``randomize=False`` as was drawn last."""
        if randomize:
            self.randomize()
        image = convert_to_tensor(image, track_meta=get_track_meta())
        return (image * self._factor + self._shift).clamp(0, 1) if self._do_transform else image


class RandBrightnessContrastd(MapTransform, RandomizableTransform):
    """Dictionary version of :class:`RandBrightnessContrast`: every key alike.

    Args:
        keys: images of any shape (C, ...) with values between 0 and 1.
        brightness: b is drawn evenly from ± this.
        contrast: c is drawn evenly from ± this.
        prob: how often, 0 to 1.
        allow_missing_keys: leave items without a key as they are.

    Example:
        >>> item = RandBrightnessContrastd("image", prob=1.0)({"image": torch.rand(1, 4, 4)})
        >>> item["image"].shape
        torch.Size([1, 4, 4])
    """

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
        """Set the generator of random numbers, or its seed."""
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
