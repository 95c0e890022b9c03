"""Organ masks end to end: sides, orientation, airway, bad input, and the public scans with their reference masks."""

import functools

import numpy as np
import pytest
from monai.data import MetaTensor

from monai_pylon.data import phantom_chest_ct, read_volume
from monai_pylon.transforms import PartitionOrgans, PartitionOrgansd, heuristic_organ_labels, partition_organs


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


@pytest.fixture(scope="module")
def phantom():
    return phantom_chest_ct(seed=1, shape=(80, 80, 80), spacing=(4.0, 4.0, 4.0))


@pytest.mark.parametrize("method", ["robust", "paper"])
def test_finds_each_lung_of_a_phantom(phantom, method):
    labels, quality = partition_organs(phantom.image, phantom.affine, method)
    assert quality.ok, quality.reasons
    for organ in (1, 3):
        assert dice(labels == organ, phantom.organs == organ) > (0.95 if method == "robust" else 0.85)


def test_the_storage_of_the_volume_does_not_matter(phantom):
    labels = partition_organs(phantom.image, phantom.affine).labels
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, phantom.image.shape[0] - 1
    flipped = partition_organs(phantom.image[::-1], phantom.affine @ flip).labels
    np.testing.assert_array_equal(flipped[::-1], labels)


def test_volumes_are_in_ml(phantom):
    labels, quality = partition_organs(phantom.image, phantom.affine)
    assert quality.volumes_ml["left lung"] == pytest.approx(np.count_nonzero(labels == 3) * 0.064)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda ct: ct + 1024, "hu_range"),
        (lambda ct: (ct + 1024) / 2048, "hu_range"),
        (lambda ct: ct[:, :, :10], "too_short"),
        (lambda ct: np.where(ct < -200, 0, ct) - 1000 * (np.indices(ct.shape)[0] < 5), "no_lung"),
    ],
)
@pytest.mark.parametrize("method", ["robust", "paper"])
def test_never_a_silent_wrong_mask(phantom, change, reason, method):
    quality = partition_organs(change(phantom.image), phantom.affine, method).quality
    assert not quality.ok
    assert reason in quality.reasons


NO_LUNG = (lambda ct: np.where(ct < -200, 0, ct) - 1000 * (np.indices(ct.shape)[0] < 5), "no_lung")
NO_RIGHT_LUNG = (lambda ct: np.where(np.indices(ct.shape)[0] < 40, np.maximum(ct, 0), ct), "right_lung_small")


@pytest.mark.parametrize(("change", "reason"), [NO_LUNG, NO_RIGHT_LUNG])
@pytest.mark.parametrize("fallback", ["center_half", "middle_two_thirds"])
def test_heuristic_masks_take_the_place_of_masks_that_lack_a_lung(phantom, change, reason, fallback):
    ct = change(phantom.image)
    kept = partition_organs(ct, phantom.affine, "paper")
    replaced = partition_organs(ct, phantom.affine, "paper", fallback=fallback)
    assert not kept.quality.heuristic
    assert replaced.quality.heuristic
    assert not replaced.quality.ok
    assert reason in replaced.quality.reasons
    expected = heuristic_organ_labels(ct.shape, phantom.affine, fallback)
    np.testing.assert_array_equal(replaced.labels, expected)
    assert replaced.quality.volumes_ml["mediastinum"] == pytest.approx(np.count_nonzero(expected == 2) * 0.064)


@pytest.mark.parametrize("change", [lambda ct: ct, lambda ct: ct + 1024, lambda ct: ct[:, :, :10]])
def test_nothing_takes_the_place_of_good_masks_or_of_what_is_no_chest(phantom, change):
    ct = change(phantom.image)
    kept, same = (partition_organs(ct, phantom.affine, fallback=fallback) for fallback in (None, "center_half"))
    assert not same.quality.heuristic
    np.testing.assert_array_equal(same.labels, kept.labels)


def test_the_transforms_take_the_same_settings(phantom):
    ct = NO_LUNG[0](phantom.image)
    image = MetaTensor(ct[None], affine=phantom.affine)
    for organs in (
        PartitionOrgans("robust", 100.0, "center_half")(image),
        PartitionOrgansd("image", method="robust", min_lung_ml=100.0, fallback="center_half")({"image": image})[
            "organs"
        ],
    ):
        assert organs.meta["quality"].heuristic
        np.testing.assert_array_equal(organs[0].numpy(), heuristic_organ_labels(ct.shape, phantom.affine))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "roboust"}, "Did you mean 'robust'"),
        ({"min_lung_ml": 0}, "min_lung_ml must be positive"),
        ({"fallback": "center"}, "fallback must be one of 'center_half', 'middle_two_thirds', but is 'center'"),
    ],
)
def test_bad_settings_are_named_before_anything_runs(settings, message):
    with pytest.raises(ValueError, match=message):
        partition_organs(np.zeros((4, 4, 4)), np.eye(4), **settings)
    with pytest.raises(ValueError, match=message):
        PartitionOrgansd("image", **settings)


@pytest.mark.parametrize(
    ("ct", "affine", "error", "message"),
    [
        (np.zeros((4, 4)), np.eye(4), ValueError, r"ct must be a volume \(X, Y, Z\)"),
        (np.full((4, 4, 4), np.nan), np.eye(4), ValueError, "ct must be finite"),
        (np.zeros((0, 4, 4)), np.eye(4), ValueError, "ct must be not empty"),
        (np.zeros((4, 4, 4)), None, TypeError, "affine must be"),
        ([[[1]]], np.eye(4), TypeError, "ct must be of type ndarray"),
    ],
)
def test_bad_input_is_named(ct, affine, error, message):
    with pytest.raises(error, match=message):
        partition_organs(ct, affine)


def test_transforms_agree_with_the_function(phantom):
    image = MetaTensor(phantom.image[None], affine=phantom.affine)
    expected = partition_organs(phantom.image, phantom.affine)
    organs = PartitionOrgans()(image)
    np.testing.assert_array_equal(organs[0].numpy(), expected.labels)
    item = PartitionOrgansd("image")({"image": image})
    assert item["quality"] == expected.quality
    np.testing.assert_array_equal(item["organs"].affine.numpy(), image.affine.numpy())


# --- public scans with masks drawn by hand ----------------------------------------------------------------------------

#: Scan, mask, and the mask's values of the right and of the left lung; None where it does not tell them apart.
SCANS = {
    "LUNG1-001": ("nsclc_radiomics/LUNG1-001_ct.nii.gz", "nsclc_radiomics/LUNG1-001_lungs_LR.nii.gz", (2,), (1,)),
    "LUNG1-002": ("nsclc_radiomics/LUNG1-002_ct.nii.gz", "nsclc_radiomics/LUNG1-002_lungs_LR.nii.gz", (2,), (1,)),
    "id001": ("imlab_uiip/id001_ct.nii.gz", "imlab_uiip/id001_lungmask.nii.gz", None, None),
    "id002": ("imlab_uiip/id002_ct.nii.gz", "imlab_uiip/id002_lungmask.nii.gz", None, None),
    "cip": ("cip/ct-64.nrrd", "cip/lm-64.nrrd", (12, 13, 14), (9, 10, 11)),  # the low byte: lobes or thirds
}


@functools.cache
def real_scan(folder, name):
    """Labels and quality of a public scan, and masks drawn by others: both lungs, right lung, left lung."""
    scan, mask, right, left = SCANS[name]
    ct, truth = read_volume(folder / scan), read_volume(folder / mask)
    drawn = truth[0].numpy().astype(int)
    np.testing.assert_allclose(truth.affine, ct.affine, atol=1e-3)
    found = partition_organs(ct[0].numpy(), ct.affine.numpy())
    if right is None:
        return found, drawn > 0, None, None
    sides = [np.isin(drawn & 255, values) for values in (right, left)]
    return found, sides[0] | sides[1], *sides


@pytest.mark.real
@pytest.mark.parametrize("name", SCANS)
def test_real_scans(public_data, name):
    (labels, quality), both, right, left = real_scan(public_data / "chest_ct", name)
    assert quality.ok
    assert quality.reasons == ()
    assert dice((labels == 1) | (labels == 3), both) >= 0.94
    if right is not None:
        assert dice(labels == 1, right) >= 0.93
        assert dice(labels == 3, left) >= 0.93
        assert np.count_nonzero((labels == 1) & left) + np.count_nonzero((labels == 3) & right) < 0.002 * both.sum()


@pytest.mark.real
def test_real_scans_on_average(public_data):
    folder = public_data / "chest_ct"
    scores = [
        dice((labels == 1) | (labels == 3), both) for (labels, _), both, *_ in (real_scan(folder, n) for n in SCANS)
    ]
    assert np.mean(scores) >= 0.965


@pytest.mark.real
def test_a_real_heart_lies_in_the_mediastinum(public_data):
    folder = public_data / "chest_ct"
    labels, quality = real_scan(folder, "LUNG1-002")[0]
    heart = read_volume(folder / "nsclc_radiomics" / "LUNG1-002_organs.nii.gz")[0].numpy() == 3
    assert np.count_nonzero(heart & (labels == 2)) >= 0.95 * heart.sum() > 0
    assert quality.volumes_ml["mediastinum"] <= 3050


@pytest.mark.real
def test_a_real_series_of_slices_8_mm_thick(public_data):
    """No reference mask: lungs on both sides, of lungs' size, and no gas of stomach or bowel in them."""
    ct = read_volume(public_data / "chest_ct" / "dicom_lung_pet_ct_dx_A0002")
    labels, quality = partition_organs(ct[0].numpy(), ct.affine.numpy())
    assert quality.ok
    assert 900 < quality.volumes_ml["right lung"] < quality.volumes_ml["left lung"] < 1900  # a mass on the right
    assert np.count_nonzero((ct[0].numpy() < -970) & (labels > 0) & (labels != 2)) < 0.01 * np.count_nonzero(labels)
