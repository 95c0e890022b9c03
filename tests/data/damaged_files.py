"""Damaged copies of small files of every kind that the package reads, and a process that reads them under limits.

A damage is a function of the content and a random generator with a seed, so each one can be made again:
``python -m tests.data.damaged_files FOLDER FIRST LAST KIND ...`` reads the copies FIRST to LAST of some kinds.
"""

from __future__ import annotations

import json
import logging
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import SimpleITK
import torch
from monai.utils import optional_import
from PIL import Image

from monai_pylon.data import chest_xray14_datalist, pascal_voc_datalist, read_radiograph, read_volume
from monai_pylon.data.label_tables import read_scan_labels
from monai_pylon.labeler import read_label_table
from monai_pylon.labeler.report_files import read_reports
from monai_pylon.networks.checkpoint_files import read_tensors
from monai_pylon.networks.checkpoints import read_description
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.utils import read_rows
from monai_pylon.workflows.cohort import list_scans
from tests.data.dicom_files import write_dicom
from tests.data.radiographs.test_reader import write_dicom as write_dicom_radiograph
from tests.data.xray14_files import write_root

#: Errors that a reader may raise: they say that the file cannot be used.
REFUSALS = (ValueError, OSError)
#: Bytes of memory that reading a damaged file of some kilobytes may need, beyond what the process has.
MEMORY = 2**30
#: Start of a line for the test; libraries print others.
MARK = "damaged file: "

_HU = np.random.default_rng(0).integers(-1000, 1200, (14, 13, 8)).astype(np.int16)
_GRAY = (np.add.outer(np.arange(40), np.arange(50)) % 256).astype(np.uint8)


def _nifti(file: Path) -> None:
    image = nibabel.Nifti1Image(_HU, np.diag([2.0, 2, 3, 1]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, file)


def _itk(file: Path, compress: bool = True) -> None:
    image = SimpleITK.GetImageFromArray(_HU.T)
    image.SetSpacing((2.0, 2.0, 3.0))
    SimpleITK.WriteImage(image, str(file), useCompression=compress)


def _npz(file: Path) -> None:
    np.savez_compressed(file, ct=_HU)


def _series(file: Path) -> None:
    write_dicom(file.parent, _HU[:, :, :3])
    first = sorted(file.parent.glob("*.dcm"))[0]
    first.rename(file)


def _picture(file: Path) -> None:
    Image.fromarray(_GRAY).save(file)


def _deep(file: Path) -> None:
    Image.fromarray(_GRAY.astype(np.uint16) * 200).save(file)


def _dicom(file: Path) -> None:
    write_dicom_radiograph(file, _GRAY.astype(np.int64) * 16)


def _checkpoint(file: Path) -> None:
    torch.save({"a.weight": torch.arange(12.0).reshape(3, 4), "b": {"c": torch.zeros(2)}}, file)


def _safetensors(file: Path) -> None:
    head = json.dumps({"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}).encode()
    file.write_bytes(struct.pack("<Q", len(head)) + head + struct.pack("<3f", 1, 2, 3))


def _text(content: str) -> Callable[[Path], None]:
    return lambda file: file.write_bytes(content.encode())


def _list(found: Any) -> list[Any]:
    return list(found)


_LABELS = "scan,pleural effusion,nodule\na,1,0\nb,0,\n"
_FACTS = '{"network": {"name": "pylon", "encoder": "resnet18"}, "inputs": {"image_size": 64}}'
_REPORTS = 'id,report\na,"Left, small effusion."\nb,Clear lungs.\n'
_LINE = '{"id": "a", "report": "Clear."}\n'
_BOX = "<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
_VOC = (
    f"<annotation><size><width>50</width><height>40</height></size><object><name>cat</name>{_BOX}</object></annotation>"
)


def _voc(file: Path) -> None:
    root = file.parent.parent
    for folder in ("JPEGImages", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    Image.fromarray(_GRAY).save(root / "JPEGImages" / "one.jpg")
    (root / "ImageSets" / "Main" / "train.txt").write_text("one\n")
    file.write_text(_VOC)


def _xray14(file: Path) -> None:
    write_root(file.parent, patients=6)


#: By kind: the name of the file, the function that writes it, and the function that reads it.
KINDS: dict[str, tuple[str, Callable[[Path], Any], Callable[[Path], Any]]] = {
    "nifti": ("a.nii", _nifti, read_volume),
    "nifti_gz": ("a.nii.gz", _nifti, read_volume),
    "nrrd": ("a.nrrd", _itk, read_volume),
    "nrrd_raw": ("a.nrrd", lambda file: _itk(file, False), read_volume),
    "mha": ("a.mha", _itk, read_volume),
    "mha_raw": ("a.mha", lambda file: _itk(file, False), read_volume),
    "npz": ("a.npz", _npz, read_volume),
    "dicom_series": ("series/a.dcm", _series, lambda file: read_volume(file.parent)),
    "png": ("a.png", _picture, read_radiograph),
    "png_16": ("a.png", _deep, read_radiograph),
    "jpeg": ("a.jpg", _picture, read_radiograph),
    "tiff": ("a.tif", _deep, read_radiograph),
    "gif": ("a.gif", _picture, read_radiograph),
    "bmp": ("a.bmp", _picture, read_radiograph),
    "dicom": ("a.dcm", _dicom, read_radiograph),
    "checkpoint": ("model.pt", _checkpoint, read_tensors),
    "safetensors": ("model.safetensors", _safetensors, read_tensors),
    "description": ("model.json", _text(_FACTS), lambda file: read_description(file.with_suffix(".pt"))),
    "data_list": ("list.json", _text('{"testing": ["a.nii", {"image": "b.nii"}]}'), list_scans),
    "table": ("t.csv", _text(_LABELS), read_rows),
    "scan_labels": ("l.csv", _text(_LABELS), lambda file: read_scan_labels(file, CHEST_CT_LABELS)),
    "reports_csv": ("r.csv", _text(_REPORTS), lambda file: _list(read_reports(file))),
    "reports_jsonl": (
        "r.jsonl",
        _text('{"id": "a", "report": "Clear."}\n' * 3),
        lambda file: _list(read_reports(file)),
    ),
    "label_table": (
        "lt.csv",
        _text("report,abnormality,right lung,mediastinum,left lung\na,lung nodule,1,0,0\nb,,,,\n"),
        read_label_table,
    ),
    "pascal_voc": ("Annotations/one.xml", _voc, lambda file: pascal_voc_datalist(file.parent.parent, "training")),
    "xray14_entries": (
        "Data_Entry_2017_v2020.csv",
        _xray14,
        lambda file: chest_xray14_datalist(file.parent, "training"),
    ),
    "xray14_boxes": ("BBox_List_2017.csv", _xray14, lambda file: chest_xray14_datalist(file.parent, "test")),
}


def _truncated(content: bytes, random: np.random.Generator) -> bytes:
    return content[: random.integers(0, len(content))]


def _bits_flipped(content: bytes, random: np.random.Generator) -> bytes:
    changed = bytearray(content)
    for _ in range(random.integers(1, 9)):
        changed[random.integers(0, len(changed))] ^= 1 << random.integers(0, 8)
    return bytes(changed)


def _head_changed(content: bytes, random: np.random.Generator) -> bytes:
    """Change some bytes of the first 400, where binary formats have their header, to extreme values."""
    changed = bytearray(content)
    start = int(random.integers(0, min(400, len(changed))))
    value = random.choice([0x00, 0xFF, 0x7F, 0x80, 0x30, 0x2D])
    for place in range(start, min(start + int(random.integers(1, 9)), len(changed))):
        changed[place] = value
    return bytes(changed)


def _part_removed(content: bytes, random: np.random.Generator) -> bytes:
    start = random.integers(0, len(content))
    return content[:start] + content[start + random.integers(1, 40) :]


def _part_repeated(content: bytes, random: np.random.Generator) -> bytes:
    start, size = random.integers(0, len(content)), random.integers(1, 200)
    return content[:start] + content[start : start + size] * int(random.integers(2, 50)) + content[start + size :]


def _number_enlarged(content: bytes, random: np.random.Generator) -> bytes:
    """Put a huge or negative number in place of a digit of a text, or of four bytes."""
    digits = [place for place, byte in enumerate(content[:2000]) if 0x30 <= byte <= 0x39]
    if not digits:
        return _head_changed(content, random)
    place = digits[random.integers(0, len(digits))]
    number = [b"99999999999", b"-7", b"1e308", b"nan", b"2147483648", b"0"][random.integers(0, 6)]
    return content[:place] + number + content[place + 1 :]


def _other_content(content: bytes, random: np.random.Generator) -> bytes:
    return [b"", random.bytes(300), b"\x00" * 300, b"a" * 100_000, "\ufeff\u2028,;\r".encode() * 50][
        random.integers(0, 5)
    ]


DAMAGES = (
    *(_truncated, _bits_flipped, _head_changed, _part_removed, _part_repeated, _number_enlarged, _other_content),
)


def damaged(content: bytes, seed: int) -> tuple[str, bytes]:
    """Return the name of a damage and the damaged content."""
    damage = DAMAGES[seed % len(DAMAGES)]
    return damage.__name__.strip("_"), damage(content, np.random.default_rng(seed))


def outcome(read: Callable[[Path], Any], file: Path) -> str:
    """Read a file, and return "read", "refused", or what else happened."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = read(file)
        size = getattr(result, "nbytes", 0)
        return "read" if size < MEMORY else f"read {size} bytes"
    except REFUSALS:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]


def prepared(folder: Path, kind: str) -> tuple[Path, bytes, Callable[[Path], Any]]:
    """Write the intact file of a kind, and return it with its content and its reader."""
    name, write, read = KINDS[kind]
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file)
    return file, file.read_bytes(), read


def main() -> None:
    """Read damaged copies with limited memory, and print the kind, number and damage of each, and what happened."""
    folder, first, last = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logging.disable(logging.CRITICAL)
    files = {kind: prepared(folder / kind, kind) for kind in sys.argv[4:]}
    for file, _, read in files.values():
        assert outcome(read, file) == "read", outcome(read, file)
    resource = optional_import("resource")[0]
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, now + MEMORY))
    for kind, (file, content, read) in files.items():
        for seed in range(first, last):
            name, changed = damaged(content, seed)
            file.write_bytes(changed)
            print(MARK + json.dumps([kind, seed, name]), flush=True)
            print(MARK + json.dumps(outcome(read, file)), flush=True)


if __name__ == "__main__":
    main()
