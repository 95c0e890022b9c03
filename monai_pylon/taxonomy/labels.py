"""The three label lists, in the order in which every vector and every map of this package counts them.

The names live in CSV files beside this one, so that a list can be read and compared without Python.
"""

from __future__ import annotations

from pathlib import Path

from monai_pylon.utils import check_choice, read_rows

__all__ = ["CHEST_CT_LABELS", "CHEST_XRAY14_LABELS", "PASCAL_VOC_LABELS", "label_index", "read_table"]


def read_table(name: str) -> list[dict[str, str]]:
    """Read one of the tables of this room.

    Args:
        name: the file's name without ".csv", such as "chest_ct", "chest_xray14", "organs" or "structures".

    Returns:
        one dictionary a row, in the file's order.

    Raises:
        ValueError: where there is no such table.

    Example:
        >>> read_table("chest_ct")[0]
        {'label': 'air trapping', 'organ': 'lung'}
    """
    folder = Path(__file__).parent
    check_choice(name, sorted(path.stem for path in folder.glob("*.csv")), "name")
    return read_rows(folder / f"{name}.csv")


def _names(table: str) -> tuple[str, ...]:
    return tuple(row["label"] for row in read_table(table))


#: The 80 abnormalities of RAD-ChestCT, spelt and ordered as in Table 5 of the HiResCAM/AxialNet/PARTITION paper.
CHEST_CT_LABELS: tuple[str, ...] = _names("chest_ct")

#: The 14 classes of NIH ChestX-ray14, spelt and ordered as in its data entry file.
CHEST_XRAY14_LABELS: tuple[str, ...] = _names("chest_xray14")

#: The 20 classes of PASCAL VOC 2012, in its own (alphabetical) order.
PASCAL_VOC_LABELS: tuple[str, ...] = _names("pascal_voc")


def label_index(label: str, labels: tuple[str, ...] = CHEST_CT_LABELS) -> int:
    """The place of a label in its list.

    Args:
        label: the label, spelt as in the list.
        labels: the list of (M,) labels.

    Returns:
        the index, 0 to M - 1.

    Raises:
        ValueError: where the list has no such label; the error names the nearest one.

    Example:
        >>> label_index("lung nodule")
        41
        >>> label_index("Mass", CHEST_XRAY14_LABELS)
        4
    """
    check_choice(label, labels, "label")
    return labels.index(label)
