"""Disk cache of results that are slow to compute, addressed by the content that they depend on."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import TransformBackends

from monai_pylon.utils import atomic_write, check, check_type, content_hash
from monai_pylon.utils.version import __version__

__all__ = ["CacheToDiskd"]

_LOGGER = logging.getLogger(__name__)


def _packed(tensor: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """Pack a bool tensor to one bit per value, with its shape; any other tensor is stored itself, with no shape."""
    if tensor.dtype != torch.bool:
        return tensor, []
    return torch.from_numpy(np.packbits(tensor.numpy())), list(tensor.shape)


def _unpacked(stored: torch.Tensor, shape: list[int]) -> torch.Tensor:
    """Restore a tensor from :func:`_packed`."""
    if not shape:
        return stored
    return torch.from_numpy(np.unpackbits(stored.numpy(), count=math.prod(shape)).astype(bool).reshape(shape))


class CacheToDiskd(Transform):
    """Disk cache of a transform's results, so that they are not computed twice for the same content.

    MONAI's `PersistentDataset` caches whole items by their entry in the data list. This class caches single results,
    such as the allowed regions of a scan (some kB, while the scan has 300 MB), by the content that they depend on. A
    scan that was replaced under the same name is therefore computed again, and a scan that was moved is not. An
    unreadable entry is computed again and replaced. Entries are written atomically, also by several processes.

    Args:
        keys: Keys of the results: tensors that the transform adds to the item. MONAI's metadata is not cached.
        depends_on: Keys of the values that determine the results. A missing key is part of the content. A path stands
            for the bytes of its file.
        transform: Maps an item to an item. Only the results are taken from it.
        folder: Folder of the entries. None does not cache.
        settings: Further values that the results depend on. The package's version is always one of them.

    Raises:
        TypeError: If a result is not a tensor.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     double = CacheToDiskd("b", "a", lambda item: {"b": 2 * item["a"]}, folder)
        ...     double({"a": torch.ones(2)})["b"], len(list(Path(folder).iterdir()))
        (tensor([2., 2.]), 1)
    """

    backend = [TransformBackends.TORCH]

    def __init__(
        self,
        keys: str | Sequence[str],
        depends_on: str | Sequence[str],
        transform: Callable[[Mapping[Hashable, Any]], Mapping[Hashable, Any]],
        folder: str | PathLike[str] | None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.keys = (keys,) if isinstance(keys, str) else tuple(keys)
        self.depends_on = (depends_on,) if isinstance(depends_on, str) else tuple(depends_on)
        self.transform, self.settings = transform, dict(settings or {})
        self.folder = None if folder is None else Path(folder).expanduser()

    def file_of(self, data: Mapping[Hashable, Any]) -> Path | None:
        """Return the path of an item's entry, whether it exists or not; None without a folder."""
        if self.folder is None:
            return None
        found = {f"item {name}": data[name] for name in self.depends_on if name in data}
        content = {**found, "settings": self.settings, "version": __version__, "keys": list(self.keys)}
        return self.folder / f"{content_hash(content)}.pt"

    def read(self, file: Path) -> dict[str, torch.Tensor] | None:
        """Read the results of an entry; None if it is missing or unreadable."""
        if not file.is_file():
            return None
        try:
            stored = torch.load(file, map_location="cpu", weights_only=True)
            complete = isinstance(stored, dict) and set(stored) == set(self.keys)
            check(complete, "entry", f"a dictionary of {', '.join(self.keys)}", type(stored).__name__)
            return {name: _unpacked(*stored[name]) for name in self.keys}
        except Exception as error:  # a damaged file may raise any exception
            _LOGGER.warning("Cannot read %s (%s). It is computed again.", file, error)
            return None

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the results to a copy of an item, from the cache if it has them."""
        file = self.file_of(data)
        results: Any = None if file is None else self.read(file)
        if results is None:
            computed = self.transform(data)
            for name in self.keys:
                check_type(computed[name], torch.Tensor, name, "Only tensors can be cached.")
            results = {name: computed[name].detach().cpu().clone() for name in self.keys}
            results = {name: v.as_tensor() if isinstance(v, MetaTensor) else v for name, v in results.items()}
            if file is not None:
                with atomic_write(file) as part, part.open("wb") as stream:  # of a path, its random name is stored
                    torch.save({name: _packed(value) for name, value in results.items()}, stream)
        return {**data, **results}
