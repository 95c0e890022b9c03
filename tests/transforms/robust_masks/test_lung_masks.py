"""Morphology against brute force, lung and other air by hand, and both lungs of drawn chests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import strategies as st

from monai_pylon.transforms.robust_masks import lung_masks
from monai_pylon.transforms.robust_masks.body import body_hull
from monai_pylon.transforms.robust_masks.lung_masks import (
    _outside_chest,
    _upper_ml,
    aerated_lungs,
    lung_air,
    segment_lungs,
)
from tests.references.morphology import dice
from tests.transforms.drawn_chest import drawn_chest

EDGE = (4.0, 4.0, 4.0)
spacings = st.tuples(*[st.sampled_from([0.7, 1.0, 2.0, 3.1])] * 3)


def blobs(seed: int, share: float, shape: tuple[int, int, int]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < share


def tissue_with(*boxes: tuple[tuple[slice, ...], float], shape: tuple[int, ...] = (30, 14, 24)) -> np.ndarray:
    ct = np.full(shape, 40.0)
    for box, hu in boxes:
        ct[box] = hu
    return ct


BIG = (np.s_[1:11, 1:11, 6:16], -850.0)


def lung_and_other(ct: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return lung_air(ct, ct < -500, voxel_ml=1.0)


def test_limits_of_volume_and_gas_are_exact() -> None:
    # A lung of 1,000 mL is gas from exactly six tenths on, a loose piece of 8 mL from exactly a quarter on.
    gas = np.s_[17:27, 1:11, 6:16]
    assert lung_and_other(tissue_with(BIG, (gas, -850.0), (np.s_[17:27, 1:11, 6:12], -951.0)))[1].sum() == 1000
    for dark, is_lung in ((1, True), (2, False)):
        ct = tissue_with(BIG, (gas, -850.0), (np.s_[13:15, 1:5, 12:13], -850.0), (np.s_[13, 1 : 1 + dark, 12], -951.0))
        lung, other = lung_and_other(ct)
        assert lung[13, 1, 12] == is_lung
        assert other[13, 1, 12] != is_lung
    # Exactly 5 mL is a piece, 4 mL is not.
    for size in (4, 5):
        lung, other = lung_and_other(tissue_with(BIG, (gas, -850.0), (np.s_[13, 1 : 1 + size, 12], -960.0)))
        assert other.any() == (size == 5)


@pytest.mark.parametrize(("height", "found"), [(5, True), (4, False)])
def test_a_lung_has_300_ml(height: int, found: bool) -> None:
    lung, other = lung_and_other(tissue_with((np.s_[1:11, 1:7, 6 : 6 + height], -850.0)))  # 60 mL a slice
    assert lung.sum() == 300 * found
    assert not other.any()  # without a lung, no air is other air


@pytest.mark.parametrize(("voxels", "found"), [(149, False), (150, True)])
def test_the_volume_of_a_lung_is_in_ml(voxels: int, found: bool) -> None:
    """150 voxels of 2 mL are 300 mL."""
    ct = np.full((8, 8, 8), 40.0)
    ct.reshape(-1)[:voxels] = -850.0
    lungs, _ = lung_air(ct, ct < -500, voxel_ml=2.0)
    assert int(lungs.sum()) == (voxels if found else 0)


def test_gas_counts_beside_the_upper_half_of_the_lungs() -> None:
    """Lungs on slices 4 to 9: from slice 6 on. Two of four voxels of 3 mL count."""
    core, gas = np.zeros((2, 2, 12), dtype=bool), np.zeros((2, 2, 12), dtype=bool)
    core[0, 0, 4:10], gas[1, 1, [0, 5, 6, 11]] = True, True
    assert _upper_ml(gas, core, 3.0) == 6.0
    assert _upper_ml(gas, np.zeros_like(core), 3.0) == 0.0


@pytest.mark.parametrize(("slices", "is_lung"), [(5, True), (6, False)])
def test_a_lung_has_less_than_six_tenths_of_gas(slices: int, is_lung: bool) -> None:
    ct = tissue_with(BIG, (np.s_[15:25, 1:11, 6:16], -850.0), (np.s_[15:25, 1:11, 6 : 6 + slices], -960.0))
    lung, other = lung_and_other(ct)
    assert lung[1:11].sum() == 1000
    assert lung[15:25].sum() == 1000 * is_lung
    assert other.sum() == 1000 * (not is_lung)


def test_gas_is_darker_than_minus_950() -> None:
    lung, _ = lung_and_other(tissue_with(BIG, (np.s_[15:25, 1:11, 6:16], -950.0)))
    assert lung.sum() == 2000


@pytest.mark.parametrize(
    ("why", "box", "hu", "expected"),
    [
        ("behind the lungs", np.s_[4:6, 12:13, 12:15], -850.0, "other"),
        ("within the bounds", np.s_[13:15, 1:5, 12:15], -850.0, "lung"),
        ("in the lower third, where the bowel is", np.s_[13:15, 1:5, 8:10], -850.0, "other"),
        ("above the lower third", np.s_[13:15, 1:5, 9:11], -850.0, "lung"),
        ("a quarter of it is gas", np.s_[13:15, 1:5, 12:15], -960.0, "other"),
        ("less than 5 mL", np.s_[13:15, 1:3, 12:13], -850.0, "neither"),
        ("below the lungs", np.s_[13:15, 1:5, 1:4], -850.0, "other"),
        ("above the lungs", np.s_[13:15, 1:5, 17:20], -850.0, "other"),
    ],
)
def test_loose_pieces_are_lung_within_the_bounds_of_the_lungs(why, box, hu, expected) -> None:
    ct = tissue_with(
        BIG, (np.s_[17:27, 1:11, 6:16], -850.0)
    )  # two lungs, 1:27 by 1:11 by 6:16, the lower third below 9.3
    ct[box] = hu
    lung, other = lung_and_other(ct)
    size = np.zeros(ct.shape, dtype=bool)
    size[box] = True
    assert lung[size].all() == lung[size].any() == (expected == "lung"), why
    assert other[size].all() == other[size].any() == (expected == "other"), why


@pytest.mark.parametrize(
    ("box", "is_lung"),
    [
        (np.s_[4:7, 8:12, 8:11], True),  # with its center on slice 9, where the lower third ends
        (np.s_[4:7, 8:12, 7:10], False),
        (np.s_[4:7, 8:12, 14:17], True),  # on slice 15
        (np.s_[4:7, 8:12, 15:18], False),
        (np.s_[0:3, 8:12, 10:13], True),
        (np.s_[0:2, 8:12, 10:13], False),
        (np.s_[26:29, 8:12, 10:13], True),
        (np.s_[27:30, 8:12, 10:13], False),
    ],
)
def test_the_center_of_a_loose_piece_lies_within_the_bounds_or_on_them(box, is_lung: bool) -> None:
    """Two lungs, 1:27 by 1:13 by 6:15, and a piece in a corner that both leave free."""
    lungs = (np.s_[1:11, 1:7, 6:15], np.s_[13:27, 1:7, 6:15], np.s_[13:18, 7:13, 6:15])
    ct = tissue_with(*((lung, -850.0) for lung in lungs))
    ct[box] = -850.0
    lung, other = lung_and_other(ct)
    assert lung[box].all() == is_lung
    assert other[box].all() != is_lung


@pytest.mark.parametrize(
    ("voxels", "low", "is_lung"),
    [(300, 0, True), (299, 0, False), (299, 12, True)],
)
def test_a_lung_below_a_third_of_the_other_does_not_lie_low(voxels: int, low: int, is_lung: bool) -> None:
    """A lung of 900 voxels of 2 mL on slices 6 to 14, whose lower third ends at slice 9, and one aside."""
    ct = tissue_with((np.s_[1:11, 1:11, 6:15], -850.0))
    small = np.full(300, -850.0)
    small[voxels:] = 40.0
    ct[15:20, 1:11, low : low + 6] = small.reshape(5, 10, 6)
    lung, other = lung_air(ct, ct < -500, voxel_ml=2.0)
    assert lung.sum() == 900 + voxels * is_lung
    assert other.sum() == voxels * (not is_lung)


def test_lungs_are_the_air_connected_with_the_core() -> None:
    line = np.zeros((12, 3, 3), dtype=bool)
    air_, core, other = line.copy(), line.copy(), line.copy()
    air_[0:5], air_[6:12] = True, True
    core[0:2], other[10:12] = True, True
    found = aerated_lungs(air_, core, other, (1.0, 1.0, 1.0))
    assert found[:, 1, 1].astype(int).tolist() == [1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    core[9], core[5] = True, True  # the core is kept in the rim, and without air
    found = aerated_lungs(air_, core, other, (1.0, 1.0, 1.0))
    assert found[:, 1, 1].astype(int).tolist() == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]


def test_the_rim_of_gas_is_one_voxel_of_the_slice_wide() -> None:
    air_ = np.ones((9, 1, 1), dtype=bool)
    core, other = np.zeros((2, 9, 1, 1), dtype=bool)
    core[0], other[7:] = True, True
    for spacing in ((1.0, 1.0, 1.0), (3.0, 2.0, 8.0)):
        assert aerated_lungs(air_, core, other, spacing)[:, 0, 0].sum() == 6


@pytest.fixture(scope="module")
def chest() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return drawn_chest()


def segmented(ct: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    return segment_lungs(ct, body_hull(ct, EDGE), EDGE)[:3]


def test_both_lungs_of_a_drawn_chest_and_its_airway(chest) -> None:
    ct, right, left = chest
    lungs, core, airway = segmented(ct)
    assert lungs.dtype == core.dtype == bool
    assert dice(lungs, right | left) > 0.995
    np.testing.assert_array_equal(
        airway,
        (ct == -1000.0)
        & (np.abs(np.arange(90) - 44.5) < 4)[:, None, None]
        & (np.abs(np.arange(64) - 29) < 4)[None, :, None],
    )
    assert not (lungs & airway).any()
    assert not (core & airway).any()
    assert not (core & ~lungs).any()


def test_without_a_trachea_there_is_no_airway() -> None:
    ct, right, left = drawn_chest(trachea=False)
    lungs, _, airway = segmented(ct)
    assert airway is None
    assert dice(lungs, right | left) > 0.995


def test_vessels_and_nodules_are_filled_and_a_nodule_on_the_wall_too(chest) -> None:
    ct, right, _ = chest
    ct = ct.copy()
    x, y, z = np.ogrid[: ct.shape[0], : ct.shape[1], : ct.shape[2]]
    vessel = ((x - 63) ** 2 + (y - 32) ** 2 <= 1) & (abs(z - 36) < 12)
    nodule = right & (x > 73) & (abs(y - 31.5) < 1) & (abs(z - 35.5) < 1)  # 8 mm wide, on the pleura
    assert nodule.sum() == 8
    ct[vessel | nodule] = 40.0
    lungs, core, _ = segmented(ct)
    assert lungs[vessel].all()
    assert not core[vessel].any()
    assert lungs[nodule].all()


@pytest.mark.parametrize(("voxels", "is_filled"), [(2, True), (3, False)])
def test_gaps_in_a_lung_are_filled_by_a_ball_of_6_mm(voxels: int, is_filled: bool) -> None:
    """Of voxels of 3.4 mm the ball has one to each side of its center, so it fills gaps of two."""
    ct = np.full((60, 40, 30), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = -850.0
    ct[16 : 16 + voxels, 13:27, 6:24] = 40.0
    lungs = segment_lungs(ct, body_hull(ct, EDGE), (3.4, 3.4, 3.4))[0]
    assert lungs[16 : 16 + voxels, 18:22, 12:18].all() == is_filled
    assert lungs[16 : 16 + voxels, 18:22, 12:18].any() == is_filled


def test_gas_under_a_dome_is_not_lung() -> None:
    ct, right, left = drawn_chest(left_dome=-20.0, gas=True)
    gas = (ct == -1000.0) & (np.arange(90) < 40)[:, None, None] & (np.arange(72) < 36) & body_hull(ct, EDGE)
    lungs, _, _ = segmented(ct)
    assert gas.sum() * 0.064 > 100  # mL
    assert not lungs[gas].any()
    assert dice(lungs, right | left) > 0.99


@pytest.mark.parametrize(("slice_mm", "cut_off"), [(5.5, False), (5.6, True)])
def test_gas_under_a_lung_is_cut_off_on_thick_slices(slice_mm: float, cut_off: bool) -> None:
    ct = np.full((60, 40, 44), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:26, 10:30, 16:40] = ct[34:52, 10:30, 16:40] = -850.0  # two lungs
    ct[10:22, 18:30, 8:15] = -1000.0  # gas; on slice 15 its tip, a partial volume, under the lung
    ct[13:19, 20:28, 15], ct[14:18, 22:26, 15] = -800.0, -1000.0
    lungs, core, _ = segment_lungs(ct, body_hull(ct, (4.0, 4.0, slice_mm)), (4.0, 4.0, slice_mm))[:3]
    assert not lungs[:, :, :16].any() if cut_off else lungs[12, 20, 10]
    assert lungs[:, :, 16:].sum() == 2 * 18 * 20 * 24
    assert not (core & ~lungs).any()


@pytest.mark.parametrize(
    ("hu", "in_lungs", "in_core"),
    [(-300.0, False, False), (-300.5, True, False), (-500.0, True, False), (-500.5, True, True)],
)
def test_lungs_lie_below_minus_300_and_their_core_below_minus_500(hu: float, in_lungs: bool, in_core: bool) -> None:
    ct = np.full((60, 40, 30), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = hu  # an edge of one voxel
    ct[9:25, 11:29, 4:26] = ct[35:51, 11:29, 4:26] = -850.0
    whole, inner = 2 * 18 * 20 * 24, 2 * 16 * 18 * 22
    lungs, core, _ = segmented(ct)
    assert lungs.sum() == (whole if in_lungs else inner)
    assert core.sum() == (whole if in_core else inner)


def test_a_core_of_a_single_slice_on_thick_slices() -> None:
    ct = np.full((60, 60, 3), -1000.0)
    ct[5:55, 5:55] = 40.0
    ct[8:52, 8:52, 1] = -850.0  # 310 mL
    lungs, core, _ = segment_lungs(ct, body_hull(ct, (4.0, 4.0, 10.0)), (4.0, 4.0, 10.0))[:3]
    assert core.sum() == lungs.sum() == 44 * 44


def test_the_lungs_edge_on_thick_slices_is_kept() -> None:
    """The air around a patient who fills less than half of the slice is not gas."""
    ct = np.full((80, 60, 30), -1000.0)
    ct[15:65, 15:45] = 40.0
    ct[18:36, 20:40, 3:27] = ct[44:62, 20:40, 3:27] = -400.0  # partial volume: air, but not dark
    ct[19:35, 21:39, 3:27] = ct[45:61, 21:39, 3:27] = -850.0
    lungs, _, _ = segment_lungs(ct, body_hull(ct, (4.0, 4.0, 8.0)), (4.0, 4.0, 8.0))[:3]
    assert lungs.sum() == 2 * 18 * 20 * 24


@pytest.mark.parametrize("spacing", [(4.0, 4.0, 4.0), (2.2, 2.2, 5.0), (4.0, 2.5, 3.0)], ids=str)
def test_a_bronchus_and_its_wall_are_excluded(spacing) -> None:
    """The airway lies within a lung, and its wall is a partial volume of -600 HU, one voxel thick."""
    ct = np.full((60, 40, 50), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:52, 10:30, 3:30] = -850.0
    wide, deep = (math.ceil(14.0 / edge) for edge in spacing[:2])
    tube = np.s_[30 : 30 + wide, 20 : 20 + deep, 14:48]
    ct[29 : 31 + wide, 19 : 21 + deep, 14:48] = -600.0
    ct[tube] = -1000.0
    ct[20:42, 15:28, 48:] = -400.0  # the throat, connected with the lungs only by the airway
    lungs, core, airway = segment_lungs(ct, body_hull(ct, spacing), spacing)[:3]
    assert airway[tube].all()
    assert not lungs[:, :, 48:].any()
    assert not core[29 : 31 + wide, 20 : 20 + deep, 14:48].any()
    assert not lungs[29 : 31 + wide, 20 : 20 + deep, 14:48].any()
    assert not lungs[30 : 30 + wide, 19 : 21 + deep, 14:48].any()


def test_emphysema_and_pneumothorax_on_thick_slices_stay_lung() -> None:
    ct = np.full((60, 40, 30), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = -850.0
    ct[8:26, 10:19, 3:27] = -1000.0  # 45 % of a lung
    ct[34:52, 10:30, 18:27] = -1000.0  # the upper third of the other
    lungs, _, _ = segment_lungs(ct, body_hull(ct, (4.0, 4.0, 8.0)), (4.0, 4.0, 8.0))[:3]
    assert lungs.sum() == 2 * 18 * 20 * 24


def test_masks_are_empty_without_a_lung() -> None:
    for ct in (np.full((20, 20, 20), 40.0), np.full((20, 20, 20), -1000.0)):
        lungs, core, airway = segment_lungs(ct, np.ones(ct.shape, dtype=bool), EDGE)[:3]
        assert not lungs.any()
        assert not core.any()
        assert airway is None


@pytest.mark.parametrize(
    ("spacing", "shape", "pixel"),
    [
        ((9.0, 9.0, 5.0), (8, 8), (9.0, 9.0, 5.0)),
        ((2.0, 1.4, 5.0), (4, 3), (4.0, 4.2, 5.0)),  # two and three voxels are about 4 mm
    ],
)
def test_ribs_are_searched_in_pixels_of_4_mm(
    spacing: tuple, shape: tuple, pixel: tuple, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple] = []

    def outside(ct: np.ndarray, lungs: np.ndarray, edges: tuple[float, float, float]) -> np.ndarray:
        given.append((ct.shape[:2], lungs.shape[:2], edges))
        return np.ones(ct.shape, dtype=bool)

    monkeypatch.setattr(lung_masks, "outside_ribs", outside)
    nothing = np.zeros((8, 8, 4), dtype=bool)
    found = _outside_chest(np.zeros(nothing.shape), nothing, nothing, nothing, spacing)
    assert not found.any()
    assert given == [(shape, shape, pytest.approx(pixel))]


@pytest.mark.parametrize(("voxels", "found"), [(40, True), (39, False)])
def test_air_outside_the_ribs_has_5_ml_or_more(voxels: int, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Voxels of 5 mm have 0.125 mL."""
    monkeypatch.setattr(lung_masks, "outside_ribs", lambda ct, *_: np.ones(ct.shape, dtype=bool))
    dark, nothing = np.zeros((50, 8, 4), dtype=bool), np.zeros((50, 8, 4), dtype=bool)
    dark[:voxels, 2, 1] = True
    outside = _outside_chest(np.zeros(dark.shape), nothing, dark, nothing, (5.0, 5.0, 5.0))
    np.testing.assert_array_equal(outside, dark if found else nothing)


def test_the_ribs_are_seen_from_the_lungs_without_what_hangs_on_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Voxels of 3.4 mm: a neck is up to two voxels wide."""
    lung, nothing = np.zeros((30, 20, 20), dtype=bool), np.zeros((30, 20, 20), dtype=bool)
    lung[5:15, 5:15, 5:15] = True
    hanging, deep = nothing.copy(), nothing.copy()
    hanging[15:17, 8:10, 8:10] = hanging[17:23, 6:12, 6:12] = deep[10, 10, 10] = True
    given: list[np.ndarray] = []

    def outside(ct: np.ndarray, lungs: np.ndarray, edges: tuple[float, float, float]) -> np.ndarray:
        given.append(lungs)
        return np.ones(ct.shape, dtype=bool)

    monkeypatch.setattr(lung_masks, "outside_ribs", outside)
    core = lung | hanging
    found = _outside_chest(np.zeros(core.shape), core, core, deep, (3.4, 3.4, 3.4))
    np.testing.assert_array_equal(given[0], lung)
    beside = hanging.copy()
    beside[15] = False  # the lung's own edge
    np.testing.assert_array_equal(found, beside)


@pytest.mark.parametrize(
    ("thickness", "height", "gas", "kept"),
    [(4, 30, True, False), (5, 30, True, True), (4, 30, False, True), (4, 28, True, True)],
)
def test_beside_gas_a_large_part_without_depth_is_no_lung(
    thickness: int, height: int, gas: bool, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plate of 4 x 40 x 30 voxels of 4 mm between the lungs has 307 mL; of a height of 28, it is a loose piece."""
    ct = np.full((60, 60, 40), -1000.0)
    ct[3:57, 3:57] = 40.0
    ct[6:24, 6:26, 4:36] = ct[36:54, 6:26, 4:36] = -850.0  # two lungs
    plate = np.s_[28 : 28 + thickness, 6:46, 8 : 8 + height]
    ct[plate] = -850.0
    bubble = np.zeros(ct.shape, dtype=bool)
    bubble[10:13, 40:43, 10:13] = gas
    ct[10:13, 40:43, 10:13] = -1000.0
    monkeypatch.setattr(lung_masks, "gas_of_parts", lambda ct, dark, spacing: bubble)
    monkeypatch.setattr(lung_masks, "outside_ribs", lambda ct, *_: np.zeros(ct.shape, dtype=bool))
    hull = np.zeros(ct.shape, dtype=bool)
    hull[3:57, 3:57] = True
    lungs, core, _, _ = segment_lungs(ct, hull, EDGE)
    assert core[plate].all() == kept
    assert lungs[plate].any() == kept
    assert core[6:24, 6:26, 4:36].all()
