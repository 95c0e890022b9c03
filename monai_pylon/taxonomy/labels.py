"""Label lists of the three datasets, in the order of the label axis of all arrays in this package.

The names are in CSV files beside this module, so a list can be read and compared without Python.
"""

from __future__ import annotations

from pathlib import Path

from monai_pylon.utils import check_choice, read_rows

__all__ = ["CHEST_CT_LABELS", "CHEST_XRAY14_LABELS", "PASCAL_VOC_LABELS", "label_index", "read_table"]


def read_table(name: str) -> list[dict[str, str]]:
    """Read one of the CSV files of the taxonomy.

    Args:
        name: Name of the file without ".csv", such as "chest_ct", "chest_xray14", "organs" or "structures".

    Returns:
        One dictionary per row, in the order of the file.

    Raises:
        ValueError: If there is no such table.

    Example:
        >>> read_table("chest_ct")[0]
        {'label': 'air trapping', 'organ': 'lung', 'window': 'lung'}
    """
    folder = Path(__file__).parent
    check_choice(name, sorted(path.stem for path in folder.glob("*.csv")), "name")
    return read_rows(folder / f"{name}.csv")


def _names(table: str) -> tuple[str, ...]:
    return tuple(row["label"] for row in read_table(table))


#: The 80 abnormalities of RAD-ChestCT, spelled and ordered as in Table 5 of the HiResCAM/AxialNet/PARTITION paper.
CHEST_CT_LABELS: tuple[str, ...] = _names("chest_ct")

#: The 14 classes of NIH ChestX-ray14, spelled and ordered as in its data entry file.
CHEST_XRAY14_LABELS: tuple[str, ...] = _names("chest_xray14")

#: The 20 classes of PASCAL VOC 2012, in its own (alphabetical) order.
PASCAL_VOC_LABELS: tuple[str, ...] = _names("pascal_voc")


def label_index(label: str, labels: tuple[str, ...] = CHEST_CT_LABELS) -> int:
    """Return the index of a label in its list.

    Args:
        label: The label, spelled as in the list.
        labels: Labels (M,).

    Returns:
        The index, 0 to M - 1.

    Raises:
        ValueError: If the list has no such label; the error names the nearest one.

    Example:
        >>> label_index("lung nodule")
        41
        >>> label_index("Mass", CHEST_XRAY14_LABELS)
        4
    """
    check_choice(label, labels, "label")
    return labels.index(label)
