"""What is expensive to compute of a scan, kept on disk by the content that it depends on."""

from __future__ import annotations

import hashlib
import json
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

import monai_pylon
from monai_pylon.reports import written_whole
from monai_pylon.utils import check, check_type

__all__ = ["KeepOnDiskd", "content_mark"]

_LOGGER = logging.getLogger(__name__)
_CHUNK = 2**22


def _feed(digest: Any, value: Any) -> None:
    """Feed a value to a hash: files by their bytes, arrays by their voxels, all else by its text."""
    if isinstance(value, str | PathLike) and (place := Path(value)).exists():
        for file in sorted(f for f in place.iterdir() if f.is_file()) if place.is_dir() else [place]:
            digest.update(file.name.encode() if place.is_dir() else b"file")
            with file.open("rb") as content:
                while block := content.read(_CHUNK):
                    digest.update(block)
    elif isinstance(value, torch.Tensor | np.ndarray):
        array = np.ascontiguousarray(value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value)
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(array.data)
        if isinstance(value, MetaTensor):
            digest.update(value.affine.cpu().numpy().astype(np.float64).tobytes())
    else:
        digest.update(json.dumps(value, sort_keys=True, default=str).encode())


def content_mark(values: Mapping[str, Any]) -> str:
    """A mark of contents: the same one for the same contents, wherever the files lie and whenever they were written.

    Args:
        values: paths of files or folders, which count by their bytes; arrays (...) and tensors, by their values; all
            else by its text.

    Returns:
        32 characters.

    Example:
        >>> content_mark({"a": 1}) == content_mark({"a": 1}), len(content_mark({"a": np.zeros(3)}))
        (True, 32)
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(values):
        digest.update(f"\\0{name}\\0".encode())
        _feed(digest, values[name])
    return digest.hexdigest()


def _packed(tensor: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """A tensor for the disk, and the shape of one of truth values, which take a bit each."""
    if tensor.dtype != torch.bool:
        return tensor, []
    return torch.from_numpy(np.packbits(tensor.numpy())), list(tensor.shape)


def _unpacked(stored: torch.Tensor, shape: list[int]) -> torch.Tensor:
    if not shape:
        return stored
    return torch.from_numpy(np.unpackbits(stored.numpy(), count=math.prod(shape)).astype(bool).reshape(shape))


class KeepOnDiskd(Transform):
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
        ...     double = KeepOnDiskd("b", "a", lambda item: {"b": 2 * item["a"]}, folder)
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
        known = {**found, "settings": self.settings, "version": monai_pylon.__version__, "keys": list(self.keys)}
        return self.folder / f"{content_mark(known)}.pt"

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
                with written_whole(file) as part:
                    torch.save({name: _packed(value) for name, value in kept.items()}, part)
        return {**data, **kept}
