"""Data list of LUNA16: chest CTs with lung nodules, and their voxels."""

from __future__ import annotations

import logging
import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.utils import optional_import

from monai_pylon.data.datasets.rows import DatasetRow, dataset_rows, find_table, warn_of_repeated_rows
from monai_pylon.data.scan_headers.itk_header import check_itk_header
from monai_pylon.utils import check, check_choice

__all__ = ["is_luna16", "luna16_datalist", "nodule_boxes", "nodule_mask", "nodule_voxels"]

_LOGGER = logging.getLogger(__name__)
_NAME, _FOLDERS = "LUNA16", (".", "CSVFILES")
_COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
#: Subsets of each section; the challenge itself uses each subset once as test.
_SUBSETS = {"training": range(8), "validation": (8,), "test": (9,)}
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def is_luna16(root: str | PathLike[str]) -> bool:
    """Return whether a folder has the files of LUNA16.

    Args:
        root: The folder.

    Returns:
        Whether it has annotations.csv (or CSVFILES/annotations.csv) and a folder subset0, subset1, ...

    Example:
        >>> is_luna16("phantom")
        False
    """
    folder = Path(root)
    return find_table(folder, _FOLDERS, "annotations.csv") is not None and any(folder.glob("subset[0-9]"))


def nodule_voxels(nodules: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute centers and radii of nodules in voxels.

    Args:
        nodules: (K, 5) of [x, y, z, diameter, class], RAS mm.
        affine: (4, 4) from voxel indices to RAS mm.

    Returns:
        Centers (K, 3) float64, 0 the center of the first voxel, and radii (K, 3) along each axis of the voxels.

    Example:
        >>> center, radius = nodule_voxels(np.array([[-10.0, -10, 20, 4, 0]]), np.diag([-1.0, -1, 2, 1]))
        >>> center.tolist(), radius.tolist()
        ([[10.0, 10.0, 10.0]], [[2.0, 2.0, 1.0]])
    """
    table, inverse = np.asarray(nodules, dtype=np.float64).reshape(-1, 5), np.linalg.inv(affine)
    center = table[:, :3] @ inverse[:3, :3].T + inverse[:3, 3]
    return center, table[:, 3:4] / 2 * np.linalg.norm(inverse[:3, :3], axis=1)


def nodule_boxes(nodules: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Compute the boxes around nodules in voxels.

    Args:
        nodules: (K, 5) of [x, y, z, diameter, class], RAS mm.
        affine: (4, 4) from voxel indices to RAS mm.

    Returns:
        (K, 7) float32 [x1, y1, z1, x2, y2, z2, class] in voxel borders: voxel 0 reaches from 0 to 1. Axes are those of
        the scan.

    Example:
        >>> nodule_boxes(np.array([[-10.0, -10, 20, 4, 0]]), np.diag([-1.0, -1, 2, 1])).tolist()
        [[8.5, 8.5, 9.5, 12.5, 12.5, 11.5, 0.0]]
    """
    center, radius = nodule_voxels(nodules, affine)
    center, label = center + 0.5, np.reshape(nodules, (-1, 5))[:, 4:]
    return np.concatenate([center - radius, center + radius, label], axis=1).astype(np.float32)


def nodule_mask(nodules: np.ndarray, affine: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Draw nodules as spheres.

    Args:
        nodules: (K, 5) of [x, y, z, diameter, class], RAS mm.
        affine: (4, 4) from voxel indices to RAS mm.
        shape: Voxels along x, y and z.

    Returns:
        (X, Y, Z) uint8: 0, or the number of the nodule from 1, in the order given; the voxel of its center belongs to
        it even if the nodule is smaller than a voxel.

    Raises:
        ValueError: If there are more than 255 nodules.

    Example:
        >>> int(nodule_mask(np.array([[2.0, 2, 2, 2.5, 0]]), np.eye(4), (5, 5, 5)).sum())
        7
    """
    check(len(nodules) <= 255, "nodules", "at most 255", len(nodules))
    filled = np.zeros(shape, dtype=np.uint8)
    boxes = nodule_boxes(nodules, affine)
    for number, (nodule, box) in enumerate(zip(nodules, boxes, strict=True), start=1):
        first = np.clip(np.floor(box[:3]), 0, shape).astype(int)
        last = np.clip(np.ceil(box[3:6]), 0, shape).astype(int)
        grid = np.stack(np.meshgrid(*map(np.arange, first, last), indexing="ij"), axis=-1)
        distance = np.linalg.norm(grid @ affine[:3, :3].T + affine[:3, 3] - nodule[:3], axis=-1)
        filled[tuple(map(slice, first, last))][distance <= nodule[3] / 2] = number
        center = np.floor((box[:3] + box[3:6]) / 2).astype(int)
        if (center >= 0).all() and (center < shape).all():
            filled[tuple(center)] = number
    return filled


def _header(path: Path) -> tuple[np.ndarray, tuple[int, ...]]:
    """Read the affine (4, 4) in RAS mm and the shape of a scan from its header."""
    check_itk_header(str(path))
    reader = optional_import("SimpleITK")[0].ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(reader.GetDirection(), (3, 3)) * np.asarray(reader.GetSpacing())
    affine[:3, 3] = reader.GetOrigin()
    return np.diag([*_LPS_TO_RAS, 1.0]) @ affine, reader.GetSize()


def _scans(folder: Path, section: str) -> dict[str, Path]:
    """Return the scans of a section by their series, from the folders subset0 to subset9."""
    found: dict[str, Path] = {}
    for number in sorted({k for own in _SUBSETS.values() for k in own} if section == "all" else _SUBSETS[section]):
        for path, _, names in os.walk(folder / f"subset{number}"):
            for name in sorted(name for name in names if name.endswith(".mhd")):
                series = name.removesuffix(".mhd")
                if series in found:
                    raise ValueError(f"{Path(path, name)} and {found[series]} are the same series. Delete one of them.")
                found[series] = Path(path, name)
    return found


def _nodules(rows: list[DatasetRow], path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodules (K, 5) of a scan in RAS mm, and their boxes (K, 7) in voxels."""
    if not rows:
        return np.zeros((0, 5), dtype=np.float32), np.zeros((0, 7), dtype=np.float32)
    affine, shape = _header(path)
    table = np.array([[row.number(column) for column in _COLUMNS[1:]] + [0] for row in rows])
    table[:, :3] *= _LPS_TO_RAS
    boxes = nodule_boxes(table, affine)
    for row, nodule, box in zip(rows, table, boxes, strict=True):
        row.check(0 < nodule[3] <= 200, "diameter_mm", "from 0 to 200 mm")
        center = (box[:3] + box[3:6]) / 2
        inside = bool((center >= 0).all() and (center <= shape).all())
        found = ", ".join(f"{value:.0f}" for value in center)
        remedy = f"It is voxel {found} of {' x '.join(map(str, shape))}. Take annotations.csv and scan from one source."
        row.check(inside, "coordX", f"with coordY and coordZ a point of {path.name}", remedy)
    return table.astype(np.float32), boxes


def luna16_datalist(root: str | PathLike[str], section: str) -> list[dict[str, Any]]:
    """List the scans of LUNA16 with their nodules.

    Reads `annotations.csv` (seriesuid, coordX, coordY, coordZ, diameter_mm; LPS mm) and, if there is one,
    `annotations_excluded.csv` in `root` or its folder `CSVFILES`, and the scans `subset0` to `subset9` that are there.
    Rows of scans in other subsets are left out. A scan without a nodule is negative; if `annotations_excluded.csv`
    lists a finding in it, it is unknown.

    Args:
        root: The folder.
        section: "training" (subsets 0 to 7), "validation" (8), "test" (9) or "all".

    Returns:
        One dictionary for each scan: image, its path; label (1,) float32 of lung nodule, NaN if unknown; nodules
        (K, 5) float32 [x, y, z, diameter, class] in RAS mm; boxes (K, 7) float32 [x1, y1, z1, x2, y2, z2, class] in
        voxels, see :func:`nodule_boxes`; patient_id (the series), and name.

    Raises:
        FileNotFoundError: If annotations.csv, or every scan of the section, is missing.
        ValueError: If a number is none, or a nodule is outside of its scan; the error names the line.

    Example:
        >>> luna16_datalist("LUNA16", "test")
        Traceback (most recent call last):
        ...
        FileNotFoundError: LUNA16/annotations.csv must exist. Download it with LUNA16.
    """
    check_choice(section, (*_SUBSETS, "all"), "section")
    folder = Path(root).expanduser()
    file = find_table(folder, _FOLDERS, "annotations.csv") or folder / "annotations.csv"
    by_scan: dict[str, list[DatasetRow]] = {}
    rows = list(dataset_rows(file, _COLUMNS, _NAME))
    for row in rows:
        by_scan.setdefault(row.text("seriesuid"), []).append(row)
    warn_of_repeated_rows(rows, _COLUMNS[:4])
    excluded = find_table(folder, _FOLDERS, "annotations_excluded.csv")
    doubtful = set() if excluded is None else {row.text("seriesuid") for row in dataset_rows(excluded, _COLUMNS, _NAME)}
    scans = _scans(folder, section)
    if not scans:
        raise FileNotFoundError(f"{folder} has no scan for {section}. Unpack subset0.zip, subset1.zip, ... there.")
    others = len(set(by_scan) - set(scans))
    if others:
        _LOGGER.info("%d scans of %s are in other subsets, and left out.", others, file)
    items = []
    for series, path in scans.items():
        nodules, boxes = _nodules(by_scan.get(series, []), path)
        value = 1.0 if len(nodules) else np.nan if series in doubtful else 0.0
        item = {"image": str(path), "label": np.array([value], dtype=np.float32), "nodules": nodules, "boxes": boxes}
        items.append({**item, "patient_id": series, "name": series})
    return items
