"""Structures of segmentation programs: published values, organs, and spelling variants."""

from __future__ import annotations

import pytest

from monai_pylon.taxonomy import ORGANS
from monai_pylon.taxonomy.labels import read_table
from monai_pylon.taxonomy.structures import SEGMENTATION_PROGRAMS, organ_of_structure, structure_names


@pytest.mark.parametrize(
    ("program", "count", "some"),
    [
        (
            "totalsegmentator",
            117,
            {
                10: "lung_upper_lobe_left",
                14: "lung_lower_lobe_right",
                51: "heart",
                52: "aorta",
                117: "costal_cartilages",
            },
        ),
        (
            "totalsegmentator_v1",
            104,
            {7: "aorta", 13: "lung_upper_lobe_left", 17: "lung_lower_lobe_right", 49: "pulmonary_artery", 93: "face"},
        ),
        ("lungmask", 2, {1: "right_lung", 2: "left_lung"}),
        ("lungmask_lobes", 5, {1: "lung_upper_lobe_left", 4: "lung_middle_lobe_right", 5: "lung_lower_lobe_right"}),
    ],
)
def test_values_as_published(program, count, some) -> None:
    names = structure_names(program)
    assert sorted(names) == list(range(1, count + 1))
    assert len(set(names.values())) == count
    assert some.items() <= names.items()
    assert program in SEGMENTATION_PROGRAMS


def test_each_lung_name_has_its_side_and_no_other_name_is_a_lung() -> None:
    for row in read_table("structures"):
        assert row["organ"] in ("", *ORGANS)
        lung = "lung" in row["name"]
        assert lung == row["organ"].endswith("lung")
        if lung:
            assert row["organ"].split()[0] in row["name"]


def test_a_name_has_the_same_organ_in_all_programs() -> None:
    rows = read_table("structures")
    assert len({(row["name"], row["organ"]) for row in rows}) == len({row["name"] for row in rows})


@pytest.mark.parametrize(
    ("name", "organ"),
    [
        ("heart", "mediastinum"),
        ("heart_atrium_left", "mediastinum"),
        ("pulmonary_artery", "mediastinum"),
        ("superior_vena_cava", "mediastinum"),
        ("trachea", "mediastinum"),
        ("esophagus", "mediastinum"),
        ("vertebrae_T5", ""),
        ("Lung Upper-Lobe left ", "left lung"),
        ("right lung", "right lung"),
        ("lung_right", "right lung"),
        ("mediastinum", "mediastinum"),
        ("background", ""),
    ],
)
def test_organs(name, organ) -> None:
    assert organ_of_structure(name) == organ


def test_an_error_names_the_nearest_structure() -> None:
    with pytest.raises(ValueError, match=r"but is 'lung_uper_lobe_left'. Did you mean 'lung_upper_lobe_left'\?"):
        organ_of_structure("lung_uper_lobe_left")
    with pytest.raises(ValueError, match='"background" for a structure outside all organs'):
        organ_of_structure("xyz")
    with pytest.raises(TypeError, match="name must be of type str"):
        organ_of_structure(3)
    with pytest.raises(ValueError, match="Did you mean 'totalsegmentator'"):
        structure_names("totalsegmentor")
