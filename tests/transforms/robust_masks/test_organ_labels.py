"""Robust masks on phantoms: accuracy, positions, diseases, scans without lungs, and invariances."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct
from monai_pylon.transforms import partition_organs
from monai_pylon.transforms.robust_masks import organ_labels
from monai_pylon.transforms.robust_masks.lung_masks import segment_lungs
from monai_pylon.transforms.robust_masks.organ_labels import robust_organ_labels
from tests.references.morphology import dice
from tests.transforms.drawn_chest import box_chest, drawn_chest

SIZE_MM = (360.0, 320.0, 320.0)


@functools.cache
def segmented(edge: float | tuple[float, float, float] = 4.0, seed: int = 1, **options):
    """Return a phantom, its organ labels by the robust method, and their quality."""
    spacing = edge if isinstance(edge, tuple) else (edge,) * 3
    shape = tuple(round(size / step) for size, step in zip(SIZE_MM, spacing, strict=True))
    phantom = phantom_chest_ct(seed, shape, spacing, **options)
    return (phantom, *partition_organs(phantom.image, phantom.affine))


def lungs(labels: np.ndarray) -> np.ndarray:
    return (labels == 1) | (labels == 3)


def check_phantom(phantom, labels: np.ndarray, both: float, airway: float = 0.01, heart: float = 0.95) -> None:
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 1, 2, 3}
    truth = lungs(phantom.organs)
    assert dice(lungs(labels), truth) >= both
    assert np.count_nonzero(truth & lungs(labels) & (labels != phantom.organs)) < 0.005 * truth.sum()  # sides swapped
    for name, most in {"airway": airway, "stomach gas": 0.01, "bowel gas": 0.01, "table": 0.0}.items():
        structure = phantom.structures == PHANTOM_STRUCTURES[name]
        assert np.count_nonzero(structure & lungs(labels)) <= most * structure.sum(), name
    assert (labels == 2)[phantom.structures == PHANTOM_STRUCTURES["heart"]].mean() >= heart


GEOMETRY = {
    "off centre": {"off_centre": (30.0, -20.0, 0.0)},
    "off centre the other way": {"off_centre": (-30.0, 20.0, 10.0)},
    "turned left": {"rotation": 25.0},
    "turned right": {"rotation": -25.0},
    "cropped": {"cropped": True},
    "arms down": {"arms": "down"},
}
DISEASES = [
    {name: side, "rotation": turn}
    for name in ("effusion", "collapse", "consolidation", "ild")
    for side in ("right", "left")
    for turn in (0.0, 25.0, -25.0)
]


def name_of(options: dict) -> str:
    return " ".join(f"{key} {value}" for key, value in options.items())


# --- voxels of 4 mm: quick, and a little less exact -------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, *GEOMETRY.values()], ids=["plain", *GEOMETRY])
def test_lungs_in_any_position(options) -> None:
    phantom, labels, quality = segmented(**options)
    assert quality.ok
    assert quality.reasons == (("right_lung_cut", "left_lung_cut") if "cropped" in options else ())
    check_phantom(phantom, labels, both=0.975)
    for organ in (1, 3):
        assert dice(labels == organ, phantom.organs == organ) >= 0.975


@pytest.mark.parametrize("options", DISEASES[::2], ids=name_of)
def test_lungs_with_disease(options) -> None:
    phantom, labels, quality = segmented(**options)
    # a right lung that collapsed draws the mediastinum to the right, as in a mirrored scan, so its mask is doubted
    drawn_right = options.get("collapse") == "right"
    assert quality.ok != drawn_right
    assert ("mediastinum_right" in quality.reasons) == drawn_right
    check_phantom(phantom, labels, both=0.90)


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_fully_collapsed_lung_is_completed(side: str) -> None:
    phantom, labels, quality = segmented(collapse=side, severity=0.95)
    assert quality.ok
    assert quality.reasons == (f"{side}_lung_completed",)
    check_phantom(phantom, labels, both=0.88, heart=0.88)
    organ = {"right": 1, "left": 3}[side]
    assert dice(labels == organ, phantom.organs == organ) > 0.7


def test_a_large_effusion_is_completed() -> None:
    for side in ("right", "left"):
        _, _, quality = segmented(effusion=side, rotation=0.0)
        assert quality.reasons == (f"{side}_lung_completed",)


def test_pleural_air_is_lung() -> None:
    phantom, labels, quality = segmented(pneumothorax="left")
    assert quality.ok
    check_phantom(phantom, labels, both=0.97)


@pytest.mark.parametrize("edge", [(2.5, 2.5, 8.0), (4.0, 2.5, 3.0), (1.4, 4.0, 4.0)], ids=str)
def test_spacings_of_all_kinds(edge) -> None:
    phantom, labels, quality = segmented(edge)
    assert quality.ok
    check_phantom(phantom, labels, both=0.97, airway=0.01 if edge[2] < 8 else 0.025)


# --- voxels of 2 mm: the documented accuracy ----------------------------------------------------------------------

fresh = segmented.__wrapped__  # too large to cache


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_plain_lungs_to_98_percent(seed: int) -> None:
    phantom, labels, quality = fresh(2.0, seed)
    assert quality.reasons == ()
    check_phantom(phantom, labels, both=0.98)
    for organ in (1, 3):
        assert dice(labels == organ, phantom.organs == organ) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("options", GEOMETRY.values(), ids=GEOMETRY)
@pytest.mark.parametrize("seed", [1, 2])
def test_lungs_in_any_position_to_97_percent(options, seed: int) -> None:
    phantom, labels, quality = fresh(2.0, seed, **options)
    assert quality.reasons == ()
    check_phantom(phantom, labels, both=0.97)


@pytest.mark.slow
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 5.0), (1.0, 1.0, 8.0), (1.5, 2.5, 3.0), (0.8, 0.8, 2.5)], ids=str)
def test_spacings_of_all_kinds_to_97_percent(spacing) -> None:
    phantom, labels, quality = fresh(spacing)
    assert quality.reasons == ()
    check_phantom(phantom, labels, both=0.97)


@pytest.mark.slow
@pytest.mark.parametrize("options", DISEASES, ids=name_of)
def test_lungs_with_disease_to_90_percent(options) -> None:
    phantom, labels, quality = fresh(2.0, 3, **options)
    assert set(quality.reasons) <= {"mediastinum_right", "right_lung_completed", "left_lung_completed"}
    assert quality.ok or options.get("collapse") == "right"
    check_phantom(phantom, labels, both=0.90)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_fully_collapsed_lung_on_voxels_of_2_mm(side: str, seed: int) -> None:
    phantom, labels, quality = fresh(2.0, seed, collapse=side, severity=0.95)
    assert quality.ok
    assert quality.reasons == (f"{side}_lung_completed",)
    check_phantom(phantom, labels, both=0.88, heart=0.87)


# --- drawn chests: one thing at a time --------------------------------------------------------------------------------

EDGE = (4.0, 4.0, 4.0)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("gas", [False, True])
def test_a_raised_diaphragm_is_not_completed_and_gas_under_it_is_not_lung(side: str, gas: bool) -> None:
    ct, right, left = drawn_chest(left_dome=10.0, gas=gas)
    if side == "right":
        ct, right, left = ct[::-1], left[::-1], right[::-1]
    labels, reasons = robust_organ_labels(ct, EDGE)
    assert reasons == ()
    assert dice(labels == 1, right) > 0.985
    assert dice(labels == 3, left) > 0.985


def test_one_lung_is_not_split_into_two_sides() -> None:
    ct, right, left = drawn_chest()
    ct[left] = 500.0  # filled by bone
    labels, _ = robust_organ_labels(ct, EDGE)
    assert dice(labels == 1, right) > 0.985
    assert not (labels == 3).any()


def test_a_missing_trachea_is_reported() -> None:
    labels, reasons = robust_organ_labels(drawn_chest(trachea=False)[0], EDGE)
    assert reasons == ("no_trachea",)
    assert set(np.unique(labels)) == {0, 1, 2, 3}


@pytest.mark.parametrize("ct", [np.full((20, 20, 30), 40.0), np.full((20, 20, 30), -1000.0)], ids=["tissue", "air"])
def test_labels_are_empty_without_a_lung(ct) -> None:
    labels, reasons = robust_organ_labels(ct, EDGE)
    assert labels.shape == ct.shape
    assert labels.dtype == np.uint8
    assert not labels.any()
    assert reasons == ()


def test_tips_of_lungs_of_a_single_pixel_do_not_warn() -> None:
    ct = drawn_chest()[0]
    tipped = ct.copy()
    tipped[:, :, :30] = np.where(ct[:, :, :30] == -850, 40.0, ct[:, :, :30])
    tipped[63, 30, 25:30] = tipped[26, 30, 25:30] = -850.0  # tips one voxel thick
    tipped[60:66, 30, 20:25] = tipped[26, 27:33, 20:25] = -850.0  # and lines
    labels, _ = robust_organ_labels(tipped, EDGE)
    assert set(np.unique(labels)) == {0, 1, 2, 3}


def test_the_edge_is_exact_on_fine_voxels() -> None:
    ct = np.full((120, 40, 30), -1000.0)
    ct[10:110, 5:35] = 40.0
    lung = np.zeros(ct.shape, dtype=bool)
    lung[17:51, 10:30, 3:27] = lung[69:103, 10:30, 3:27] = True  # half a block of two voxels at every end
    ct[lung] = -850.0
    labels, _ = robust_organ_labels(ct, (1.0, 5.0, 5.0))
    np.testing.assert_array_equal(lungs(labels), lung)
    assert (labels[69:103][lung[69:103]] == 1).all()


def test_the_wall_of_the_airway_is_excluded_on_fine_voxels() -> None:
    ct = np.full((60, 40, 50), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:52, 10:30, 3:30] = -850.0
    ct[29:38, 19:25, 14:48] = -600.0  # a partial volume of wall and air
    ct[30:37, 20:24, 14:48] = -1000.0
    labels, _ = robust_organ_labels(np.repeat(ct, 2, axis=0), (1.0, 4.0, 4.0))
    assert lungs(labels)[:, :, 14:30].any()
    assert not lungs(labels)[58:76, 20:24, 14:48].any()


@pytest.mark.parametrize(("ml", "found"), [(5.0, ()), (5.01, ("gas_outside_lung",))])
def test_more_than_5_ml_of_gas_outside_the_ribs_are_reported(ml: float, found: tuple, monkeypatch) -> None:
    monkeypatch.setattr(organ_labels, "segment_lungs", lambda *args: (*segment_lungs(*args)[:3], ml))
    assert robust_organ_labels(box_chest(), EDGE)[1] == found


@pytest.mark.parametrize(
    ("left", "right", "padding", "spacing", "completed"),
    [
        (25, 0, False, EDGE, False),  # 10 x 25 voxels of 16 mm2 have 40 cm2
        (24, 0, False, EDGE, True),
        (0, 25, False, EDGE, False),
        (25, 25, False, EDGE, True),
        (20, 0, False, (4.0, 4.0, 5.0), False),  # 10 x 20 voxels of 20 mm2
        (19, 0, False, (4.0, 4.0, 5.0), True),
        (25, 0, True, EDGE, False),
        (24, 0, True, EDGE, True),
        (20, 0, True, (4.0, 3.0, 5.0), False),
        (19, 0, True, (4.0, 3.0, 5.0), True),
    ],
)
def test_a_lung_is_completed_if_the_field_of_view_cuts_both_alike(
    left: int, right: int, padding: bool, spacing: tuple[float, float, float], completed: bool, monkeypatch
) -> None:
    """Lungs that end at a side of the volume, or at padding, over so many slices."""
    called = []
    monkeypatch.setattr(
        organ_labels, "complete_lungs", lambda right, left, *_: called.append(True) or (right, left, ())
    )
    ct = np.full((60, 40, 34), 40.0)
    ct[8:26, 10:30, 3:31] = ct[34:52, 10:30, 3:31] = -850.0
    ct[28:32, 18:22, 14:34] = -1000.0
    ct[:8, 12:22, 4 : 4 + left] = ct[52:, 12:22, 4 : 4 + right] = -850.0
    if padding:
        ct[:4] = -1024.0
    robust_organ_labels(ct, spacing)
    assert called == [True] * completed


# --- scans without lungs ----------------------------------------------------------------------------------------------


def head(edge: float) -> np.ndarray:
    """Draw a head (X, Y, Z) in HU: brain, skull, and air in sinuses, airway and mouth."""
    shape = tuple(round(length / edge) for length in (240, 240, 220))
    x, y, z = (
        (np.arange(n) - (n - 1) / 2).reshape([-1 if axis == a else 1 for a in range(3)]) * edge
        for axis, n in enumerate(shape)
    )
    skull = np.sqrt((x / 80) ** 2 + (y / 95) ** 2 + (z / 90) ** 2)
    ct = np.where(skull < 1, 40.0, -1000.0)
    ct[(skull > 0.88) & (skull < 0.96)] = 900.0
    for cx, cy, cz, radius in ((22, 50, -30, 16), (-22, 50, -30, 16), (0, 65, 10, 10), (0, 40, -45, 14)):
        ct[(x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2 < radius**2] = -1000.0
    ct[(np.hypot(x, y - 10) < 10) & (z < -20)] = -1000.0
    return ct


@pytest.mark.parametrize("edge", [4.0, 2.5])
def test_a_head_has_no_lung(edge: float) -> None:
    found = partition_organs(head(edge), np.diag([edge, edge, edge, 1.0]))
    assert found.quality.reasons == ("no_lung",)
    assert not found.labels.any()


@pytest.fixture(scope="module")
def long_phantom():
    """Render a phantom from neck to pelvis, with lungs on slices 37 to 82 of 120."""
    return phantom_chest_ct(seed=1, shape=(80, 70, 120), spacing=(4.0, 4.0, 4.0))


@pytest.mark.parametrize(("first", "end"), [(0, 30), (0, 38), (86, 116)], ids=["abdomen", "up to the lungs", "neck"])
def test_a_part_of_the_body_without_lungs_has_no_lung(long_phantom, first: int, end: int) -> None:
    quality = partition_organs(long_phantom.image[:, :, first:end], long_phantom.affine).quality
    assert not quality.ok
    assert quality.reasons == ("no_lung",)


def test_an_abdomen_with_the_bases_of_the_lungs_is_not_ok(long_phantom) -> None:
    for end in (40, 42, 45, 48):
        quality = partition_organs(long_phantom.image[:, :, :end], long_phantom.affine).quality
        assert not quality.ok, end


@pytest.mark.parametrize("value", [-1000.0, 40.0, 0.0])
def test_a_constant_volume_is_not_ok(value: float) -> None:
    found = partition_organs(np.full((20, 20, 40), value), np.diag([4.0, 4.0, 4.0, 1.0]))
    assert not found.quality.ok
    assert not found.labels.any()


def test_a_lung_that_was_removed_is_small_or_completed(long_phantom) -> None:
    """After pneumonectomy the empty side fills, so that the mask has a completed or a small lung."""
    for value, side in ((1, "right"), (3, "left")):
        ct = np.where(long_phantom.organs == value, 30.0, long_phantom.image)
        quality = partition_organs(ct, long_phantom.affine).quality
        assert quality.reasons in ((f"{side}_lung_completed",), (f"{side}_lung_small",))


# --- invariances ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flips", [(0,), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1)])
def test_the_storage_of_the_volume_does_not_matter(axes, flips) -> None:
    phantom, labels, _ = segmented()
    matrix = np.zeros((4, 4))
    matrix[[*axes, 3], [0, 1, 2, 3]] = 1
    image = phantom.image.transpose(axes)
    for axis in flips:
        matrix[:, 3] += matrix[:, axis] * (image.shape[axis] - 1)
        matrix[:, axis] *= -1
    turned = partition_organs(np.flip(image, flips), phantom.affine @ matrix)
    np.testing.assert_array_equal(np.flip(turned.labels, flips), labels.transpose(axes))


def test_memory_order_and_number_type_do_not_matter() -> None:
    phantom, labels, _ = segmented()
    whole = np.round(phantom.image)
    expected = partition_organs(whole, phantom.affine).labels
    for image in (np.asfortranarray(whole), whole.astype(np.int16), whole.astype(np.float64)):
        np.testing.assert_array_equal(partition_organs(image, phantom.affine).labels, expected)
    assert dice(expected > 0, labels > 0) > 0.999


def test_a_mirrored_patient_has_the_other_lung() -> None:
    phantom, labels, _ = segmented()
    mirrored = partition_organs(phantom.image[::-1], phantom.affine).labels[::-1]
    swapped = np.array([0, 3, 2, 1], dtype=np.uint8)[mirrored]
    for organ in (1, 3):  # the mediastinum is not symmetric, because of the heart
        assert dice(swapped == organ, labels == organ) > 0.995


@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize("hu", [-1000.0, None], ids=["air", "the last slice again"])
def test_slices_outside_the_chest_do_not_matter(below: bool, hu: float | None) -> None:
    phantom, labels, _ = segmented()
    pads = (12, 0) if below else (0, 12)
    widths = [(0, 0), (0, 0), pads]
    padded = (
        np.pad(phantom.image, widths, mode="edge") if hu is None else np.pad(phantom.image, widths, constant_values=hu)
    )
    found = partition_organs(padded, phantom.affine).labels
    np.testing.assert_array_equal(found[:, :, 12:] if below else found[:, :, :-12], labels)
    assert not (found[:, :, :12] if below else found[:, :, -12:]).any()


def test_more_abdomen_and_neck_do_not_matter() -> None:
    short, tall = (phantom_chest_ct(1, (80, 70, n), EDGE, noise=0.0) for n in (80, 110))
    labels = [partition_organs(phantom.image, phantom.affine).labels for phantom in (short, tall)]
    assert dice(lungs(labels[1][:, :, 15:-15]), lungs(labels[0])) > 0.999
    assert not labels[1][:, :, :15].any()


def test_a_finer_scan_of_the_same_blocks_has_the_same_organs() -> None:
    phantom, coarse, _ = segmented((4.0, 4.0, 2.0))
    fine, _ = robust_organ_labels(np.repeat(phantom.image[::-1, ::-1], 2, axis=2), (4.0, 4.0, 1.0))
    expected = np.repeat(coarse[::-1, ::-1], 2, axis=2)
    for organ in (1, 2, 3):
        assert dice(fine == organ, expected == organ) > 0.995


def test_the_input_is_not_changed() -> None:
    ct = drawn_chest()[0]
    before = ct.copy()
    robust_organ_labels(ct, EDGE)
    np.testing.assert_array_equal(ct, before)


@pytest.mark.parametrize("seed", [0, 3])
def test_a_box_that_cuts_one_lung_does_not_complete_the_other(seed) -> None:
    phantom = segmented(seed=seed)[0]
    right = np.argwhere(phantom.organs == 1)
    # axes run to the left and to the back: cut 60 mm of the right lung at its side, 44 mm in front
    low = right.min(axis=0) + np.array([15, 11, 0])
    part = (slice(low[0], None), slice(low[1], None))
    affine = phantom.affine.copy()
    affine[:3, 3] += affine[:3, :2] @ low[:2]
    labels, quality = partition_organs(phantom.image[part], affine)
    assert quality.ok
    assert quality.reasons == ("right_lung_cut", "left_lung_cut")
    for value in (1, 3):
        assert dice(labels == value, phantom.organs[part] == value) > 0.95
