"""Base class of the dictionary transforms that read files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from typing import Any

from monai.data import MetaTensor
from monai.transforms import MapTransform
from monai.utils import TransformBackends

__all__ = ["ReadPathd"]


class ReadPathd(MapTransform, ABC):
    """Replace the paths in a dictionary by the images that a subclass reads from them.

    Args:
        keys: Keys of the items that hold paths.
        allow_missing_keys: Whether a key may be missing.

    Example:
        >>> ReadPathd.__abstractmethods__
        frozenset({'read'})
    """

    backend = [TransformBackends.NUMPY]

    @abstractmethod
    def read(self, path: Any, item: Mapping[Hashable, Any]) -> MetaTensor:
        """Read one file of an item."""

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[key] = self.read(d[key], d)
        return d
