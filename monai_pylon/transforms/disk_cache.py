"""What is expensive to compute of a scan, kept on disk by the content that it depends on."""

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

from monai_pylon.utils import atomic_write, check, check_type, content_hash
from monai_pylon.utils.version import __version__

__all__ = ["CacheToDiskd"]

_LOGGER = logging.getLogger(__name__)


def _packed(tensor: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """A tensor for the disk, and the shape of one of truth values, which take a bit each."""
    if tensor.dtype != torch.bool:
        return tensor, []
    return torch.from_numpy(np.packbits(tensor.numpy())), list(tensor.shape)


def _unpacked(stored: torch.Tensor, shape: list[int]) -> torch.Tensor:
    if not shape:
        return stored
    return torch.from_numpy(np.unpackbits(stored.numpy(), count=math.prod(shape)).astype(bool).reshape(shape))


class CacheToDiskd(Transform):
    """A transform whose results are kept on disk: an item of the same content is not computed again.

    MONAI's `PersistentDataset` keeps whole items by what the data list says of them. Here it is some results alone,
    such as the allowed regions of a scan (some kB, where the scan has 300 MB), by the content of what they depend on: a
    scan that was replaced under the same name is computed anew, one that was moved is not. An entry that cannot be read
    is computed again and replaced; entries appear whole or not at all, also where several processes write them.

    Args:
        keys: the results: tensors that the transform puts into the item. MONAI's metadata are not kept.
        depends_on: the items that decide; those that are missing count as missing. Paths count by their files' bytes.
        transform: item to item; what it puts elsewhere is dropped.
        folder: for the entries; None keeps nothing.
        settings: what else the results depend on. The package's version counts too.

    Raises:
        TypeError: where a result is no tensor.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     double = CacheToDiskd("b", "a", lambda item: {"b": 2 * item["a"]}, folder)
        ...     double({"a": torch.ones(2)})["b"], len(list(Path(folder).iterdir()))
        (tensor([2., 2.]), 1)
    """

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
        """Where an item's results are kept or will be; None without a folder."""
        if self.folder is None:
            return None
        found = {f"item {name}": data[name] for name in self.depends_on if name in data}
        known = {**found, "settings": self.settings, "version": __version__, "keys": list(self.keys)}
        return self.folder / f"{content_hash(known)}.pt"

    def read(self, file: Path) -> dict[str, torch.Tensor] | None:
        """What was kept; None where there is nothing, or nothing that can be read."""
        if not file.is_file():
            return None
        try:
            kept = torch.load(file, map_location="cpu", weights_only=True)
            whole = isinstance(kept, dict) and set(kept) == set(self.keys)
            check(whole, "entry", "the results", str(file))
            return {name: _unpacked(*kept[name]) for name in self.keys}
        except Exception as error:  # what is damaged may fail in any way
            _LOGGER.warning("%s cannot be read (%s): computed again.", file, error)
            return None

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the results to a copy of an item, from disk where they are there."""
        file = self.file_of(data)
        kept: Any = None if file is None else self.read(file)
        if kept is None:
            computed = self.transform(data)
            for name in self.keys:
                check_type(computed[name], torch.Tensor, name, "Tensors are kept, nothing else.")
            kept = {name: computed[name].detach().cpu().clone() for name in self.keys}
            kept = {name: v.as_tensor() if isinstance(v, MetaTensor) else v for name, v in kept.items()}
            if file is not None:
                with atomic_write(file) as part:
                    torch.save({name: _packed(value) for name, value in kept.items()}, part)
        return {**data, **kept}
