"""The structures that segmentation programs mark in a chest CT, and the organ of PARTITION to which each belongs.

Taken from the programs' own lists: TotalSegmentator's task "total" (117 classes in version 2, 104 in version 1), and
lungmask's models R231 (also R231CovidWeb) and LTRCLobes (also fused with R231).
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType

from monai_pylon.taxonomy.labels import read_table
from monai_pylon.utils import check, check_choice, check_type, nearest_name

__all__ = ["SEGMENTATION_PROGRAMS", "organ_of_structure", "structure_names"]

#: The programs whose label values are known, by the names that :func:`structure_names` takes.
SEGMENTATION_PROGRAMS: tuple[str, ...] = ("totalsegmentator", "totalsegmentator_v1", "lungmask", "lungmask_lobes")


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


@cache
def _organs() -> MappingProxyType[str, str]:
    return MappingProxyType({_plain(row["name"]): row["organ"] for row in read_table("structures")})


def structure_names(program: str) -> dict[int, str]:
    """What each value of a program's label map stands for.

    Args:
        program: "totalsegmentator" (version 2), "totalsegmentator_v1", "lungmask" (R231) or "lungmask_lobes".

    Returns:
        the name of each value but 0, the background.

    Raises:
        ValueError: where the program is not known.

    Example:
        >>> structure_names("lungmask")
        {1: 'right_lung', 2: 'left_lung'}
    """
    check_choice(program, SEGMENTATION_PROGRAMS, "program")
    return {int(row["value"]): row["name"] for row in read_table("structures") if row["program"] == program}


def organ_of_structure(name: str) -> str:
    """The organ to which a structure belongs.

    The mediastinum holds the heart, the great vessels (with the parts of aorta and vena cava below the diaphragm, which
    the programs do not part from them), trachea and oesophagus.

    Args:
        name: as a program spells it; capitals, spaces and hyphens do not matter. Also an organ's own name, and
            "background" for none.

    Returns:
        "right lung", "mediastinum", "left lung", or "" for none of them.

    Raises:
        TypeError: where the name is no text.
        ValueError: where it is not known; the error names the nearest one.

    Example:
        >>> organ_of_structure("lung_lower_lobe_left"), organ_of_structure("liver")
        ('left lung', '')
    """
    check_type(name, str, "name")
    organs = _organs()
    if _plain(name) not in organs:
        near = nearest_name(_plain(name), organs)
        hint = f"Did you mean {near!r}? " if near else ""
        remedy = 'Use "background" for what belongs to no organ, or the organ itself, such as "mediastinum".'
        check(False, "name", "the name of a structure in structures.csv", name, hint + remedy)
    return organs[_plain(name)]
