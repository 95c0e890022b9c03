"""Radiograph datasets of a run: labels of your own, ChestX-ray14, your own folds, or phantoms."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import Dataset as MonaiDataset
from torch.utils.data import Dataset

from monai_pylon.data import ReadRadiographd, chest_xray14_datalist, radiograph_datalist
from monai_pylon.data.datasets.labels import relabel
from monai_pylon.data.datasets.public_datasets import find_dataset
from monai_pylon.data.labeled_radiographs.datalist import has_own_labels
from monai_pylon.data.phantoms.datasets import PhantomRadiographs
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.tables import open_table
from monai_pylon.workflows.bundle.sections import SECTIONS, dataset_folder, phantoms_of_section
from monai_pylon.workflows.radiographs.image_cache import ReadCachedRadiographd
from monai_pylon.workflows.radiographs.labels import choose_labels

__all__ = ["radiograph_data", "read_folds", "section_of_folds"]

_LOGGER = logging.getLogger(__name__)


def read_folds(file: str | PathLike[str]) -> dict[str, int]:
    """Read a table of folds.

    Args:
        file: CSV file with the columns "file" (an image's file name, with any ending) and "fold" (a number).

    Returns:
        The fold of each image, by its name without ending.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, or a fold is no number. The message names the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "folds.csv")
        ...     _ = table.write_text("file,fold\\n00000001_000.png,0\\n00000002_000.png,3\\n")
        ...     read_folds(table)
        {'00000001_000': 0, '00000002_000': 3}
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"folds must be a CSV file that exists, but is {str(file)!r}.")
    folds = {}
    for line, row in open_table(path, required=("file", "fold"))[1]:
        number = row["fold"].strip()
        check(number.isdecimal(), f"{path}, line {line}: fold", "a whole number", row["fold"])
        folds[Path(row["file"]).stem] = int(number)
    check(bool(folds), "folds", "a table with a row for each image", str(path))
    return folds


def section_of_folds(
    items: Sequence[Mapping[str, Any]],
    folds: Mapping[str, int],
    section: str,
    fold: int = 0,
    validation_fold: int | None = None,
) -> list[dict[str, Any]]:
    """Select the images of a section by folds.

    Args:
        items: Items with "image", a path, and "patient_id".
        folds: The fold of each image, by its name without ending. Images without a fold belong to no section.
        section: "training", "validation" or "test".
        fold: The test fold, left out of training.
        validation_fold: The validation fold, left out of training; None for the test fold. Then the best checkpoint is
            chosen with the images that test it, and its scores are slightly too high.

    Returns:
        The items of the section, in their order.

    Raises:
        ValueError: If a fold does not occur, or a patient is in several folds: the test would not be independent.

    Example:
        >>> items = [{"image": f"{n}.png", "patient_id": n} for n in range(4)]
        >>> folds = {"0": 0, "1": 1, "2": 2, "3": 0}
        >>> [item["patient_id"] for item in section_of_folds(items, folds, "training", fold=0)]
        [1, 2]
    """
    check_choice(section, SECTIONS, "section")
    validating = fold if validation_fold is None else validation_fold
    known = sorted(set(folds.values()))
    for name, value in (("fold", fold), ("validation_fold", validating)):
        check_type(value, int, name)
        check(value in known, name, f"one of the table's folds {known}", value)
    chosen: list[dict[str, Any]] = []
    fold_of_patient: dict[Any, int] = {}
    for item in items:
        own = folds.get(Path(item["image"]).stem)
        if own is None:
            continue
        patient = item["patient_id"]
        first = fold_of_patient.setdefault(patient, own)
        if first != own:
            raise ValueError(
                f"Patient {patient} is in folds {first} and {own}. Keep all images of a patient in one fold."
            )
        wanted = own not in (fold, validating)
        if section != "training":
            wanted = own == (validating if section == "validation" else fold)
        if wanted:
            chosen.append(dict(item))
    if not chosen:
        raise ValueError(
            f"None of the {len(folds)} files in the table of folds is a {section} image of the dataset. "
            "Use the file names of the images."
        )
    return chosen


def _official_folder(dataset_dir: str | PathLike[str]) -> Path:
    """Return a folder of ChestX-ray14, and raise if it has no table at all."""
    folder = dataset_folder(dataset_dir)
    if not any(folder.glob("Data_Entry_2017*.csv")):
        tables = sorted(file.name for file in folder.glob("*.csv"))
        found = (
            f"It has {', '.join(tables[:4])}: name a table itself, --dataset_dir {folder}/{tables[0]}."
            if tables
            else ""
        )
        raise FileNotFoundError(
            f"{folder} must have labels.csv (your own labels), train.csv and valid.csv (CheXpert), "
            "Data_Entry_2017_v2020.csv (ChestX-ray14), or the tables of VinDr-CXR, MS-CXR or CheXlocalize. "
            f"{found}".rstrip()
        )
    return folder


def radiograph_data(
    dataset_dir: str | PathLike[str],
    section: str,
    folds: str | PathLike[str] | None = None,
    fold: int = 0,
    validation_fold: int | None = None,
    phantoms: int = 64,
    phantom_size: int = 256,
    labels: Sequence[str] | None = None,
    uncertain: str = "ignore",
    empty: str | None = None,
    missing: str = "error",
    image_cache: str | PathLike[str] | None = None,
    image_size: int = 256,
) -> Dataset:
    """Make the dataset of a section's radiographs, with labels and boxes.

    Args:
        dataset_dir: A folder or table with labels of your own, or CheXpert (see :func:`radiograph_datalist`); a folder
            with the official files of ChestX-ray14 (see :func:`chest_xray14_datalist`), VinDr-CXR, MS-CXR or
            CheXlocalize (see :mod:`monai_pylon.data.datasets`); or "phantom" for phantoms rendered on demand.
        section: "training", "validation" or "test".
        folds: A table of folds (see :func:`read_folds`), for data without the official lists of images.
        fold: The test fold.
        validation_fold: The validation fold; None for the test fold.
        phantoms: Phantoms for training. Validation and test have a quarter as many each, at least four.
        phantom_size: Rows and columns of the phantoms.
        labels: Names of the M labels; None takes all of the dataset. For VinDr-CXR, MS-CXR and CheXlocalize a label
            with the same meaning is taken (`Effusion` for `Pleural effusion`); others are unknown.
        uncertain: Policy for uncertain labels in training; see :func:`radiograph_datalist`.
        empty: Policy for empty cells; see :func:`radiograph_datalist`.
        missing: "error" or "skip" for images of a table without a file.
        image_cache: Folder that keeps the radiographs in the size of the network's input; None reads the files each
            time. Phantoms are not kept.
        image_size: Rows and columns of the cached radiographs.

    Returns:
        A dataset of items with image, MetaTensor (1, H, W) between 0 and 1, label (M,), NaN if unknown, boxes (K, 5),
        patient_id, name and view; from files also sex ("F", "M" or "") and age (years, NaN if unknown); from
        CheXlocalize masks, see :class:`~monai_pylon.workflows.radiographs.MasksOnImaged`.

    Raises:
        ValueError: If there is no such section, or the data do not fit together.

    Example:
        >>> len(radiograph_data("phantom", "training", phantoms=20)), len(radiograph_data("phantom", "test"))
        (20, 16)
    """
    check_choice(section, SECTIONS, "section")
    check_type(dataset_dir, (str, PathLike), "dataset_dir", "Name it: --dataset_dir PATH")
    if str(dataset_dir) == "phantom":
        fits = labels is None or tuple(labels) == CHEST_XRAY14_LABELS
        remedy = "Phantoms have these; name a folder for others: --dataset_dir PATH"
        check(fits, "labels", "the 14 of ChestX-ray14", labels, remedy)
        count, first_seed = phantoms_of_section(section, phantoms)
        _LOGGER.warning(
            "No dataset is given (--dataset_dir PATH): using %d phantom radiographs for %s.", count, section
        )
        return PhantomRadiographs(count, phantom_size, first_seed)
    wanted = section if folds is None else "all"
    public = None if has_own_labels(dataset_dir) else find_dataset(dataset_dir, "radiograph")
    if public is not None:
        items = relabel(public.items(dataset_dir, wanted, missing), public.name, labels)
        labels = public.labels if labels is None else labels
    elif has_own_labels(dataset_dir):
        policy = uncertain if section == "training" else "ignore"
        items = radiograph_datalist(dataset_dir, wanted, labels, policy, empty, missing=missing)
    else:
        items = chest_xray14_datalist(_official_folder(dataset_dir), wanted)
        items = choose_labels(items, CHEST_XRAY14_LABELS, CHEST_XRAY14_LABELS if labels is None else labels)
    if folds is not None:
        items = section_of_folds(items, read_folds(folds), section, fold, validation_fold)
    _LOGGER.info("%d radiographs of %s for %s.", len(items), dataset_dir, section)
    _warn_of_unknown_labels(items, labels)
    kept = ["image", "label", "boxes", "patient_id", "view", *(["masks"] if "masks" in items[0] else [])]
    facts: dict[str, Any] = {"sex": "", "age": np.nan}
    names = [item.get("name", Path(item["image"]).stem) for item in items]
    data = [
        {
            **{key: item[key] for key in kept},
            **{key: item.get(key, unknown) for key, unknown in facts.items()},
            "name": name,
        }
        for item, name in zip(items, names, strict=True)
    ]
    read = ReadRadiographd("image") if image_cache is None else ReadCachedRadiographd(image_cache, image_size)
    return MonaiDataset(data, read)


def _warn_of_unknown_labels(items: Sequence[Mapping[str, Any]], labels: Sequence[str] | None) -> None:
    """Log the labels that are unknown, or never present, in a section."""
    table = np.array([item["label"] for item in items], dtype=np.float32)
    names = [str(number) for number in range(table.shape[1])] if labels is None else list(labels)
    for label, column in zip(names, table.T, strict=True):
        if np.isnan(column).all():
            _LOGGER.warning("Label %r is unknown in all %d radiographs and left out.", label, len(items))
        elif not (column == 1).any():
            _LOGGER.warning("Label %r is present in none of %d radiographs.", label, len(items))
