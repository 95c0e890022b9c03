"""Reading of checkpoint files that can hold tensors only, and the cause if a file cannot be read.

A checkpoint is often something else: a page of a web site, a pointer of Git LFS, half a download, or a whole Python
object. The error names the cause. Nothing in a file is ever run.
"""

from __future__ import annotations

import importlib.util
import json
import re
import warnings
import zipfile
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["packaged_file", "read_tensors"]

#: Types of numbers in safetensors files.
_SAFETENSORS_TYPES = {
    **{"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16},
    **{"I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8, "U8": torch.uint8},
    "BOOL": torch.bool,
}
#: How files of other kinds begin, what they are, and what to do.
_BEGINNINGS = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file itself", "Fetch it with: git lfs pull"),
    (b"/annex/objects/", "a pointer of git-annex, not the file itself", "Fetch it with: git annex get"),
    (b"\x89HDF\r\n", "an HDF5 file, such as weights of Keras", "Convert it with the program that made it."),
    (b"\x93NUMPY", "a NumPy array", "Save a state dict by torch.save(model.state_dict(), file)."),
    (b"\x1f\x8b", "compressed by gzip", "Unpack it first."),
    (b"BZh", "compressed by bzip2", "Unpack it first."),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first."),
    (b"Rar!", "a RAR archive", "Unpack it first."),
    (b"%PDF", "a PDF document", "Download the weights instead."),
    (b"{", "a text in JSON", "Download the weights instead."),
)
_STATE_DICT = "In the program that made it: torch.save(model.state_dict(), file)."
_AGAIN = "Download or copy it again."


def packaged_file(package: str, *parts: str) -> Path | None:
    """Find a file of an installed Python package without importing the package, so that none of its code runs.

    Args:
        package: Name of the package, as in an import.
        parts: Folders and name of the file below it.

    Returns:
        The path, or None if the package or the file is not installed.

    Example:
        >>> packaged_file("numpy", "__init__.py").name, packaged_file("no_such_package", "weights.pth")
        ('__init__.py', None)
    """
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations or ()) if spec else ()
    return next((file for folder in folders if (file := Path(folder, *parts)).is_file()), None)


def read_tensors(file: str | Path, argument: str = "weights") -> Mapping[str, Any]:
    """Read a file of tensors.

    Args:
        file: File written by ``torch.save`` or safetensors. It is read with ``weights_only=True``: it cannot run code.
        argument: Name of the argument for an error.

    Returns:
        Content of the file: tensors (...) by name, on the CPU, possibly in nested dictionaries, with settings.

    Raises:
        ValueError: If the file cannot be read, or is no dictionary. The message names the cause.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile(suffix=".pth") as file:
        ...     _ = Path(file.name).write_text("<!DOCTYPE html><title>Sign in</title>")
        ...     read_tensors(file.name)
        Traceback (most recent call last):
        ...
        ValueError: weights must be a file of tensors, but ... cannot be read: it is a web page. Download the ...
    """
    path = Path(file)
    with path.open("rb") as stream:
        start = stream.read(512)
    try:
        content = _read_safetensors(path) if _is_safetensors(path, start) else _load(path)
    except Exception as error:  # a damaged pickle may raise any exception
        cause, remedy = _cause(path, start, str(error))
        raise ValueError(
            f"{argument} must be a file of tensors, but {str(file)!r} cannot be read: it is {cause}. {remedy}"
        ) from error
    if isinstance(content, torch.nn.Module) or not isinstance(content, Mapping):
        kind = type(content).__name__
        raise ValueError(
            f"{argument} must be a file with a dictionary of weights, but {str(file)!r} holds a {kind}. {_STATE_DICT}"
        )
    return content


def _load(path: Path) -> Any:
    """Read a file of torch.save. Besides tensors it may hold NumPy's numbers, such as a best score."""
    with warnings.catch_warnings(), _numbers_of_numpy():
        warnings.simplefilter("ignore", UserWarning)  # about other formats, which the error names
        content = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(content, torch.jit.ScriptModule):
        raise ValueError("a TorchScript archive")  # which PyTorch refuses itself from 2.5 on
    return content


def _numbers_of_numpy() -> Any:
    """Allow NumPy's numbers in a file of tensors, where PyTorch can allow them for one file alone."""
    if not hasattr(torch.serialization, "get_unsafe_globals_in_checkpoint"):  # new in PyTorch 2.6
        return nullcontext()
    types: list[Any] = [np.dtype, *(type(np.dtype(kind)) for kind in ("float64", "float32", "int64", "int32", "bool"))]
    scalar = getattr(np, "_core" if hasattr(np, "_core") else "core").multiarray.scalar
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return torch.serialization.safe_globals([*((scalar, name) for name in names), *types])


def _is_safetensors(path: Path, start: bytes) -> bool:
    """Return whether a file begins with the length of a JSON header and the header."""
    length = int.from_bytes(start[:8], "little")
    return path.suffix == ".safetensors" or (start[8:9] == b"{" and 2 <= length <= 100_000_000)


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file: the length of a JSON header, the header, and the numbers."""
    data = bytearray(path.read_bytes())
    first = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(bytes(data[8:first]).decode("utf-8"))
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (first + offset for offset in entry["data_offsets"])
        dtype, shape = _SAFETENSORS_TYPES[entry["dtype"]], entry["shape"]
        if end > len(data):
            raise EOFError(f"{name} ends after the file")
        if end == begin:
            tensors[name] = torch.empty(shape, dtype=dtype)
            continue
        flat = torch.frombuffer(data, dtype=dtype, offset=begin, count=(end - begin) // dtype.itemsize)
        tensors[name] = flat.reshape(shape)
    return tensors


def _cause(path: Path, start: bytes, error: str) -> tuple[str, str]:
    """Return what a file that cannot be read is, and the remedy."""
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not start:
        return "empty", _AGAIN
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        return "a web page", "Download the weights themselves: the address may need a sign-in or a confirmation."
    for beginning, cause, remedy in _BEGINNINGS:
        if start.startswith(beginning) or (beginning == b"{" and text.startswith(b"{")):
            return cause, remedy
    if start.startswith(b"PK\x03\x04"):
        return _cause_of_zip(path, error)
    if _is_safetensors(path, start):
        return "a safetensors file that is incomplete, damaged, or has numbers of an unknown type", _AGAIN
    if found := re.search(r"GLOBAL ([\w.]+)", error):
        return _cause_of_class(found[1])
    if start[257:262] == b"ustar":
        return "a tar archive", "Unpack it first, or write it anew with a PyTorch of today."
    if start.startswith(b"\x80"):
        return "a pickle file that is incomplete, damaged, or not of PyTorch", f"{_AGAIN} {_STATE_DICT}"
    if all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in start):
        return "a text file", "Download the weights themselves."
    return "of an unknown format, or damaged", f"{_AGAIN} Is it whole?"


def _cause_of_zip(path: Path, error: str) -> tuple[str, str]:
    """Return what a file that begins as a zip archive is."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return "incomplete: the end of the archive is missing", _AGAIN
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        return (
            "a TorchScript archive, a program with weights",
            "Where you trust it: torch.save(torch.jit.load(file).state_dict(), new_file).",
        )
    if any(name.endswith(".npy") for name in names):
        return "a NumPy archive", _STATE_DICT
    if any("models/" in name or "archive_format" in name for name in names):
        return "a program of torch.export", _STATE_DICT
    if found := re.search(r"GLOBAL ([\w.]+)", error):
        return _cause_of_class(found[1])
    if not any(name.endswith("data.pkl") for name in names):
        return "a zip archive without weights", "Unpack it, and give the file inside it."
    return "damaged", f"{_AGAIN} ({error.splitlines()[0][:120]})"


def _cause_of_class(name: str) -> tuple[str, str]:
    """Return the cause for a file with Python objects of a class."""
    cause = f"a file with Python objects of the class {name}, which could run code"
    return cause, f"Save the tensors alone. {_STATE_DICT}"
