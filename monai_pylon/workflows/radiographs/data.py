"""Which radiographs a run works on: the official sections of ChestX-ray14, folds of one's own, or phantoms."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from monai.data import Dataset as MonaiDataset
from torch.utils.data import Dataset

from monai_pylon.data import PhantomRadiographs, ReadRadiographd, chest_xray14_datalist
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.tables import open_table
from monai_pylon.workflows.bundle.sections import SECTIONS, dataset_folder, phantoms_of_section

__all__ = ["radiograph_data", "read_folds", "section_of_folds"]

_LOGGER = logging.getLogger(__name__)


def read_folds(file: str | PathLike[str]) -> dict[str, int]:
    """Read a table that says which fold each image belongs to.

    Args:
        file: a CSV with the columns "file" (an image's file name; its ending does not matter) and "fold" (a number).

    Returns:
        the fold of each image, by its name without ending.

    Raises:
        FileNotFoundError: where there is no such file.
        ValueError: for a missing column, or a fold that is no number; it names the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = Path(folder, "folds.csv")
        ...     _ = table.write_text("file,fold\\n00000001_000.png,0\\n00000002_000.png,3\\n")
        ...     read_folds(table)
        {'00000001_000': 0, '00000002_000': 3}
    """
    place = Path(file).expanduser()
    if not place.is_file():
        raise FileNotFoundError(f"folds must be a CSV file that exists, but is {str(file)!r}.")
    folds = {}
    for line, row in open_table(place, required=("file", "fold"))[1]:
        number = row["fold"].strip()
        check(number.isdecimal(), f"{place}, line {line}: fold", "a whole number", row["fold"])
        folds[Path(row["file"]).stem] = int(number)
    check(bool(folds), "folds", "a table with a row for each image", str(place))
    return folds


def section_of_folds(
    items: Sequence[Mapping[str, Any]],
    folds: Mapping[str, int],
    section: str,
    fold: int = 0,
    validation_fold: int | None = None,
) -> list[dict[str, Any]]:
    """The images of a section, where one fold is left out of training.

    Args:
        items: with "image", a path, and "patient_id".
        folds: the fold of each image, by its name without ending; images without a fold belong to no section.
        section: "training", "validation" or "test".
        fold: the one that is left out: it tests.
        validation_fold: the one that validates, left out too; None for the same. Then the best checkpoint is chosen
            with the images that test it, so that its scores are a little too good.

    Returns:
        the items of the section, in their order.

    Raises:
        ValueError: for a fold that does not occur, or a patient in several folds: training would know who tests it.

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
    home: dict[Any, int] = {}
    for item in items:
        place = folds.get(Path(item["image"]).stem)
        if place is None:
            continue
        patient = item["patient_id"]
        remedy = f"Patient {patient} is in folds {home.get(patient)} and {place}."
        check(home.setdefault(patient, place) == place, "folds", "disjoint by patient", "not", remedy)
        wanted = place not in (fold, validating)
        if section != "training":
            wanted = place == (validating if section == "validation" else fold)
        if wanted:
            chosen.append(dict(item))
    remedy = "Are the table's file names those of the images?"
    check(bool(chosen), "folds", f"a table with {section} images of the data set", f"one with {len(folds)}", remedy)
    return chosen


def radiograph_data(
    dataset_dir: str | PathLike[str],
    section: str,
    folds: str | PathLike[str] | None = None,
    fold: int = 0,
    validation_fold: int | None = None,
    phantoms: int = 64,
    phantom_size: int = 256,
) -> Dataset:
    """The radiographs of a section, read, with labels and boxes: the data of a bundle's data set.

    Args:
        dataset_dir: a folder with the official files of ChestX-ray14 (see :func:`chest_xray14_datalist`), or "phantom"
            for radiographs that are made on the fly.
        section: "training", "validation" or "test".
        folds: a table of folds (see :func:`read_folds`), for data without the official lists of images.
        fold: the fold that is left out and tests.
        validation_fold: the fold that validates; None for the same.
        phantoms: how many phantoms train; a quarter as many, at least four, validate and as many test.
        phantom_size: their rows and columns.

    Returns:
        a data set with items of image, MetaTensor (1, H, W) between 0 and 1, label (14,), boxes (K, 5), patient_id,
        name and view.

    Raises:
        ValueError: for another section, or data that do not fit together.

    Example:
        >>> len(radiograph_data("phantom", "training", phantoms=20)), len(radiograph_data("phantom", "test"))
        (20, 16)
    """
    check_choice(section, SECTIONS, "section")
    check_type(dataset_dir, (str, PathLike), "dataset_dir", "Name it: --dataset_dir PATH")
    if str(dataset_dir) == "phantom":
        count, first_seed = phantoms_of_section(section, phantoms)
        _LOGGER.warning("No data set was named (--dataset_dir PATH): %d phantom radiographs for %s.", count, section)
        return PhantomRadiographs(count, phantom_size, first_seed)
    place = dataset_folder(dataset_dir)
    if folds is None:
        items = chest_xray14_datalist(place, section)
    else:
        everything = chest_xray14_datalist(place, "all")
        items = section_of_folds(everything, read_folds(folds), section, fold, validation_fold)
    _LOGGER.info("%d radiographs of %s for %s.", len(items), place, section)
    kept = ("image", "label", "boxes", "patient_id", "view")
    data = [{**{key: item[key] for key in kept}, "name": Path(item["image"]).stem} for item in items]
    return MonaiDataset(data, ReadRadiographd("image"))
