"""Mapping from the abnormalities and places in RAD-ChestCT's tables to the 80 labels.

The public tables have one column for each abnormality at each place, such as ``nodule*right_lower``. A label of Table 5
is an abnormality in one of four organs: ``lung nodule`` and ``mediastinum nodule`` are the same abnormality at
different places. The places are from the authors' published vocabulary.
"""

from __future__ import annotations

from functools import cache

from monai_pylon.taxonomy.labels import read_table
from monai_pylon.taxonomy.organs import CHEST_CT_ORGANS, ORGANS

__all__ = ["labels_of_abnormality", "rad_chestct_label", "rad_chestct_places"]


@cache
def _pairs() -> dict[tuple[str, str], str]:
    """Return the label of each (abnormality, organ)."""
    rows = zip(read_table("rad_chestct"), CHEST_CT_ORGANS, strict=True)
    return {(row["abnormality"], organ): row["label"] for row, organ in rows}


@cache
def _places() -> dict[str, tuple[str, tuple[bool, ...]]]:
    rows = read_table("rad_chestct_locations")
    return {row["location"]: (row["organ"], tuple(row[organ] == "1" for organ in ORGANS)) for row in rows}


def rad_chestct_places() -> tuple[str, ...]:
    """Return the places of RAD-ChestCT's tables that lie in one of the four organs (not bones or abdomen).

    Returns:
        Their names, spelled as in the tables.

    Example:
        >>> rad_chestct_places()[:2]
        ('right_lung', 'right_upper')
    """
    return tuple(_places())


def rad_chestct_label(abnormality: str, place: str) -> tuple[str, tuple[bool, ...]] | None:
    """Map an abnormality at a place to its label and the organ masks that hold it.

    Args:
        abnormality: Name as in the tables, such as "nodulegr1cm".
        place: Name as in the tables, one of :func:`rad_chestct_places` or another.

    Returns:
        The label, and whether it lies in right lung, mediastinum and left lung (all false if the place is the lungs or
        airways without a side). None if the pair is none of the 80 labels.

    Example:
        >>> rad_chestct_label("nodule", "right_lower")
        ('lung nodule', (True, False, False))
        >>> rad_chestct_label("nodule", "liver") is None
        True
    """
    organ, inside = _places().get(place, ("", ()))
    label = _pairs().get((abnormality, organ))
    return None if label is None else (label, inside)


def labels_of_abnormality(abnormality: str) -> tuple[str, ...]:
    """Return the labels of an abnormality at all places.

    Args:
        abnormality: Name as in RAD-ChestCT's tables.

    Returns:
        None, one or several of the 80 labels.

    Example:
        >>> labels_of_abnormality("nodule"), labels_of_abnormality("fracture")
        (('lung nodule', 'mediastinum nodule'), ())
    """
    return tuple(label for (name, _), label in _pairs().items() if name == abnormality)
