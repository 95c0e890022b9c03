"""Data list of CT-RATE: chest CTs with 18 labels, and the rescaling of their values to HU, once."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import Transform
from monai.utils import TransformBackends, convert_to_tensor

from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.rows import DatasetRow, dataset_rows, find_table
from monai_pylon.data.missing_files import MISSING, finish_datalist
from monai_pylon.data.patient_sections import SECTIONS, patients_of_section
from monai_pylon.utils import check_choice

__all__ = ["RescaleOnced", "ct_rate_datalist", "is_ct_rate", "rescale_once"]

_LOGGER = logging.getLogger(__name__)
_NAME = "CT-RATE"
_FOLDERS = tuple(f"{top}/{own}" for top in (".", "dataset") for own in (".", "multi_abnormality_labels", "metadata"))
_VOLUME = re.compile(r"(train|valid)_(\d+)_([a-z]+)_(\d+)")
_GEOMETRY = ("VolumeName", "RescaleSlope", "RescaleIntercept", "XYSpacing", "ZSpacing")
_METADATA = {"train": ("train_metadata.csv",), "valid": ("validation_metadata.csv", "valid_metadata.csv")}
_VALIDATION_SHARE = 0.1
#: A chest CT has air (outside, and in the lungs) and soft tissue at these HU, each in this share of its voxels or more.
_AIR, _TISSUE, _LEAST_AIR, _LEAST_TISSUE = (-1100.0, -600.0), (-150.0, 150.0), 0.02, 0.05
#: Difference of the spacing of file and table, as a share.
_SPACING = 0.01


def is_ct_rate(root: str | PathLike[str]) -> bool:
    """Return whether a folder has the labels of CT-RATE.

    Args:
        root: The folder.

    Returns:
        Whether it, or its folder multi_abnormality_labels, has train_predicted_labels.csv or the one for valid.

    Example:
        >>> is_ct_rate("phantom")
        False
    """
    return any(find_table(Path(root), _FOLDERS, f"{part}_predicted_labels.csv") for part in ("train", "valid"))


def _is_hu(values: torch.Tensor) -> bool:
    """Return whether values have the air and the soft tissue of a chest CT in HU."""

    def share(low: float, high: float) -> float:
        return int(((values >= low) & (values <= high)).sum()) / max(values.numel(), 1)

    return share(*_AIR) >= _LEAST_AIR and share(*_TISSUE) >= _LEAST_TISSUE


def rescale_once(image: torch.Tensor, slope: float, intercept: float) -> torch.Tensor:
    """Rescale a chest CT to HU unless it is in HU already.

    The tables of CT-RATE name slope and intercept of the DICOM files. The volumes of `train_fixed` and `valid_fixed`
    are in HU: the rescaling is applied there, and a second one would make soft tissue look like air. The values decide:
    a chest CT in HU has air from -1100 to -600 HU in 2 % of its voxels or more, and soft tissue from -150 to 150 HU in
    5 % or more.

    Args:
        image: (1, X, Y, Z).
        slope: RescaleSlope.
        intercept: RescaleIntercept.

    Returns:
        The image in HU: as given, or slope · image + intercept.

    Raises:
        ValueError: If it is a chest CT in HU neither before nor after rescaling.

    Example:
        >>> hu = torch.cat([torch.full((1, 4, 4, 2), -950.0), torch.full((1, 4, 4, 2), 40.0)], dim=-1)
        >>> torch.equal(rescale_once(hu, 1, -1024), hu), torch.equal(rescale_once(hu + 1024, 1, -1024), hu)
        (True, True)
    """
    values = convert_to_tensor(image, track_meta=False)
    if _is_hu(values) or (slope == 1 and intercept == 0):
        return image
    rescaled = values * slope + intercept
    if not _is_hu(rescaled):
        low, high = (float(end) for end in values.aminmax())
        raise ValueError(
            f"image has values from {low:g} to {high:g}: neither these nor {slope:g} times them plus {intercept:g} "
            "have the air and the soft tissue of a chest CT in HU. They may be rescaled twice. Download it again."
        )
    return image * slope + intercept


class RescaleOnced(Transform):
    """Transform that rescales a scan by the numbers of its table unless it is in HU, and checks its spacing.

    Items without "rescale" are unchanged.

    Args:
        image_key: Item with the scan, MetaTensor (1, X, Y, Z).

    Raises:
        ValueError: If the scan is a chest CT in HU neither before nor after rescaling, or its spacing is not that of
            the table.

    Example:
        >>> RescaleOnced()({"image": torch.zeros(1, 2, 2, 2)})["image"].shape
        torch.Size([1, 2, 2, 2])
    """

    backend = [TransformBackends.TORCH]

    def __init__(self, image_key: str = "image") -> None:
        self.image_key = image_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Rescale the scan in a copy of an item."""
        item = dict(data)
        given = item.pop("rescale", None)
        spacing = item.pop("table_spacing", None)
        image = item[self.image_key]
        if spacing is not None and hasattr(image, "affine"):
            own = np.linalg.norm(np.asarray(image.affine, dtype=np.float64)[:3, :3], axis=0)
            if not np.allclose(sorted(own), sorted(spacing), rtol=_SPACING):
                raise ValueError(
                    f"The scan has voxels of {own.round(3).tolist()} mm, but the table of metadata says "
                    f"{list(spacing)} mm. Take the volumes of train_fixed and valid_fixed. If they are resampled, "
                    "remove the table of metadata."
                )
        if given is not None:
            item[self.image_key] = rescale_once(image, *given)
        return item


def _metadata(folder: Path, part: str) -> dict[str, dict[str, Any]]:
    """Read slope, intercept and spacing of each volume; empty if there is no table."""
    files = [find_table(folder, _FOLDERS, name) for name in _METADATA[part]]
    file = next((file for file in files if file), None)
    if file is None:
        _LOGGER.warning("%s has no %s: values and spacing are not compared with it.", folder, _METADATA[part][0])
        return {}
    found = {}
    for row in dataset_rows(file, _GEOMETRY, _NAME, key="VolumeName"):
        slope, intercept = row.number("RescaleSlope"), row.number("RescaleIntercept")
        row.check(slope > 0, "RescaleSlope", "positive")
        spacing = [*row.numbers("XYSpacing", 2), row.number("ZSpacing")]
        row.check(min(spacing) > 0, "ZSpacing", "positive, as XYSpacing")
        _check_orientation(row)
        found[row.text("VolumeName")] = {"rescale": (slope, intercept), "table_spacing": tuple(spacing)}
    return found


def _check_orientation(row: DatasetRow) -> None:
    """Raise if the orientation of a row, if it has one, is not two unit vectors at a right angle."""
    if row.cells.get("ImageOrientationPatient", "").strip():
        axes = np.reshape(row.numbers("ImageOrientationPatient", 6), (2, 3))
        sound = np.allclose(axes @ axes.T, np.eye(2), atol=0.01)
        row.check(bool(sound), "ImageOrientationPatient", "two unit vectors at a right angle")


def _volumes(folder: Path) -> dict[str, str]:
    """Return the volumes below a folder by name; those in HU (train_fixed, valid_fixed) are taken first."""
    found: dict[str, str] = {}
    for path, folders, names in os.walk(folder):
        folders.sort(key=lambda name: (not name.endswith("_fixed"), name))
        for name in names:
            if name.endswith(".nii.gz"):
                found.setdefault(name, os.path.join(path, name))
    return found


def ct_rate_datalist(root: str | PathLike[str], section: str, missing: str = "error") -> list[dict[str, Any]]:
    """List the volumes of CT-RATE with their 18 labels.

    Reads `train_predicted_labels.csv` and `valid_predicted_labels.csv` (VolumeName and a column for each label),
    `train_metadata.csv` and `validation_metadata.csv` if they exist, in `root`, its folder `dataset`, or
    `multi_abnormality_labels` and `metadata` below these; and the volumes `train_1_a_1.nii.gz`, ... anywhere below. Of
    equal names, that below `train_fixed` or `valid_fixed` is taken.

    A scan has several reconstructions; each is one item. Read the items by ``ReadVolumed("image")``, then
    :class:`RescaleOnced`.

    Args:
        root: The folder.
        section: "training", "validation" (a tenth of the patients of train), "test" (those of valid) or "all".
        missing: Treatment of volumes without a file: "error", or "skip".

    Returns:
        One dictionary for each volume: image, its path; label (18,) float32, NaN if unknown; patient_id, such as
        "train_1"; name; and, from the metadata, rescale, the pair of slope and intercept, and table_spacing, in mm.

    Raises:
        FileNotFoundError: If a table of labels or a volume is missing.
        ValueError: If a column is missing, a cell is not 0, 1 or empty, a number is none, or a volume is repeated; the
            error names the line.

    Example:
        >>> ct_rate_datalist("CT-RATE", "test")
        Traceback (most recent call last):
        ...
        FileNotFoundError: CT-RATE/valid_predicted_labels.csv must exist. Download it with CT-RATE.
    """
    check_choice(section, (*SECTIONS, "all"), "section")
    check_choice(missing, MISSING, "missing")
    folder, labels = Path(root).expanduser(), public_labels(_NAME)
    parts = {"test": ("valid",), "all": ("train", "valid")}.get(section, ("train",))
    volumes: dict[str, str] = {}
    items, lost = [], []
    for part in parts:
        name = f"{part}_predicted_labels.csv"
        file = find_table(folder, _FOLDERS, name) or folder / name
        rows = list(dataset_rows(file, ("VolumeName", *labels), _NAME, key="VolumeName"))
        patients = []
        for row in rows:
            found = _VOLUME.fullmatch(row.text("VolumeName").removesuffix(".nii.gz"))
            row.check(found is not None, "VolumeName", "a name such as valid_1_a_1.nii.gz")
            patients.append(f"{found[1]}_{found[2]}" if found else "")
        chosen = patients_of_section(patients, section, _VALIDATION_SHARE)
        facts, volumes = _metadata(folder, part), volumes or _volumes(folder)
        for row, patient in zip(rows, patients, strict=True):
            if patient not in chosen:
                continue
            volume = row.cells["VolumeName"].strip().removesuffix(".nii.gz") + ".nii.gz"
            if volume not in volumes:
                lost.append(f"{volume} ({file}, line {row.line})")
                continue
            label = np.array([row.binary(column) for column in labels], dtype=np.float32)
            item = {"image": volumes[volume], "label": label, "patient_id": patient}
            items.append({**item, "name": volume.removesuffix(".nii.gz"), **facts.get(volume, {})})
    return finish_datalist(items, lost, folder, section, "NIfTI", missing, "volume")
