"""Search of results for texts that identify a patient, also in compressed and embedded parts."""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import re
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path

import pydicom
from PIL import Image

_EMBEDDED = re.compile(rb"base64,([A-Za-z0-9+/=]+)")


def _texts_of(data: bytes) -> Iterable[str]:
    """Yield the text of some bytes, and of what is packed or embedded in them."""
    yield data.decode("latin-1")
    yield data.decode("utf-8", "ignore")
    yield data.decode("utf-16-le", "ignore")
    if data[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError, zlib.error):
            yield from _texts_of(gzip.decompress(data))
    if b"base64," in data:
        for part in _EMBEDDED.findall(data):
            with contextlib.suppress(binascii.Error):  # a script that handles such texts
                yield from _texts_of(base64.b64decode(part))


def _texts(file: Path) -> Iterable[str]:
    """Yield the name of a file and all texts in it."""
    yield file.name
    yield from _texts_of(file.read_bytes())
    if file.suffix == ".png":
        with Image.open(file) as image:
            yield str(getattr(image, "text", "")) + str(image.info) + str(dict(image.getexif()))
    if file.suffix == ".dcm":
        yield str(pydicom.dcmread(file))
    if file.suffix == ".sqlite":
        with contextlib.closing(sqlite3.connect(file)) as ledger:
            for (table,) in ledger.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                yield str(ledger.execute(f"SELECT * FROM {table}").fetchall())


def leaks(words: Iterable[str], folder: Path, shown: str = "") -> set[tuple[str, str]]:
    """Return which words are in which files of a folder, or in a text, in any case."""
    wanted = [(word, word.casefold()) for word in words]
    found = {("shown", word) for word, folded in wanted if folded in shown.casefold()}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            texts = [text.casefold() for text in _texts(file)]
            found |= {(file.name, word) for word, folded in wanted if any(folded in text for text in texts)}
    return found
