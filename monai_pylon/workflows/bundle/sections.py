"""Dataset sections, phantoms per section, and dataset folders."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from monai_pylon.utils import check_choice, nearest_name

__all__ = ["SECTIONS", "absolute_dataset_dir", "dataset_folder", "phantoms_of_section"]

#: Sections of a dataset.
SECTIONS = ("training", "validation", "test")
#: Seeds of the phantoms: no two sections share a patient.
_FIRST_SEEDS = {"training": 0, "validation": 1_000_000, "test": 2_000_000}


def phantoms_of_section(section: str, phantoms: int) -> tuple[int, int]:
    """Return the number of phantoms of a section, and the seed of its first one.

    Args:
        section: "training", "validation" or "test".
        phantoms: Phantoms for training. Validation and test have a quarter as many each, at least four.

    Returns:
        The number and the seed.

    Raises:
        ValueError: If there is no such section.

    Example:
        >>> phantoms_of_section("test", 64)
        (16, 2000000)
    """
    check_choice(section, SECTIONS, "section")
    return phantoms if section == "training" else max(4, phantoms // 4), _FIRST_SEEDS[section]


def dataset_folder(dataset_dir: str | PathLike[str]) -> Path:
    """Return the folder of a dataset.

    Args:
        dataset_dir: Its path.

    Returns:
        The folder, with "~" expanded.

    Raises:
        FileNotFoundError: If it does not exist.

    Example:
        >>> dataset_folder("phantoms")
        Traceback (most recent call last):
        ...
        FileNotFoundError: dataset_dir must be a folder or 'phantom', but is 'phantoms'. Did you mean 'phantom'?
    """
    folder = Path(dataset_dir).expanduser()
    if not folder.is_dir():
        near = nearest_name(str(dataset_dir), ["phantom"])
        hint = f" Did you mean {near!r}?" if near else ""
        raise FileNotFoundError(f"dataset_dir must be a folder or 'phantom', but is {str(dataset_dir)!r}.{hint}")
    return folder


def absolute_dataset_dir(dataset_dir: str | PathLike[str]) -> str:
    """Return the absolute path of a dataset, to compare it between runs in different folders.

    Args:
        dataset_dir: Path of the dataset, or "phantom".

    Returns:
        The absolute path; "phantom" stays.

    Example:
        >>> absolute_dataset_dir("phantom")
        'phantom'
    """
    return str(Path(dataset_dir).absolute()) if Path(dataset_dir).is_dir() else str(dataset_dir)
