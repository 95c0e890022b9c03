"""Choice of the reader for a folder with a public dataset."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from monai_pylon.data.datasets.chexlocalize import chexlocalize_datalist, is_chexlocalize
from monai_pylon.data.datasets.ct_rate import ct_rate_datalist, is_ct_rate
from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.luna16 import is_luna16, luna16_datalist
from monai_pylon.data.datasets.ms_cxr import is_ms_cxr, ms_cxr_datalist
from monai_pylon.data.datasets.vindr_cxr import is_vindr_cxr, vindr_cxr_datalist

__all__ = ["PublicDataset", "find_dataset"]


class PublicDataset(NamedTuple):
    """Public dataset that a folder holds.

    Attributes:
        name: Name of the dataset.
        datalist: Function (root, section, **arguments) -> items.
        takes_missing: Whether the function has the argument "missing".

    Example:
        >>> PublicDataset("LUNA16", luna16_datalist, False).labels
        ('lung nodule',)
    """

    name: str
    datalist: Callable[..., list[dict[str, Any]]]
    takes_missing: bool = True

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels of the dataset."""
        return public_labels(self.name)

    def items(self, root: str | PathLike[str], section: str, missing: str) -> list[dict[str, Any]]:
        """Return the items of a section."""
        arguments = {"missing": missing} if self.takes_missing else {}
        return self.datalist(root, section, **arguments)


_DATASETS: dict[str, list[tuple[Callable[[Path], bool], PublicDataset]]] = {
    "radiograph": [
        (is_vindr_cxr, PublicDataset("VinDr-CXR", vindr_cxr_datalist)),
        (is_ms_cxr, PublicDataset("MS-CXR", ms_cxr_datalist)),
        (is_chexlocalize, PublicDataset("CheXlocalize", chexlocalize_datalist)),
    ],
    "ct": [
        (is_ct_rate, PublicDataset("CT-RATE", ct_rate_datalist)),
        (is_luna16, PublicDataset("LUNA16", luna16_datalist, takes_missing=False)),
    ],
}


def find_dataset(root: str | PathLike[str], kind: str) -> PublicDataset | None:
    """Find the public dataset that a folder holds, by its tables.

    Args:
        root: The folder.
        kind: "radiograph" or "ct".

    Returns:
        The dataset, or None if it is none of them.

    Raises:
        ValueError: If the tables of several datasets lie in the folder.

    Example:
        >>> find_dataset("phantom", "ct") is None
        True
    """
    folder = Path(root).expanduser()
    found = [dataset for is_one, dataset in _DATASETS[kind] if folder.is_dir() and is_one(folder)]
    if len(found) > 1:
        names = " and ".join(dataset.name for dataset in found)
        raise ValueError(f"{folder} has the tables of {names}. Put each dataset into a folder of its own.")
    return found[0] if found else None
