"""Gas of stomach and oesophagus beside, and joined to, a lung; bullae and pneumothorax stay lung."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.transforms.robust_masks.gas import gas_near_midline, gas_of_parts, gas_of_slices
from monai_pylon.transforms.robust_masks.spine import Spine

EDGE = (3.0, 3.0, 3.0)


def lung_over(hu: float, neck: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a lung above a bubble of 3.1 cm by 5.4 cm by 5.4 cm, and a gap of ``neck`` voxels in the wall between."""
    ct = np.full((40, 30, 40), 40.0)
    ct[5:35, 5:25, 18:38] = -850.0
    bubble = np.zeros(ct.shape, dtype=bool)
    bubble[8:26, 6:24, 3:17] = True
    ct[bubble] = hu
    ct[12 : 12 + neck, 10 : 10 + neck, 17] = -600.0
    return ct, bubble


@pytest.mark.parametrize("neck", [0, 1, 3])
def test_gas_joined_by_a_narrow_neck_is_found(neck: int) -> None:
    ct, bubble = lung_over(-990.0, neck)
    found = gas_of_parts(ct, ct < -500, EDGE)
    assert found[bubble].all()
    assert not found[:, :, 18:].any()


def test_lung_and_widely_joined_gas_are_no_gas() -> None:
    for ct, _ in (lung_over(-850.0, 0), lung_over(-990.0, 14)):
        assert not gas_of_parts(ct, ct < -500, EDGE).any()


def test_a_bulla_within_the_lung_is_no_gas() -> None:
    ct = np.full((40, 30, 40), 40.0)
    ct[3:37, 3:27, 3:37] = -850.0
    ct[13:25, 9:21, 6:18] = -600.0
    ct[14:24, 10:20, 7:17] = -990.0
    assert not gas_of_parts(ct, (ct < -500) & (ct != -600.0), EDGE).any()


def test_only_small_dark_sections_near_the_midline_are_oesophagus() -> None:
    spine = Spine(np.arange(12), np.full((12, 2), (50.0, 10.0)), np.full(12, 35.0))
    for place, hu, expected in ((50, -990.0, True), (70, -990.0, False), (50, -800.0, False)):
        ct = np.full((100, 60, 12), 40.0)
        ct[place - 3 : place + 4, 26:33] = hu
        assert gas_near_midline(ct, ct < -500, spine, EDGE).any() == expected
    ct[40:60, 20:40] = -990.0  # 36 cm2
    assert not gas_near_midline(ct, ct < -500, spine, EDGE).any()


def test_gas_of_thick_slices_lies_in_the_lower_half() -> None:
    ct = np.full((9, 3, 4), -850.0)
    core = np.ones(ct.shape, dtype=bool)
    core[5] = False
    ct[6:] = -1000.0
    assert gas_of_slices(ct, core).any(axis=(0, 1)).tolist() == [True, True, False, False]


TWO_MM = (2.0, 2.0, 5.0)  # 100 voxels have 2 mL


def midline_gas(
    size: tuple[int, int],
    place: tuple[float, float] = (0, 20),
    hu: float = -1000.0,
    level: int = 5,
    missing: int = 0,
    spacing: tuple[float, float, float] = TWO_MM,
) -> bool:
    """Tell whether a cross-section is gas near the midline.

    The spine has levels 3 to 7, with its canal at 50, 70, 90, 110 and 130, at row 10 and on the last at 5.

    Args:
        size: Of the cross-section, in voxels.
        place: Center of the cross-section, from the canal.
        hu: Of the cross-section.
        level: Slice.
        missing: Voxels of the cross-section that have -850 HU.
        spacing: Voxel edges in mm.
    """
    canal = np.stack([50 + 20.0 * np.arange(5), [10.0, 10.0, 10.0, 10.0, 5.0]], axis=1)
    spine = Spine(np.arange(3, 8), canal, np.full(5, 35.0))
    ct = np.full((220, 60, 10), 40.0)
    center = canal[min(max(level, 3), 7) - 3] + place
    x, y = (int(middle - (n - 1) / 2) for middle, n in zip(center, size, strict=True))
    section = np.full(size, hu)
    section.flat[:missing] = -850.0
    ct[x : x + size[0], y : y + size[1], level] = section
    gas = gas_near_midline(ct, ct < -500, spine, spacing)
    assert not gas.any() or np.array_equal(gas, ct < -500)
    return bool(gas.any())


@pytest.mark.parametrize("level", [0, 3, 4, 5, 6, 7, 9])
def test_the_midline_is_that_of_each_level_and_goes_on_above_and_below(level: int) -> None:
    """30 mm are 15 voxels."""
    for aside, found in ((0, True), (14, True), (-14, True), (15, False), (-15, False)):
        assert midline_gas((11, 11), (aside, 20), level=level) == found


def test_the_midline_is_in_mm() -> None:
    """30 mm are 30 or 60 voxels."""
    for edge, aside, found in ((1.0, 29, True), (1.0, 30, False), (0.5, 59, True), (0.5, 60, False)):
        assert midline_gas((11, 11), (aside, 20), level=7, spacing=(edge, 4.0, 10.0)) == found


@pytest.mark.parametrize("spacing", [TWO_MM, (1.0, 4.0, 5.0), (4.0, 1.0, 5.0)])
@pytest.mark.parametrize(
    ("size", "missing", "found"),
    [
        ((9, 11), 0, False),  # 99 voxels, 1.98 mL
        ((5, 20), 0, True),  # 2 mL
        ((25, 20), 0, True),  # 2000 mm2
        ((27, 19), 0, False),  # 2052 mm2
        ((15, 20), 150, True),  # half of it is dark
        ((15, 20), 151, False),
    ],
)
def test_a_cross_section_has_2_ml_to_2000_mm2_half_of_it_dark(size, missing: int, found: bool, spacing) -> None:
    """Pixels of 4 mm2."""
    place = (0, 20.5) if size[1] % 2 == 0 else (0, 20)
    assert midline_gas(size, place, missing=missing, spacing=spacing) == found


@pytest.mark.parametrize(("hu", "found"), [(-901.0, True), (-900.0, False)])
def test_half_of_a_cross_section_is_darker_than_minus_900_hu(hu: float, found: bool) -> None:
    assert midline_gas((11, 11), hu=hu) == found


@pytest.mark.parametrize(("ahead", "found"), [(1, True), (0, False)])
def test_gas_near_the_midline_lies_in_front_of_the_canal(ahead: int, found: bool) -> None:
    assert midline_gas((51, 3), (0, ahead)) == found


@pytest.mark.parametrize("canal", [(20.0, 80.0), (100.0, 0.4), (5.0, 0.4)])
def test_gas_near_the_midline_is_found_whole_wherever_the_canal_lies(canal: tuple[float, float]) -> None:
    """Also at the first rows and columns of the volume."""
    spine = Spine(np.arange(4), np.full((4, 2), canal), np.full(4, 35.0))
    ct = np.full((120, 100, 4), 40.0)
    ct[int(canal[0]) - 5 : int(canal[0]) + 6, int(canal[1]) : int(canal[1]) + 12, 2] = -1000.0
    np.testing.assert_array_equal(gas_near_midline(ct, ct < -500, spine, TWO_MM), ct < 0)


def test_gas_near_the_midline_has_a_rim_of_one_voxel_in_its_slice() -> None:
    """Within the wall 2000 mm2 are darker than -700 HU. The wall, a partial volume, does not count."""
    spine = Spine(np.arange(4), np.full((4, 2), (30.0, 5.0)), np.full(4, 35.0))
    ct = np.full((70, 60, 4), 40.0)
    ct[15:44, 10:34, 1:3] = -700.0
    ct[17:42, 12:32, 1] = -1000.0
    gas = gas_near_midline(ct, ct < -500, spine, TWO_MM)
    expected = np.zeros_like(gas)
    expected[16:43, 11:33, 1] = True
    np.testing.assert_array_equal(gas, expected)


def test_parts_of_a_tube_count_together_across_corners() -> None:
    spine = Spine(np.arange(4), np.full((4, 2), (30.0, 5.0)), np.full(4, 35.0))
    ct = np.full((60, 60, 4), 40.0)
    ct[24:29, 20:30, 1] = ct[29:34, 30:40, 2] = -1000.0  # 50 voxels each
    assert gas_near_midline(ct, ct < -500, spine, TWO_MM).sum() == 100
    ct[24, 20, 1] = 40.0
    assert not gas_near_midline(ct, ct < -500, spine, TWO_MM).any()


def test_a_core_of_a_single_slice_has_no_lower_half() -> None:
    core = np.zeros((6, 5, 4), dtype=bool)
    core[1:5, 1:4, 2] = True
    assert not gas_of_slices(np.full(core.shape, -1000.0), core).any()


# --- thick slices -----------------------------------------------------------------------------------------------------


def slices_with_gas(dark: int, above: int = 0, hu: float = -951.0) -> list[int]:
    """Return the slices with gas of a core on slices 2 to 9, whose sections of six voxels on slices 3 and 4 are aside.

    Args:
        dark: Voxels of the section on slice 3 that have ``hu``.
        above: Voxels of the section on slice 4 that lie on that section.
        hu: HU of the dark voxels.
    """
    ct, core = np.full((20, 4, 12), -850.0), np.zeros((20, 4, 12), dtype=bool)
    core[1:3, 1:3, 2:10] = core[6:12, 1, 3] = True
    core[12 - above : 18 - above, 1, 4] = core[12 - above : 18 - above, 1, 5] = True
    ct[~core] = -1000.0  # air around the patient
    ct[6 : 6 + dark, 1, 3] = hu
    gas = gas_of_slices(ct, core)
    assert not (gas & ~core).any()
    levels = np.flatnonzero(gas.any(axis=(0, 1))).tolist()
    assert gas.sum() == 6 * len(levels)
    return levels


@pytest.mark.parametrize(("dark", "hu", "levels"), [(3, -951.0, [3]), (2, -951.0, []), (3, -950.0, [])])
def test_gas_of_a_thick_slice_is_a_section_of_which_half_is_dark(dark: int, hu: float, levels: list[int]) -> None:
    assert slices_with_gas(dark, hu=hu) == levels


@pytest.mark.parametrize(("above", "levels"), [(3, [3, 4]), (2, [3])])
def test_the_tip_of_a_bubble_lies_with_half_of_it_on_gas(above: int, levels: list[int]) -> None:
    """The slice above the tip is none, although it lies on the tip."""
    assert slices_with_gas(6, above) == levels


@pytest.mark.parametrize(("stop", "highest"), [(10, 5), (11, 5), (12, 6)])
def test_gas_of_thick_slices_lies_below_the_middle_of_the_core(stop: int, highest: int) -> None:
    """The core begins at slice 2; of nine slices, the one in the middle is not low."""
    core = np.zeros((4, 4, 14), dtype=bool)
    core[1:3, 1:3, 2:stop] = True
    gas = gas_of_slices(np.full(core.shape, -1000.0), core)
    assert np.flatnonzero(gas.any(axis=(0, 1))).tolist() == list(range(2, highest + 1))


# --- parts joined by necks: voxels of 10 mm, each of 1 mL; a neck is narrower than three of them ----------------------

TEN_MM = (10.0, 10.0, 10.0)


def chest_of_10_mm(lung_ml: int = 300) -> np.ndarray:
    """Draw a lung on slices 4 to 13."""
    ct = np.full((30, 30, 24), 40.0)
    lung = np.full((6, 5, 10), -850.0)
    lung.flat[: 300 - lung_ml] = 40.0
    ct[10:16, 2:7, 4:14] = lung
    return ct


def is_gas(ct: np.ndarray, part: tuple[slice, ...], dark: int, hu: float = -951.0) -> bool:
    """Tell whether a part of -850 HU, of which the first ``dark`` voxels have another HU, is gas, and nothing else."""
    ct = ct.copy()
    values = np.full(ct[part].size, -850.0)
    values[:dark] = hu
    ct[part] = values.reshape(ct[part].shape)
    gas = gas_of_parts(ct, ct < -500, TEN_MM)
    expected = np.zeros_like(gas)
    expected[part] = gas.any()
    np.testing.assert_array_equal(gas, expected)
    return bool(gas.any())


CUBE = np.s_[2:6, 2:6, 4:8]  # 64 mL


@pytest.mark.parametrize(("dark", "hu", "found"), [(16, -951.0, True), (16, -950.0, False), (15, -951.0, False)])
def test_a_quarter_of_a_part_is_darker_than_minus_950_hu(dark: int, hu: float, found: bool) -> None:
    assert is_gas(chest_of_10_mm(), CUBE, dark, hu) == found


def test_parts_are_judged_beside_a_lung_of_300_ml() -> None:
    assert is_gas(chest_of_10_mm(300), CUBE, 64)
    assert not is_gas(chest_of_10_mm(299), CUBE, 64)


@pytest.mark.parametrize(
    ("part", "dark", "found"),
    [
        (np.s_[2:12, 12:22, 1:4], 180, True),
        (np.s_[2:12, 12:22, 1:4], 179, False),
        (np.s_[2:12, 12:21, 1:4], 68, True),  # 270 mL
        (np.s_[2:12, 12:21, 1:4], 67, False),
    ],
)
def test_of_a_part_as_large_as_a_lung_six_tenths_are_dark(part: tuple, dark: int, found: bool) -> None:
    assert is_gas(chest_of_10_mm(), part, dark) == found


@pytest.mark.parametrize(("edges", "found"), [((2.0, 2.0, 2.0), True), ((2.0, 2.0, 1.99), False)])
def test_a_part_of_gas_has_2_ml(edges: tuple[float, float, float], found: bool) -> None:
    """250 voxels of 8 mm3, below a lung of 320 mL."""
    ct = np.full((50, 40, 44), 40.0)
    ct[2:42, 2:38, 12:40] = -850.0
    ct[10:20, 10:15, 4:9] = -1000.0
    assert gas_of_parts(ct, ct < -500, edges).any() == found


@pytest.mark.parametrize(("start", "stop", "found"), [(7, 11, True), (7, 10, True), (8, 11, False), (8, 12, False)])
def test_gas_lies_in_the_lower_half_of_the_lungs(start: int, stop: int, found: bool) -> None:
    """The lung has slices 4 to 13. Slices 8 to 10 have their center above its middle."""
    assert is_gas(chest_of_10_mm(), np.s_[2:6, 2:6, start:stop], 16 * (stop - start)) == found


def necked(necks: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw gas of 3 x 3 x 4 voxels with nine spurs of two voxels, of which some go on; return it and the CT."""
    ct, gas = chest_of_10_mm(), np.zeros((30, 30, 24), dtype=bool)
    gas[20:23, 20:23, 4:8] = True
    sides = [np.s_[x, y, 5:7] for x in (19, 23) for y in (20, 22)] + [
        np.s_[x, y, 5:7] for x in (20, 22) for y in (19, 23)
    ]
    beyond = [np.s_[x, y, 5:7] for x in (18, 24) for y in (20, 22)] + [
        np.s_[x, y, 5:7] for x in (20, 22) for y in (18, 24)
    ]
    for spur in [*sides, np.s_[20:22, 21, 8]]:
        gas[spur] = True
    ct[gas] = -1000.0
    for neck in [*beyond, np.s_[20:22, 21, 9]][:necks]:
        ct[neck] = -1000.0
    ct[0, 0, 0] = -1000.0  # other air far below
    return ct, gas


@pytest.mark.parametrize(("necks", "found"), [(0, True), (8, True), (9, False)])
def test_necks_have_less_than_15_percent_of_the_surface_of_gas(necks: int, found: bool) -> None:
    """The gas and its spurs have a surface of 120 faces, nine necks have 18. Gas ends one voxel within a neck."""
    ct, gas = necked(necks)
    np.testing.assert_array_equal(gas_of_parts(ct, ct < -500, TEN_MM), gas if found else gas & False)


@pytest.mark.parametrize(("voxels", "found"), [(871, True), (872, False)])
def test_gas_with_lung_in_half_of_its_surroundings_of_9_mm_is_a_bulla(voxels: int, found: bool) -> None:
    """Gas of 10 x 10 x 10 voxels of 3.9 mm; two voxels around it are 1744 voxels. A wall of one voxel is between."""
    ct = np.full((70, 34, 40), 40.0)
    ct[40:68, 4:30, 4:38] = -850.0  # 1.5 L of lung elsewhere
    around = np.zeros(ct.shape, dtype=bool)
    around[11:25, 10:24, 3:17] = True
    around[12:24, 11:23, 4:16] = False
    ct[tuple(index[:voxels] for index in np.nonzero(around))] = -850.0
    gas = np.zeros(ct.shape, dtype=bool)
    gas[13:23, 12:22, 5:15] = True
    ct[gas] = -1000.0
    np.testing.assert_array_equal(gas_of_parts(ct, ct < -500, (3.9, 3.9, 3.9)), gas if found else gas & False)


def test_lung_three_voxels_away_does_not_surround_gas() -> None:
    """9 mm are less than a voxel of 10 mm, but two voxels count."""
    ct = chest_of_10_mm()
    ct[2:13, 12:23, 2:13] = -850.0
    ct[3:12, 13:22, 3:12] = 40.0
    ct[3:12, 13:22, 3] = -850.0
    ct[5:10, 15:20, 5:10] = -1000.0
    assert gas_of_parts(ct, ct < -500, TEN_MM).sum() == 125


@pytest.mark.parametrize("edges", [(3.0, 3.0, 3.0), (3.0, 3.0, 9.0)])
def test_gas_goes_on_for_one_voxel_into_a_neck(edges: tuple[float, float, float]) -> None:
    """Half the width of a neck, 4.5 mm, is two voxels of 3 mm or one of 9 mm."""
    ct = np.full((40, 30, 44), 40.0)
    ct[5:35, 5:25, 20:42] = -850.0
    gas = np.zeros(ct.shape, dtype=bool)
    gas[8:26, 6:24, 3:10] = True
    ct[gas] = -1000.0
    for neck in (np.s_[12, 12, 10:15], np.s_[26:31, 12, 6], np.s_[12, 24:28, 6]):
        ct[neck] = -1000.0
    gas[12, 12, 10] = gas[26, 12, 6] = gas[12, 24, 6] = True
    np.testing.assert_array_equal(gas_of_parts(ct, ct < -500, edges), gas)
