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
    """Replace a file in one step after its new content has been written to a temporary file.

    If the block raises, the temporary file is removed and an existing file stays unchanged.

    Args:
        path: File to write. A missing folder is created.

    Yields:
        The temporary path to write to, in the same folder and with the same ending.

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
    """Hash the content of a file, independent of its path.

    Args:
        file: Path of the file.

    Returns:
        The first twelve hexadecimal digits of its SHA-256; empty if there is no such file.

    Example:
        >>> file_hash("models/model.pt")
        ''
    """
    path = Path(file).expanduser()
    if not path.is_file():
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _feed(digest: Any, value: Any) -> None:
    """Add a value to a hash: files by their bytes, arrays by their values, anything else as JSON."""
    if isinstance(value, str | PathLike) and (path := Path(value)).exists():
        for file in sorted(f for f in path.iterdir() if f.is_file()) if path.is_dir() else [path]:
            digest.update(file.name.encode() if path.is_dir() else b"file")
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
    """Hash the contents of files and values, independent of paths and modification times.

    Args:
        values: Values by name. A path of a file or folder stands for the bytes in it, an array or tensor (...) for
            its values and, if it is a MetaTensor, its affine; anything else for its JSON.

    Returns:
        32 hexadecimal digits.

    Example:
        >>> content_hash({"a": 1}) == content_hash({"a": 1}), len(content_hash({"a": np.zeros(3)}))
        (True, 32)
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(values):
        digest.update(f"\\0{name}\\0".encode())
        _feed(digest, values[name])
    return digest.hexdigest()
