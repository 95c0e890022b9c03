"""Search for identifiers: it finds what it is meant to find."""

from __future__ import annotations

import base64
import gzip
import sqlite3
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.workflows.commands.leaks import leaks


def test_finds_words_in_every_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(b"\0\0Name\xe4r"))
    info = PngInfo()
    info.add_text("Comment", "NAMEXR" * 300, zip=True)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "b.png", pnginfo=info)
    (tmp_path / "c.html").write_bytes(b'src="data:x;base64,' + base64.b64encode(gzip.compress(b"namexr")) + b'"')
    with sqlite3.connect(tmp_path / "d.sqlite") as ledger:
        ledger.execute("CREATE TABLE items (cells TEXT)")
        ledger.execute("INSERT INTO items VALUES (?)", ("x" * 9000 + "NameXR",))
    ledger.close()
    (tmp_path / "namexr.txt").write_text("")
    found = leaks(["NameXR", "Nameär", "absent"], tmp_path, "a namexr")
    assert {name for name, _ in found} == {"a.nii.gz", "b.png", "c.html", "d.sqlite", "namexr.txt", "shown"}
    assert {word for _, word in found} == {"NameXR", "Nameär"}
