"""Tests of the CT phantom: truth and HU agree, sides and affine agree, each argument changes only what it names."""

import numpy as np
import pytest
from monai.data import MetaTensor
from scipy import ndimage

import monai_pylon.data.phantoms.chest_ct as phantom_ct_module
from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct
from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.organs import ORGAN_VALUES

GRID = {"shape": (58, 52, 50), "spacing": (6.0, 6.0, 6.0)}
RIGHT, LEFT = ORGAN_VALUES["right lung"], ORGAN_VALUES["left lung"]
#: Range of the median HU of each finding.
FINDINGS = {
    "mass": (20, 45),
    "effusion": (5, 12),
    "collapse": (20, 50),
    "consolidation": (-60, 45),
    "ild": (-750, -350),
    "pneumothorax": (-1000, -980),
}


def make(seed=1, **arguments):
    return phantom_chest_ct(seed, **(GRID | {"noise": 0.0} | arguments))


def ras(phantom):
    """Return the RAS mm (3, X, Y, Z) of every voxel."""
    index = np.indices(phantom.image.shape).reshape(3, -1)
    position = phantom.affine[:3, :3] @ index + phantom.affine[:3, 3:]
    return position.reshape(3, *phantom.image.shape)


def make_anatomy_of(seed):
    return make_anatomy(np.random.default_rng([seed, 0]))


def centre(phantom, organ):
    return ras(phantom)[:, phantom.organs == organ].mean(axis=1)


def is_a(phantom, *names):
    return np.isin(phantom.structures, [PHANTOM_STRUCTURES[name] for name in names])


def same(one, other):
    fields = ("image", "affine", "organs", "structures", "labels", "locations")
    arrays = all(np.array_equal(getattr(one, field), getattr(other, field)) for field in fields)
    lesions = one.lesions.keys() == other.lesions.keys() and all(
        np.array_equal(mask, other.lesions[name]) for name, mask in one.lesions.items()
    )
    return arrays and lesions and one.report == other.report


@pytest.fixture(scope="module")
def plain():
    return make()


@pytest.fixture(scope="module", params=FINDINGS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def found(name):
    """Render the patient of ``plain`` with one finding in the right lung."""
    return make(**{name: "right"})


def test_same_seed_gives_same_patient_bit_by_bit(plain):
    np.random.seed(99)
    assert same(make(), plain)
    assert same(make(np.int64(3), mass=True, noise=15.0), make(3, mass=True, noise=15.0))
    assert not np.array_equal(make(2).organs, plain.organs)


def test_shapes_types_and_affine(plain):
    assert (plain.image.dtype, plain.image.shape) == (np.float32, GRID["shape"])
    assert (plain.organs.dtype, plain.structures.dtype) == (np.uint8, np.uint8)
    assert plain.organs.shape == plain.structures.shape == GRID["shape"]
    assert (plain.labels.dtype, plain.labels.shape, plain.labels.sum()) == (np.uint8, (80,), 0)
    assert (plain.locations.dtype, plain.locations.shape, plain.locations.any()) == (bool, (80, 3), False)
    assert plain.lesions == {}
    # array axes are left, posterior, superior; the origin is the middle of the grid
    expected = np.diag([-6.0, -6.0, 6.0, 1.0])
    expected[:3, 3] = 171.0, 153.0, -147.0
    np.testing.assert_array_equal(plain.affine, expected)


def test_image_and_affine_make_a_metatensor(plain):
    image = MetaTensor(plain.image[None], affine=plain.affine)
    assert image.shape == (1, *GRID["shape"])
    assert image.pixdim.tolist() == [6.0, 6.0, 6.0]


def test_structures_have_distinct_values(plain):
    assert sorted(PHANTOM_STRUCTURES.values()) == list(range(len(PHANTOM_STRUCTURES)))
    assert set(np.unique(plain.structures)) <= set(PHANTOM_STRUCTURES.values())
    seen = set(np.unique(plain.structures))
    missing = {name for name, value in PHANTOM_STRUCTURES.items() if value not in seen}
    assert missing == {"lesion", "pleural air", "pleural fluid", "oesophagus gas", "subcutaneous gas"}


def test_left_lung_is_smaller_and_on_the_left(plain):
    assert centre(plain, RIGHT)[0] > 30
    assert centre(plain, LEFT)[0] < -30
    assert ras(plain)[0][plain.organs == RIGHT].min() > -10
    assert ras(plain)[0][plain.organs == LEFT].max() < 10
    right, left = (np.count_nonzero(plain.organs == organ) * 0.216 for organ in (RIGHT, LEFT))
    assert 1500 < left < 0.97 * right < 4000


@pytest.mark.parametrize(
    ("names", "low", "high"),
    [
        (("air",), -1001, -999),
        (("lung",), -900, -780),
        (("airway",), -1000, -900),
        (("heart",), 35, 45),
        (("aorta",), 35, 50),
        (("fat",), -110, -95),
        (("bone",), 150, 700),
        (("stomach gas",), -1000, -950),
        (("spinal canal",), 10, 30),
    ],
)
def test_median_hu_of_structures(plain, names, low, high):
    assert low < np.median(plain.image[is_a(plain, *names)]) < high


def test_organs_consist_of_their_structures(plain):
    lungs = np.isin(plain.organs, (RIGHT, LEFT))
    assert is_a(plain, "lung", "lung vessel", "bronchus", "airway wall")[lungs].all()
    assert lungs[is_a(plain, "lung")].all()
    between = plain.organs == ORGAN_VALUES["mediastinum"]
    assert not is_a(plain, "lung", "bone", "air", "table", "stomach gas", "abdomen")[between].any()
    # the airway above the chest belongs to no organ
    assert not lungs[is_a(plain, "airway")].any()
    for organ in ("heart", "oesophagus"):
        assert between[is_a(plain, organ)].mean() > 0.85
    # the heart reaches further to the left
    heart = ras(plain)[0][is_a(plain, "heart")]
    assert heart.mean() < -5 < 5 < heart.max()


def test_the_patient_lies_on_the_table(plain):
    y = ras(plain)[1]
    assert y[is_a(plain, "table")].max() < y[is_a(plain, "bone")].max()
    assert y[is_a(plain, "table")].mean() < -100
    assert y[is_a(plain, "spinal canal")].mean() < centre(plain, RIGHT)[1] - 40


def test_finding_has_its_side_and_hu(found, name):
    assert list(found.lesions) == [name]
    mask = found.lesions[name]
    assert (mask.dtype, mask.shape) == (bool, GRID["shape"])
    assert mask.sum() > 100
    assert ras(found)[0][mask].min() > -6
    low, high = FINDINGS[name]
    assert low <= np.median(found.image[mask]) <= high


def test_pleural_fluid_and_air_belong_to_the_lung():
    for name, structure in (("effusion", "pleural fluid"), ("pneumothorax", "pleural air")):
        phantom = make(**{name: "left"})
        mask = phantom.lesions[name]
        np.testing.assert_array_equal(is_a(phantom, structure), mask)
        assert (phantom.organs[mask] == LEFT).all()
        rises = ras(phantom)[1][mask].mean() - centre(phantom, LEFT)[1]
        # in a patient on the back, fluid sinks and air rises
        assert rises < -20 if name == "effusion" else rises > 20


def test_lesions_belong_to_the_lung(found, name):
    if name in ("effusion", "pneumothorax"):
        pytest.skip("fluid and air are tested above")
    assert (found.organs[found.lesions[name]] == RIGHT).mean() > 0.97


def test_finding_does_not_change_the_rest(found, plain, name):
    if name == "collapse":
        pytest.skip("a collapsed lung moves heart and diaphragm")
    changed = np.abs(found.image - plain.image) > 0.5
    # a thin fringe of lung is not in the mask, and an edge is two voxels wide
    near = ndimage.binary_dilation(found.lesions[name] | (plain.organs == RIGHT), np.ones((3, 3, 3)), iterations=2)
    assert changed.any()
    assert not changed[~near].any()
    assert not changed[plain.organs == LEFT].any()
    np.testing.assert_array_equal(found.organs == LEFT, plain.organs == LEFT)
    if name in ("mass", "consolidation"):
        close = ndimage.binary_dilation(found.lesions[name], np.ones((3, 3, 3)), iterations=2)
        change = np.abs(found.image - plain.image)
        assert change[~close].sum() < 0.01 * change.sum()


def test_collapsed_lung_moves_heart_and_diaphragm(plain):
    phantom = make(collapse="right", severity=0.95)
    assert phantom.report.startswith("There is complete atelectasis of the right lung.")
    hearts = [ras(p)[0][is_a(p, "heart")].mean() for p in (plain, phantom)]
    assert hearts[1] > hearts[0] + 5
    assert np.count_nonzero(phantom.organs == RIGHT) < 0.95 * np.count_nonzero(plain.organs == RIGHT)
    np.testing.assert_array_equal(phantom.lesions["collapse"], phantom.organs == RIGHT)


def test_labels_locations_and_report_agree(found, name):
    expected = {
        "mass": {"lung mass"},
        "effusion": {"pleural effusion", "atelectasis"},
        "collapse": {"atelectasis"},
        "consolidation": {"consolidation"},
        "ild": {"interstitial lung disease", "reticulation", "honeycombing"},
        "pneumothorax": {"pneumothorax"},
    }[name]
    assert {CHEST_CT_LABELS[index] for index in np.flatnonzero(found.labels)} == expected
    np.testing.assert_array_equal(found.labels > 0, found.locations.any(axis=1))
    assert found.locations[found.labels > 0].tolist() == [[True, False, False]] * len(expected)
    first = found.report.split(".")[0]
    for label in expected:
        assert label.removeprefix("lung ") in first
    assert "right" in first
    assert "left" not in first


def test_the_report_of_a_healthy_patient(plain):
    assert (
        plain.report == "No pulmonary nodule or mass. No pleural effusion. No pneumothorax. The heart size is normal."
    )


@pytest.mark.parametrize(("value", "places"), [("right", [1, 0, 0]), ("left", [0, 0, 1]), ("both", [1, 0, 1])])
def test_side_is_chosen_by_name(value, places):
    phantom = make(effusion=value)
    assert phantom.locations[CHEST_CT_LABELS.index("pleural effusion")].tolist() == places
    x = ras(phantom)[0][phantom.lesions["effusion"]]
    assert ((x > 10).any(), (x < -10).any()) == (places[0] == 1, places[2] == 1)


def test_true_draws_a_random_side_and_false_nothing():
    small = {"shape": (16, 12, 12), "spacing": (24.0, 24.0, 24.0)}
    place = CHEST_CT_LABELS.index("pneumothorax")
    sides = [make(seed, pneumothorax=True, **small).locations[place].tolist() for seed in range(7)]
    assert sorted(set(map(tuple, sides))) == [(False, False, True), (True, False, False)]
    assert make(0, pneumothorax=False, mass=None, **small).lesions == {}


def test_findings_do_not_change_each_other():
    """A mass does not change if the other lung gets a pneumothorax."""
    one, two = make(mass="left"), make(mass="left", pneumothorax="right")
    np.testing.assert_array_equal(one.lesions["mass"], two.lesions["mass"])
    left = one.organs == LEFT
    np.testing.assert_array_equal(one.image[left], two.image[left])
    assert sorted(two.lesions) == ["mass", "pneumothorax"]
    assert two.labels.sum() == 2


def test_nodules_agree_with_report_and_labels():
    fine = make(6, nodules=3, shape=(150, 110, 120), spacing=(2.2, 2.2, 2.2))
    mask = fine.lesions["nodule"]
    spots, count = ndimage.label(mask, np.ones((3, 3, 3)))
    assert count == 3
    assert fine.report.count("nodule of") == 3
    # the report has the diameters of whole nodules, the masks end at the pleura
    reported = sorted(int(word) for word in fine.report.replace("mm", "").split() if word.isdigit())
    volumes = ndimage.sum_labels(mask, spots, range(1, 4)) * 2.2**3
    measured = sorted((6 * volumes / np.pi) ** (1 / 3))
    assert 6 <= reported[0] <= reported[-1] <= 24
    assert max(measured) <= max(reported) + 2.2
    assert min(measured) > 0.5 * min(reported)
    assert fine.labels[CHEST_CT_LABELS.index("lung nodule")] == 1
    assert fine.labels[CHEST_CT_LABELS.index("lung nodulegr1cm")] == (max(reported) > 10)
    sides = {word for word in ("right", "left") if f"{word} upper" in fine.report or f"{word} lower" in fine.report}
    places = fine.locations[CHEST_CT_LABELS.index("lung nodule")]
    x = ras(fine)[0][mask]
    assert places[0] == (x > 0).any()
    assert places[2] == (x < 0).any()
    assert sides or "middle" in fine.report


def test_a_more_severe_finding_is_larger(name):
    sizes = [make(severity=severity, **{name: "right"}).lesions[name].sum() for severity in (0.1, 0.5, 0.9)]
    assert sizes[0] < sizes[1] < sizes[2]


def test_offset_is_added_to_every_voxel(plain):
    np.testing.assert_allclose(make(hu_offset=1024.0).image, plain.image + 1024.0, atol=1e-3)


def test_noise_has_its_deviation_and_is_clipped_at_minus_1024(plain):
    noisy = make(noise=30.0)
    deep = ndimage.binary_erosion(is_a(plain, "heart", "muscle"), iterations=1)
    assert (noisy.image - plain.image)[deep].std() == pytest.approx(30.0, rel=0.15)
    assert noisy.image.min() == -1024.0
    np.testing.assert_array_equal(noisy.organs, plain.organs)


@pytest.mark.parametrize("off_centre", [(24.0, 0.0, 0.0), (0.0, -12.0, 18.0)])
def test_off_centre_moves_the_patient_in_ras_mm(plain, off_centre):
    moved = make(off_centre=off_centre)
    np.testing.assert_array_equal(moved.affine, plain.affine)
    voxels = np.array(off_centre) / (-6.0, -6.0, 6.0)
    inner = (slice(8, -8),) * 3
    rolled = np.roll(plain.organs, voxels.astype(int), axis=(0, 1, 2))
    assert (moved.organs == rolled)[inner].mean() > 0.998


def test_rotation_turns_the_patient_but_not_gravity(plain):
    turned = make(rotation=20.0)
    vectors = [centre(p, RIGHT)[:2] - centre(p, LEFT)[:2] for p in (plain, turned)]
    angles = [np.degrees(np.arctan2(y, x)) for x, y in vectors]
    # anticlockwise seen from the head: the right side moves to the front
    assert angles[1] - angles[0] == pytest.approx(20.0, abs=1.5)
    volumes = [np.count_nonzero(p.organs == RIGHT) for p in (plain, turned)]
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02)
    fluid = make(rotation=25.0, effusion="both", severity=0.7)
    lung, liquid = (np.isin(fluid.organs, (RIGHT, LEFT)), fluid.lesions["effusion"])
    assert ras(fluid)[1][liquid].mean() < ras(fluid)[1][lung].mean() - 30
    # the table does not turn
    bare = is_a(turned, "table", "air") & is_a(plain, "table", "air")
    np.testing.assert_array_equal(is_a(turned, "table")[bare], is_a(plain, "table")[bare])


def test_cropped_view_cuts_both_lungs(plain):
    cropped = make(cropped=True)
    assert cropped.image.shape[0] < plain.image.shape[0]
    assert (cropped.organs[0] == RIGHT).any()
    assert (cropped.organs[-1] == LEFT).any()
    start = round((plain.affine[0, 3] - cropped.affine[0, 3]) / 6.0)
    part = slice(start, start + cropped.image.shape[0])
    np.testing.assert_array_equal(cropped.image, plain.image[part])
    np.testing.assert_array_equal(cropped.organs, plain.organs[part])


@pytest.mark.parametrize("side", ["right", "left"])
def test_a_box_cuts_one_lung_at_side_and_back(plain, side):
    part = make(field=f"{side}_side_and_back")
    lung, other = (RIGHT, LEFT) if side == "right" else (LEFT, RIGHT)
    # axis 0 runs to the left, axis 1 to the back
    assert (part.organs[0 if side == "right" else -1] == lung).sum() > 100
    assert not (part.organs[0 if side == "left" else -1] == other).any()
    assert (part.organs[:, -1] == lung).any()
    whole = [np.count_nonzero(plain.organs == organ) for organ in (lung, other)]
    seen = [np.count_nonzero(part.organs == organ) for organ in (lung, other)]
    assert seen[0] < 0.6 * whole[0]
    assert 0.6 * whole[1] < seen[1] < whole[1]
    start = np.round((plain.affine - part.affine)[:2, 3] / 6.0).astype(int)
    window = tuple(slice(first, first + n) for first, n in zip(start, part.image.shape, strict=False))
    np.testing.assert_array_equal(part.image, plain.image[window])


@pytest.mark.parametrize(("field", "cut"), [("upper", "bottom"), ("middle", "both"), ("lower", "top")])
def test_fields_along_the_body_cut_the_lungs(plain, field, cut):
    part = make(field=field)
    lungs = np.isin(part.organs, (RIGHT, LEFT)).sum(axis=(0, 1)) * 36.0
    assert (lungs[0] > 5000) == (cut != "top")
    assert (lungs[-1] > 5000) == (cut != "bottom")
    first = round((part.affine - plain.affine)[2, 3] / 6.0)
    levels = slice(first, first + part.image.shape[2])
    np.testing.assert_array_equal(part.image, plain.image[..., levels])
    np.testing.assert_array_equal(part.organs, plain.organs[..., levels])
    if field == "upper":
        assert part.affine[2, 3] == pytest.approx(make_anatomy_of(1).mediastinum.airways[0].points[-1][2], abs=6.0)


def test_fields_follow_the_patient():
    moved = make(field="middle", off_centre=(0.0, 0.0, 30.0))
    assert moved.affine[2, 3] == pytest.approx(-20.0, abs=6.0)


def test_padding_lies_outside_the_circle_and_hides_the_truth(plain):
    padded = make(padding=-2000.0, effusion="both")
    radius = np.hypot(*ras(plain)[:2])
    outside = radius > 52 * 6.0 / 2
    assert (padded.image[outside] == -2000.0).all()
    assert padded.image[~outside].min() >= -1024.0
    assert not padded.organs[outside].any()
    assert not padded.structures[outside].any()
    np.testing.assert_array_equal(padded.organs[~outside], plain.organs[~outside])


@pytest.mark.parametrize("contrast", ["arterial", "venous", "streaks"])
def test_contrast_changes_only_the_hu_of_blood(plain, contrast):
    enhanced = make(contrast=contrast)
    np.testing.assert_array_equal(enhanced.organs, plain.organs)
    if contrast != "streaks":
        np.testing.assert_array_equal(enhanced.structures, plain.structures)
        changed = np.abs(enhanced.image - plain.image) > 0.5
        blood = is_a(plain, "heart", "aorta", "great vessels", "lung vessel")
        # vessels thinner than a voxel, or half hidden by the diaphragm, are not marked as such
        lungs = np.isin(plain.organs, (RIGHT, LEFT))
        away = ~ndimage.binary_dilation(blood | lungs, np.ones((3, 3, 3)))
        assert changed[away].mean() < 0.001
    inner = ndimage.binary_erosion(is_a(plain, "aorta"))
    low, high = (150, 190) if contrast == "venous" else (300, 400)
    assert low < np.median(enhanced.image[inner]) < high
    heart = enhanced.image[ndimage.binary_erosion(is_a(plain, "heart"), iterations=3)]
    assert (140 if contrast == "venous" else 280) < np.median(heart) < high


def test_streaks_cross_the_apex_and_not_the_base(plain):
    enhanced = make(contrast="streaks")
    change = np.abs(enhanced.image - make(contrast="arterial").image)
    lungs, z = np.isin(plain.organs, (RIGHT, LEFT)), ras(plain)[2]
    assert change[lungs & (z > 70)].mean() > 30
    assert not change[lungs & (z < -30)].any()
    # at this resolution the vein of 14 mm is about two voxels wide
    assert enhanced.image[is_a(enhanced, "great vessels")].max() > 1200


@pytest.mark.parametrize(
    ("place", "structure", "low", "high"),
    [
        ("oesophagus", "oesophagus gas", 15, 90),
        ("stomach", "stomach gas", 300, 700),
        ("bowel", "bowel gas", 150, 500),
        ("subcutaneous", "subcutaneous gas", 700, 3000),
    ],
)
def test_gas_is_dark_and_no_lung(place, structure, low, high):
    filled = make(gas=place)
    gas = is_a(filled, structure)
    assert low < gas.sum() * 0.216 < high
    assert np.median(filled.image[gas]) < (-550 if place == "subcutaneous" else -900)
    assert not np.isin(filled.organs[gas], (RIGHT, LEFT)).any()


def test_gas_does_not_change_the_organs(plain):
    filled = make(gas=("oesophagus", "stomach", "bowel", "subcutaneous"))
    np.testing.assert_array_equal(filled.organs, plain.organs)
    lungs = np.isin(plain.organs, (RIGHT, LEFT))
    deep = ndimage.binary_erosion(lungs, iterations=2)
    np.testing.assert_array_equal(filled.image[deep], plain.image[deep])


def test_stomach_gas_shares_voxels_with_the_left_lung():
    fine = {"shape": (100, 100, 60), "spacing": (2.0, 2.0, 2.0), "off_centre": (70.0, 0.0, 70.0)}
    phantom = make(0, gas="stomach", **fine)
    gas, lung = is_a(phantom, "stomach gas"), (phantom.organs == LEFT)
    contact = gas & ndimage.binary_dilation(lung) & (phantom.image < -500)
    assert 3 <= contact.sum() <= 60


def test_subcutaneous_gas_lies_outside_the_ribs():
    phantom = make(gas="subcutaneous")
    gas = is_a(phantom, "subcutaneous gas")
    lungs = np.isin(phantom.organs, (RIGHT, LEFT))
    assert ndimage.distance_transform_edt(~lungs, sampling=6.0)[gas].min() > 8.0
    assert ndimage.distance_transform_edt(~is_a(phantom, "air"), sampling=6.0)[gas].min() >= 6.0


def test_a_mass_at_the_hilum_touches_the_mediastinum(plain):
    phantom = make(mass="right", mass_place="hilum", severity=0.5)
    mass = phantom.lesions["mass"]
    assert mass.sum() * 0.216 > 100
    assert (phantom.organs[mass] == RIGHT).all()
    between = plain.organs == ORGAN_VALUES["mediastinum"]
    assert (ndimage.binary_dilation(mass) & between).sum() > 50
    assert phantom.report.startswith("There is a mass in the right")


def test_arms_change_only_the_sides(plain):
    down = make(arms="down")
    np.testing.assert_array_equal(down.organs, plain.organs)
    changed = down.structures != plain.structures
    assert changed.any()
    assert np.abs(ras(plain)[0][changed]).min() > 60


@pytest.mark.parametrize(("shape", "spacing"), [((44, 39, 38), (8.0, 8.0, 8.0)), ((58, 52, 30), (6.0, 6.0, 10.0))])
def test_another_grid_shows_the_same_patient(plain, shape, spacing):
    other = make(shape=shape, spacing=spacing)
    for organ in (RIGHT, LEFT):
        volume = np.count_nonzero(other.organs == organ) * np.prod(spacing)
        assert volume == pytest.approx(np.count_nonzero(plain.organs == organ) * 216.0, rel=0.03)
        np.testing.assert_allclose(centre(other, organ), centre(plain, organ), atol=2.0)


def test_slabs_join_without_a_seam(plain, monkeypatch):
    monkeypatch.setattr(phantom_ct_module, "_SLAB_VOXELS", 58 * 52 * 7)
    slabs = make()
    np.testing.assert_array_equal(slabs.organs, plain.organs)
    np.testing.assert_allclose(slabs.image, plain.image, atol=1e-2)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"seed": 1.0}, TypeError, "seed must be of type int"),
        ({"shape": (40, 40)}, ValueError, "shape must be three numbers of at least 8 voxels"),
        ({"shape": (40, 40, 4)}, ValueError, "shape must be three numbers of at least 8 voxels"),
        ({"spacing": (2, 2, 0)}, ValueError, "spacing must be three positive lengths in mm"),
        ({"nodules": True}, TypeError, "nodules must be of type int.*number of nodules"),
        ({"nodules": -1}, ValueError, "nodules must be 0 or more"),
        ({"severity": 1.5}, ValueError, "severity must be between 0 and 1, but is 1.5"),
        ({"off_centre": (1, 2)}, ValueError, "off_centre must be three lengths in mm"),
        ({"noise": -1}, ValueError, "noise must be 0 or more"),
        ({"arms": "dwon"}, ValueError, "Did you mean 'down'"),
        ({"effusion": "rigth"}, ValueError, "effusion must be one of.*Did you mean 'right'"),
        ({"contrast": "portal"}, ValueError, "contrast must be one of"),
        ({"gas": "stomac"}, ValueError, "gas must be one of.*Did you mean 'stomach'"),
        ({"gas": ("bowel", "colon")}, ValueError, "gas must be one of"),
        ({"field": "apex"}, ValueError, "field must be one of"),
        ({"mass_place": "hila"}, ValueError, "Did you mean 'hilum'"),
        ({"field": "upper", "off_centre": (0, 0, 900)}, ValueError, "shape must be a grid with voxels in the field"),
        ({"mass": 1}, TypeError, "mass must be of type str or bool.*True lets the seed choose"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        phantom_chest_ct(**({"seed": 0} | arguments))
