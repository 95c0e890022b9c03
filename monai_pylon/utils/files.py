"""Atomic writes, and hashes of files and values."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

__all__ = ["atomic_write", "content_hash", "file_hash"]

_CHUNK = 2**22


@contextmanager
def atomic_write(path: str | PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside a file; when the block ends well, it takes the file's place in one step.

    Where the block raises, the temporary file is removed and the old file, if there was one, stays as it was.

    Args:
        path: the file to write. Its folder is made where it is missing.

    Yields:
        the path to write to, with the same ending.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic_write(Path(folder, "a.txt")) as part:
        ...         _ = part.write_text("all of it")
        ...     [file.name for file in Path(folder).iterdir()]
        ['a.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".part-{os.getpid()}-{path.name}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def file_hash(file: str | PathLike[str]) -> str:
    """A mark of a file's content, for what depends on it; it does not matter where the file lies.

    Args:
        file: its path.

    Returns:
        twelve characters; empty where there is no such file.

    Example:
        >>> file_hash("models/model.pt")
        ''
    """
    place = Path(file).expanduser()
    if not place.is_file():
        return ""
    return hashlib.sha256(place.read_bytes()).hexdigest()[:12]


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


def content_hash(values: Mapping[str, Any]) -> str:
    """A mark of contents: the same one for the same contents, wherever the files lie and whenever they were written.

    Args:
        values: paths of files or folders, which count by their bytes; arrays (...) and tensors, by their values; all
            else by its text.

    Returns:
        32 characters.

    Example:
        >>> content_hash({"a": 1}) == content_hash({"a": 1}), len(content_hash({"a": np.zeros(3)}))
        (True, 32)
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(values):
        digest.update(f"\\0{name}\\0".encode())
        _feed(digest, values[name])
    return digest.hexdigest()
