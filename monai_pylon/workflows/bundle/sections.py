"""What a run's data sets have in common: their sections, the phantoms that stand in, the folder that must be there."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from monai_pylon.utils import check_choice, nearest_name

__all__ = ["SECTIONS", "dataset_folder", "phantoms_of_section"]

#: The sections of a data set.
SECTIONS = ("training", "validation", "test")
#: Seeds of the phantoms: no two sections share a patient.
_FIRST_SEEDS = {"training": 0, "validation": 1_000_000, "test": 2_000_000}


def phantoms_of_section(section: str, phantoms: int) -> tuple[int, int]:
    """How many phantoms a section has, and the seed of its first.

    Args:
        section: "training", "validation" or "test".
        phantoms: how many train; a quarter as many, at least four, validate and as many test.

    Returns:
        their number, and the seed.

    Raises:
        ValueError: for another section.

    Example:
        >>> phantoms_of_section("test", 64)
        (16, 2000000)
    """
    check_choice(section, SECTIONS, "section")
    return phantoms if section == "training" else max(4, phantoms // 4), _FIRST_SEEDS[section]


def dataset_folder(dataset_dir: str | PathLike[str]) -> Path:
    """The folder of a data set that is no phantom.

    Args:
        dataset_dir: its path.

    Returns:
        the folder, "~" written out.

    Raises:
        FileNotFoundError: where there is none.

    Example:
        >>> dataset_folder("phantoms")
        Traceback (most recent call last):
        ...
        FileNotFoundError: dataset_dir must be a folder or 'phantom', but is 'phantoms'. Did you mean 'phantom'?
    """
    place = Path(dataset_dir).expanduser()
    if not place.is_dir():
        near = nearest_name(str(dataset_dir), ["phantom"])
        hint = f" Did you mean {near!r}?" if near else ""
        raise FileNotFoundError(f"dataset_dir must be a folder or 'phantom', but is {str(dataset_dir)!r}.{hint}")
    return place
