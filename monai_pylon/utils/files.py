"""Atomic writes, parts of file names, and hashes of files and values."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

__all__ = ["atomic_write", "content_hash", "file_hash", "file_parts", "path_below", "remove_leftovers"]

_CHUNK = 2**22
_PART = ".part-"
#: Characters of a file's ending that its temporary file keeps. File systems limit a name to 255 bytes.
_ENDING = 16


def _sync(path: Path) -> None:
    """Wait until a file or the entries of a folder are on the disk."""
    try:
        opened = os.open(path, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        if path.is_dir():
            return
        raise
    try:
        os.fsync(opened)
    except OSError:
        if not path.is_dir():  # some network file systems cannot do it for folders
            raise
    finally:
        os.close(opened)


@contextmanager
def atomic_write(path: str | PathLike[str]) -> Iterator[Path]:
    """Replace a file in one step after its new content has been written to a temporary file.

    If the block raises, the temporary file is removed and an existing file stays unchanged. The content is on the disk
    before the file is replaced, so that even after a power failure the file is either the old or the new one. The
    temporary file of a killed process stays; :func:`remove_leftovers` removes it.

    Args:
        path: File to write. A missing folder is created. Its name may be as long as the file system allows.

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
    part = path.with_name(f"{_PART}{os.getpid()}-{secrets.token_hex(4)}-{path.name[-_ENDING:]}")
    try:
        yield part
        if not part.is_symlink():
            _sync(part)
        os.replace(part, path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def remove_leftovers(folder: str | PathLike[str], min_age: float = 0.0) -> int:
    """Remove the temporary files that killed processes left in a folder (not below it).

    Args:
        folder: Folder that :func:`atomic_write` wrote to. It need not exist.
        min_age: Age in seconds from which files are removed. 0 is right only if no other process writes to the folder.

    Returns:
        The number of files removed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Path(folder, ".part-1234-0a1b2c3d-a.csv").touch()
        ...     remove_leftovers(folder), list(Path(folder).iterdir())
        (1, [])
    """
    removed = 0
    for file in Path(folder).glob(f"{_PART}*"):
        try:
            if time.time() - file.lstat().st_mtime >= min_age or min_age == 0:
                file.unlink()
                removed += 1
        except OSError:  # gone meanwhile, or not ours
            continue
    return removed


def path_below(folder: str | PathLike[str], name: str, where: str) -> Path:
    """Join a folder and a path that a table names, and refuse a path that leaves the folder.

    Links in the folder may point anywhere; only the text of the path is checked.

    Args:
        folder: The data folder.
        name: The path in the table, relative to the folder. An absolute path must lie in the folder.
        where: Place in the table, for the error message.

    Returns:
        The joined path.

    Raises:
        ValueError: If the path leads out of the folder.

    Example:
        >>> path_below("data", "p1/../p2/ct.nii", "labels.csv").as_posix()
        'data/p1/../p2/ct.nii'
        >>> path_below("data", "../ct.nii", "labels.csv, line 2")
        Traceback (most recent call last):
        ...
        ValueError: labels.csv, line 2: must name a path below 'data', but has '../ct.nii'. Move the file there, or ...
    """
    root, joined = os.path.abspath(folder), os.path.abspath(os.path.join(folder, name))
    if joined != root and not joined.startswith(root.rstrip(os.sep) + os.sep):
        raise ValueError(
            f"{where}: must name a path below {str(folder)!r}, but has {name!r}. Move the file there, or link it."
        )
    return Path(folder, name)


def file_parts(names: Sequence[str]) -> list[str]:
    """Turn labels into parts of file names, a different one for each.

    Args:
        names: The labels.

    Returns:
        The parts: letters, digits and underscores only; "finding" for a label without any. Labels that would get the
        same part, also in another case, get a number.

    Example:
        >>> file_parts(["lung mass", "Lung/mass", "?"])
        ['lung_mass', 'Lung_mass_2', 'finding']
    """
    parts: list[str] = []
    for name in names:
        part = plain = re.sub(r"\W+", "_", name).strip("_") or "finding"
        number = 2
        while part.lower() in (other.lower() for other in parts):  # some file systems ignore case
            part, number = f"{plain}_{number}", number + 1
        parts.append(part)
    return parts


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
