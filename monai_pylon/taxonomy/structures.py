"""Structures of segmentation programs for chest CT, and the organ of PARTITION to which each belongs.

The names are from the programs' own lists: TotalSegmentator's task "total" (117 classes in version 2, 104 in version
1), and lungmask's models R231 (also R231CovidWeb) and LTRCLobes (also fused with R231).
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

from monai_pylon.taxonomy.labels import read_table
from monai_pylon.utils import check, check_choice, check_type, nearest_name

__all__ = ["SEGMENTATION_PROGRAMS", "organ_of_structure", "structure_names"]

#: Names of the programs that :func:`structure_names` knows.
SEGMENTATION_PROGRAMS: tuple[str, ...] = ("totalsegmentator", "totalsegmentator_v1", "lungmask", "lungmask_lobes")


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


@cache
def _organs() -> MappingProxyType[str, str]:
    return MappingProxyType({_plain(row["name"]): row["organ"] for row in read_table("structures")})


def structure_names(program: str) -> dict[int, str]:
    """Return the structure of each value in a program's label map.

    Args:
        program: "totalsegmentator" (version 2), "totalsegmentator_v1", "lungmask" (R231) or "lungmask_lobes".

    Returns:
        The name for each value except 0, the background.

    Raises:
        ValueError: If the program is unknown.

    Example:
        >>> structure_names("lungmask")
        {1: 'right_lung', 2: 'left_lung'}
    """
    check_choice(program, SEGMENTATION_PROGRAMS, "program")
    return {int(row["value"]): row["name"] for row in read_table("structures") if row["program"] == program}


def organ_of_structure(name: str) -> str:
    """Return the organ to which a structure belongs.

    The mediastinum consists of heart, great vessels, trachea and esophagus. It includes the parts of aorta and vena
    cava below the diaphragm, which the programs do not separate.

    Args:
        name: Name as in a program; capitals, spaces and hyphens do not matter. The name of an organ and "background"
            are accepted too.

    Returns:
        "right lung", "mediastinum", "left lung", or "" for none of them.

    Raises:
        TypeError: If the name is not a string.
        ValueError: If the name is unknown; the error names the nearest one.

    Example:
        >>> organ_of_structure("lung_lower_lobe_left"), organ_of_structure("liver")
        ('left lung', '')
    """
    check_type(name, str, "name")
    organs = _organs()
    if _plain(name) not in organs:
        near = nearest_name(_plain(name), organs)
        hint = f"Did you mean {near!r}? " if near else ""
        remedy = 'Use "background" for a structure outside all organs, or the name of an organ, such as "mediastinum".'
        check(False, "name", "the name of a structure in structures.csv", name, hint + remedy)
    return organs[_plain(name)]
