"""Tests of the radiograph phantom: findings, their boxes, exposure, and no shortcut from image to label."""

import numpy as np
import pytest

from monai_pylon.data import phantom_radiograph
from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph import expose
from monai_pylon.data.phantoms.radiograph_chest import ChestLayers
from monai_pylon.data.phantoms.radiograph_findings import RADIOGRAPH_FINDINGS
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS

SIZE = 96
#: Median area of the published boxes, % of the radiograph.
REAL_AREAS = {
    "Atelectasis": 1.9,
    "Cardiomegaly": 17.0,
    "Effusion": 5.6,
    "Infiltration": 5.7,
    "Mass": 1.5,
    "Nodule": 0.46,
    "Pneumonia": 5.7,
    "Pneumothorax": 3.6,
}


def inside(box, size):
    """Return (H, W), True in every pixel that a box touches."""
    rows, columns = np.mgrid[0:size, 0:size]
    return (columns + 1 > box[0]) & (columns < box[2]) & (rows + 1 > box[1]) & (rows < box[3])


def share(boxes, size):
    """Return the area of boxes, % of the radiograph."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]) / size**2 * 100


def auc(values, positive):
    """Return the probability that a positive has a larger value than a negative."""
    above = values[positive][:, None] - values[~positive][None, :]
    return (above > 0).mean() + 0.5 * (above == 0).mean()


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture(scope="module")
def normal():
    return [phantom_radiograph(seed, SIZE, findings=[]) for seed in range(48)]


@pytest.fixture(scope="module", params=RADIOGRAPH_FINDINGS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def radiographs(name):
    """Render 48 radiographs with one finding of a class."""
    return [phantom_radiograph(seed, SIZE, findings=[name]) for seed in range(48)]


@pytest.fixture(scope="module")
def mixed():
    return [phantom_radiograph(seed, 64) for seed in range(200)]


def test_the_eight_boxed_classes():
    assert sorted(RADIOGRAPH_FINDINGS) == sorted(REAL_AREAS)


def test_shapes_types_and_range(normal):
    for radiograph in normal:
        assert radiograph.image.shape == (1, SIZE, SIZE)
        assert radiograph.image.dtype == np.float32
        assert radiograph.image.min() >= 0 and radiograph.image.max() <= 1  # noqa: PT018
        assert radiograph.image.std() > 0.1
        assert (radiograph.labels.dtype, radiograph.labels.shape, radiograph.labels.sum()) == (np.uint8, (14,), 0)
        assert (radiograph.boxes.dtype, radiograph.boxes.shape) == (np.float32, (0, 5))
        assert (radiograph.lungs.dtype, radiograph.lungs.shape) == (bool, (2, SIZE, SIZE))


def test_same_seed_gives_same_radiograph_bit_by_bit(normal):
    np.random.seed(12345)
    assert same(phantom_radiograph(5, SIZE, findings=[]), normal[5])
    assert same(phantom_radiograph(np.int64(7), 64), phantom_radiograph(7, 64))
    assert not np.array_equal(normal[5].image, normal[6].image)


def test_requested_finding_has_one_label_and_one_box(radiographs, name):
    wanted = CHEST_XRAY14_LABELS.index(name)
    for radiograph in radiographs:
        assert np.flatnonzero(radiograph.labels).tolist() == [wanted]
        assert radiograph.boxes[:, 4].tolist() == [wanted]
        x1, y1, x2, y2 = radiograph.boxes[0, :4]
        assert 0 <= x1 < x2 <= SIZE
        assert 0 <= y1 < y2 <= SIZE


def test_box_contains_the_whole_change_of_its_finding(radiographs, normal, name):
    for radiograph, before in zip(radiographs, normal, strict=True):
        change = np.abs(radiograph.image - before.image)[0]
        within = inside(radiograph.boxes[0], SIZE)
        assert change[~within].max() < 0.012
        assert change[within].sum() > 0.97 * change.sum()
        # and the change is visible
        assert change.max() > 0.025


def test_box_is_not_larger_than_its_finding(radiographs, normal, name):
    if name == "Cardiomegaly":
        pytest.skip("the box contains the whole heart, not its enlargement only")
    for radiograph, before in zip(radiographs, normal, strict=True):
        change = np.abs(radiograph.image - before.image)[0]
        rows, columns = np.nonzero(change > 0.002)
        tight = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert np.abs(radiograph.boxes[0, :4] - tight).max() <= 4


def test_areas_are_those_of_the_published_boxes(radiographs, name):
    area = np.median([share(radiograph.boxes, SIZE)[0] for radiograph in radiographs])
    assert 0.7 * REAL_AREAS[name] < area < 1.4 * REAL_AREAS[name]


def test_side_and_report_agree(radiographs, name):
    if name == "Cardiomegaly":
        pytest.skip("the heart has no side")
    for radiograph in radiographs:
        first = radiograph.report.split(". ")[0]
        x1, y1, x2, y2 = radiograph.boxes[0, :4].astype(int)
        right, left = radiograph.lungs[:, y1:y2, x1:x2].sum(axis=(1, 2))
        assert ("right" in first, "left" in first) == (right > left, left > right)


def test_enlarged_heart_lies_left_of_the_middle(normal):
    for seed, before in enumerate(normal[:8]):
        radiograph = phantom_radiograph(seed, SIZE, findings=["Cardiomegaly"])
        assert radiograph.report.startswith("The heart is enlarged")
        x1, _, x2, y2 = radiograph.boxes[0, :4]
        columns = np.flatnonzero(before.lungs.any(axis=(0, 1)))
        middle, width = columns.mean(), np.ptp(columns)
        # the patient's left is on the right of the image
        assert x1 < middle < 0.5 * (x1 + x2) < middle + 0.25 * width
        assert 0.5 < (x2 - x1) / width < 0.9
        assert y2 > np.flatnonzero(before.lungs.any(axis=(0, 2))).mean()


def test_both_sides_occur(radiographs, name):
    if name != "Cardiomegaly":
        sides = ["right" in radiograph.report.split(". ")[0] for radiograph in radiographs]
        assert 0.2 < np.mean(sides) < 0.8


@pytest.mark.parametrize(
    ("kind", "high", "low"), [("Pneumothorax", 0.0, 0.4), ("Effusion", 0.45, 1.0), ("Atelectasis", 0.35, 1.05)]
)
def test_air_rises_and_fluid_sinks(kind, high, low):
    for seed in range(10):
        radiograph = phantom_radiograph(seed, SIZE, findings=[kind])
        rows = np.flatnonzero(radiograph.lungs.any(axis=(0, 2)))
        middle = 0.5 * (radiograph.boxes[0, 1] + radiograph.boxes[0, 3])
        assert high <= (middle - rows[0]) / np.ptp(rows) <= low


def test_the_report_of_a_normal_radiograph(normal):
    assert {radiograph.report for radiograph in normal} == {
        "The lungs are clear. The heart size is normal. There is no pleural effusion. There is no pneumothorax."
    }


def test_finding_does_not_change_the_others():
    for seed in range(6):
        one = phantom_radiograph(seed, SIZE, findings=["Pneumothorax"])
        two = phantom_radiograph(seed, SIZE, findings=["Nodule", "Pneumothorax"])
        assert sorted(two.boxes[:, 4].tolist()) == [5, 7]
        added = two.boxes[two.boxes[:, 4] == 5][0]
        assert np.abs(two.image - one.image)[0][~inside(added, SIZE)].max() < 0.012
        np.testing.assert_array_equal(two.boxes[two.boxes[:, 4] == 7], one.boxes)


def test_the_order_of_findings_does_not_matter():
    names = ["Effusion", "Nodule", "Cardiomegaly"]
    assert same(phantom_radiograph(3, 64, findings=names), phantom_radiograph(3, 64, findings=tuple(names[::-1])))


def test_repeated_finding_has_a_box_in_each_lung():
    radiograph = phantom_radiograph(4, SIZE, findings=["Effusion", "Effusion"])
    assert radiograph.boxes.shape == (2, 5)
    assert (
        (radiograph.boxes[:, 0] + radiograph.boxes[:, 2]).min()
        < SIZE
        < (radiograph.boxes[:, 0] + radiograph.boxes[:, 2]).max()
    )
    assert radiograph.labels.sum() == 1


def test_all_findings_fit_into_one_radiograph():
    for seed in range(6):
        radiograph = phantom_radiograph(seed, 64, findings=RADIOGRAPH_FINDINGS)
        assert radiograph.labels[:8].all()
        assert len(radiograph.boxes) == 8


@pytest.mark.parametrize("size", [64, 250, 512])
def test_boxes_and_lungs_scale_with_the_size(size):
    for seed, names in ((2, ["Mass", "Effusion"]), (3, ["Cardiomegaly", "Pneumonia"])):
        small, large = (phantom_radiograph(seed, pixels, findings=names) for pixels in (128, size))
        np.testing.assert_allclose(large.boxes[:, :4] / size, small.boxes[:, :4] / 128, atol=0.035)
        np.testing.assert_allclose(large.lungs.mean(axis=(1, 2)), small.lungs.mean(axis=(1, 2)), rtol=0.06)
        assert large.report == small.report


def test_lungs_lie_on_their_sides_and_are_dark(normal):
    for radiograph in normal:
        right, left = radiograph.lungs
        columns = np.arange(SIZE)
        assert (right * columns).sum() / right.sum() < SIZE / 2 < (left * columns).sum() / left.sum()
        assert (right & left).sum() < 0.02 * right.sum()
        assert 0.07 < right.mean() < 0.25
        assert 0.05 < left.mean() < 0.25
        # the abdomen below them is brighter
        assert np.median(radiograph.image[0][right]) + 0.15 < np.median(
            radiograph.image[0, -SIZE // 8 :, SIZE // 4 : -SIZE // 4]
        )


def test_the_left_lung_is_the_smaller_one(normal):
    right, left = np.mean([radiograph.lungs.mean(axis=(1, 2)) for radiograph in normal], axis=0)
    assert left < 0.98 * right


def test_the_view_can_be_chosen():
    ap, pa = (phantom_radiograph(8, SIZE, findings=["Mass"], view=view) for view in ("AP", "PA"))
    assert (ap.view, pa.view) == ("AP", "PA")
    assert not np.array_equal(ap.image, pa.image)
    assert same(phantom_radiograph(8, SIZE, findings=["Mass"]), {"AP": ap, "PA": pa}[phantom_radiograph(8, 64).view])


def test_seed_draws_no_one_or_several_findings(mixed):
    counts = np.array([radiograph.labels.sum() for radiograph in mixed])
    assert 0.35 < (counts == 0).mean() < 0.55
    assert 0.05 < (counts > 1).mean() < 0.3
    assert np.array([radiograph.labels for radiograph in mixed])[:, :8].sum(axis=0).min() >= 5
    assert max(len(radiograph.boxes) - radiograph.labels.sum() for radiograph in mixed) >= 1


@pytest.mark.parametrize("measure", [np.mean, np.median, np.std])
def test_global_gray_values_do_not_reveal_a_finding(radiographs, normal, measure):
    """The same patients with and without a finding differ only in the finding itself."""
    values = np.array([measure(radiograph.image) for radiograph in [*radiographs, *normal]])
    assert 0.35 < auc(values, np.arange(len(values)) < len(radiographs)) < 0.65


@pytest.mark.parametrize("measure", [np.mean, np.median, np.std])
def test_global_gray_values_do_not_reveal_whether_there_is_a_finding(mixed, measure):
    values = np.array([measure(radiograph.image) for radiograph in mixed])
    assert 0.4 < auc(values, np.array([radiograph.labels.any() for radiograph in mixed])) < 0.6


def test_view_does_not_reveal_labels(mixed):
    portable = np.array([radiograph.view == "AP" for radiograph in mixed])
    sick = np.array([radiograph.labels.any() for radiograph in mixed])
    assert abs(portable[sick].mean() - portable[~sick].mean()) < 0.12
    assert 0.2 < portable.mean() < 0.5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"findings": ["Nodul"]}, ValueError, "Did you mean 'Nodule'"),
        ({"findings": ["Hernia"]}, ValueError, "each of findings must be one of 'Cardiomegaly'"),
        ({"findings": "Nodule"}, TypeError, "findings must be of type list or tuple.*list of class names"),
        ({"findings": [3]}, ValueError, "each of findings must be one of"),
        ({"view": "lateral"}, ValueError, "view must be one of 'PA', 'AP', but is 'lateral'"),
        ({"size": 16}, ValueError, "size must be at least 32 pixels, but is 16"),
        ({"size": 64.0}, TypeError, "size must be of type int"),
        ({"seed": 1.5}, TypeError, "seed must be of type int"),
        ({"seed": -1}, ValueError, "seed must be 0 or more"),
    ],
)
def test_bad_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        phantom_radiograph(**arguments)


@pytest.fixture
def chest():
    """Two lungs, squares of 100 mm of gas, in 200 mm of soft tissue."""
    lungs = np.zeros((2, 64, 64), np.float32)
    lungs[0, 10:40, 8:28] = lungs[1, 10:40, 36:56] = 100.0
    return ChestLayers(lungs, lungs, np.full((64, 64), 200.0, np.float32))


def exposed(chest, absorption, view="PA", seed=0, noise=1):
    dice = np.random.default_rng(seed), np.random.default_rng(noise)
    return expose(Detector(64, 400.0, PatientPose()), chest, absorption, *dice, view)


def test_more_tissue_is_brighter(chest):
    bare = chest.solid - chest.gas.sum(axis=0)
    image = exposed(chest, bare)
    assert image[:40][bare[:40] == 100].max() < image[50:, 20:40].min()
    assert np.median(exposed(chest, bare + 20.0) - image) > 0.01


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_gray_values_of_lungs_and_abdomen_depend_on_the_view(chest, view):
    bare = chest.solid - chest.gas.sum(axis=0)
    images = [exposed(chest, bare, view, seed)[16:-16] for seed in range(30)]
    lung, soft = ([np.median(image[bare[16:-16] == value]) for image in images] for value in (100.0, 200.0))
    low, high = ((0.2, 0.42), (0.78, 0.92)) if view == "PA" else ((0.28, 0.5), (0.68, 0.84))
    assert low[0] - 0.01 < min(lung) < max(lung) < low[1] + 0.01
    assert high[0] - 0.01 < min(soft) < max(soft) < high[1] + 0.01


def test_finding_brightens_its_own_pixels_only(chest):
    bare = chest.solid - chest.gas.sum(axis=0)
    filled = bare.copy()
    filled[20:30, 12:20] += 60.0
    change = exposed(chest, filled) - exposed(chest, bare)
    assert change[20:30, 12:20].min() > 0.05
    change[20:30, 12:20] = 0
    assert not change.any()
