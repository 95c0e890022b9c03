"""Organ masks end to end: methods, orientation, fallback, bad input, the transforms, and public scans."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import read_volume
from monai_pylon.transforms import PartitionOrgans, PartitionOrgansd, partition_organs
from monai_pylon.transforms.heuristic_masks import heuristic_organ_labels
from monai_pylon.transforms.partition import quality_item
from tests.references.morphology import dice
from tests.transforms.drawn_chest import box_chest

CHEST = box_chest()
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
#: The chest with a left lung without air.
LEFT_FILLED = np.where(np.arange(60)[:, None, None] < 30, np.where(CHEST == -850, 40, CHEST), CHEST)


@pytest.mark.parametrize("method", ["robust", "paper"])
def test_each_lung_has_its_label(method: str) -> None:
    labels, quality = partition_organs(CHEST, AFFINE, method)
    assert labels.dtype == np.uint8
    assert quality.ok
    assert quality.reasons == ()
    assert not quality.heuristic
    for organ, side in ((1, slice(34, 52)), (3, slice(8, 26))):
        lung = np.zeros(CHEST.shape, dtype=bool)
        lung[side, 10:30, 3:27] = True
        assert dice(labels == organ, lung) > 0.99
    assert (labels == 2)[30, 20, 10]
    assert quality.volumes_ml["left lung"] == pytest.approx(np.count_nonzero(labels == 3) * 0.064)


@pytest.mark.parametrize("method", ["robust", "paper"])
def test_the_storage_of_the_volume_does_not_matter(method: str) -> None:
    labels = partition_organs(CHEST, AFFINE, method).labels
    flip = np.eye(4)
    flip[0, 0], flip[0, 3] = -1, CHEST.shape[0] - 1
    flipped = partition_organs(CHEST[::-1], AFFINE @ flip, method).labels
    np.testing.assert_array_equal(flipped[::-1], labels)
    assert flipped.flags.c_contiguous or method == "paper"
    assert min(flipped.strides) > 0


@pytest.mark.parametrize(
    ("ct", "reason", "heuristic"),
    [
        (CHEST + 1024, "hu_range", False),
        ((CHEST + 1024) / 2048, "hu_range", False),
        (CHEST[:, :, :19], "too_short", False),
        (np.where(CHEST == -850, 40, CHEST), "no_lung", True),
        (LEFT_FILLED, "left_lung_small", True),
    ],
    ids=["shifted", "scaled", "short", "no lung", "no left lung"],
)
@pytest.mark.parametrize("method", ["robust", "paper"])
@pytest.mark.parametrize("fallback", ["center_half", "middle_two_thirds"])
def test_masks_that_lack_a_lung_are_reported_and_replaced(ct, reason, heuristic, method, fallback) -> None:
    found = partition_organs(ct, AFFINE, method)
    replaced = partition_organs(ct, AFFINE, method, fallback=fallback)
    assert not found.quality.ok
    assert not found.quality.heuristic
    assert reason in found.quality.reasons
    assert replaced.quality.heuristic == heuristic
    assert replaced.quality.reasons == found.quality.reasons
    assert not replaced.quality.ok
    expected = heuristic_organ_labels(ct.shape, AFFINE, fallback) if heuristic else found.labels
    np.testing.assert_array_equal(replaced.labels, expected)
    assert replaced.quality.volumes_ml["mediastinum"] == pytest.approx(np.count_nonzero(expected == 2) * 0.064)


def test_a_volume_that_cannot_be_a_chest_has_empty_labels() -> None:
    for method in ("robust", "paper"):
        labels, quality = partition_organs(CHEST + 1024, AFFINE, method, fallback="center_half")
        assert labels.shape == CHEST.shape
        assert not labels.any()
        assert quality.reasons == ("hu_range", "no_lung")


def test_good_masks_are_not_replaced() -> None:
    found, same = (partition_organs(CHEST, AFFINE, fallback=fallback) for fallback in (None, "center_half"))
    assert same.quality == found.quality
    np.testing.assert_array_equal(same.labels, found.labels)


@pytest.mark.parametrize("method", ["robust", "paper"])
def test_min_lung_ml_is_passed_on(method: str) -> None:
    least = {"robust": 1200.0, "paper": 600.0}[method]  # both lungs together, and each component
    assert partition_organs(CHEST, AFFINE, method).quality.ok
    reasons = partition_organs(CHEST, AFFINE, method, min_lung_ml=least).quality.reasons
    assert reasons == (("lungs_small",) if method == "robust" else ("no_lung",))


def test_the_least_volume_is_512_ml_by_default() -> None:
    edge = (512_500 / (18 * 20 * 24)) ** (1 / 3)  # each lung has 512.5 mL
    affine = np.diag([edge, edge, edge, 1.0])
    image = MetaTensor(torch.from_numpy(CHEST)[None], affine=torch.from_numpy(affine))
    assert partition_organs(CHEST, affine, "paper").quality.ok
    assert PartitionOrgans("paper")(image).meta["quality"]["ok"]
    assert PartitionOrgansd(method="paper")({"image": image})["quality"]["ok"]
    assert not PartitionOrgansd(method="paper", min_lung_ml=513.0)({"image": image})["quality"]["ok"]


@pytest.mark.parametrize("method", ["robust", "paper"])
def test_padding_counts_as_air(method: str) -> None:
    padded, inside = np.zeros(CHEST.shape), (slice(1, -1), slice(1, -1))
    padded[inside] = CHEST[inside]
    expected = partition_organs(CHEST, AFFINE, method)
    found = partition_organs(padded, AFFINE, method)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.quality == expected.quality


def test_the_transforms_equal_the_function() -> None:
    image = MetaTensor(torch.from_numpy(CHEST)[None], affine=torch.from_numpy(AFFINE))
    expected = partition_organs(CHEST, AFFINE)
    organs = PartitionOrgans()(image)
    assert organs.shape == (1, *CHEST.shape)
    np.testing.assert_array_equal(organs[0].numpy(), expected.labels)
    assert organs.meta["quality"] == quality_item(expected.quality)
    item = PartitionOrgansd()({"image": image, "other": 1})
    assert set(item) == {"image", "other", "organs", "quality"}
    assert item["quality"] == quality_item(expected.quality)
    np.testing.assert_array_equal(item["organs"][0].numpy(), expected.labels)
    np.testing.assert_array_equal(item["organs"].affine.numpy(), image.affine.numpy())
    assert PartitionOrgansd(allow_missing_keys=True)({"other": 1}) == {"other": 1}
    with pytest.raises(KeyError, match="image"):
        PartitionOrgansd()({"other": 1})


def test_the_transforms_pass_on_their_settings() -> None:
    image = MetaTensor(torch.from_numpy(LEFT_FILLED)[None], affine=torch.from_numpy(AFFINE))
    settings = {"method": "paper", "min_lung_ml": 100.0, "fallback": "middle_two_thirds"}
    item = PartitionOrgansd("image", output_key="masks", quality_key="verdict", **settings)({"image": image})
    for organs in (PartitionOrgans(**settings)(image), item["masks"]):
        assert organs.meta["quality"]["heuristic"]
        expected = heuristic_organ_labels(CHEST.shape, AFFINE, "middle_two_thirds")
        np.testing.assert_array_equal(organs[0].numpy(), expected)
    assert item["verdict"]["heuristic"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "roboust"}, "Did you mean 'robust'"),
        ({"min_lung_ml": 0}, "min_lung_ml must be positive"),
        ({"fallback": "center"}, "fallback must be one of 'center_half', 'middle_two_thirds', but is 'center'"),
    ],
)
def test_errors_of_settings_name_the_argument(settings, message) -> None:
    with pytest.raises(ValueError, match=message):
        partition_organs(np.zeros((4, 4, 4)), np.eye(4), **settings)
    with pytest.raises(ValueError, match=message):
        PartitionOrgansd("image", **settings)


def test_min_lung_ml_may_be_any_positive_number() -> None:
    assert partition_organs(np.zeros((4, 4, 4)), np.eye(4), min_lung_ml=0.5).quality.reasons[0] == "hu_range"


def test_a_volume_may_have_one_voxel() -> None:
    assert partition_organs(np.zeros((1, 1, 1)), np.eye(4)).quality.reasons == ("hu_range", "too_short", "no_lung")


@pytest.mark.parametrize(
    ("ct", "affine", "error", "message"),
    [
        (np.zeros((4, 4)), np.eye(4), ValueError, r"ct must be a volume \(X, Y, Z\)"),
        (np.full((4, 4, 4), np.nan), np.eye(4), ValueError, "ct must be finite"),
        (np.full((4, 4, 4), np.inf), np.eye(4), ValueError, "ct must be finite"),
        (np.zeros((0, 4, 4)), np.eye(4), ValueError, "ct must be not empty"),
        (np.zeros((4, 4, 4)), None, TypeError, "affine must be"),
        ([[[1]]], np.eye(4), TypeError, "ct must be of type ndarray"),
    ],
)
def test_errors_of_input_name_the_argument(ct, affine, error, message) -> None:
    with pytest.raises(error, match=message):
        partition_organs(ct, affine)


def test_errors_of_items_name_the_argument() -> None:
    with pytest.raises(TypeError, match=r"image must be of type MetaTensor.*the affine determines left and right"):
        PartitionOrgans()(torch.zeros((1, 4, 4, 4)))
    for shape in ((4, 4, 4), (2, 4, 4, 4), (1, 1, 4, 4, 4)):
        with pytest.raises(ValueError, match=r"image must be of shape \(1, X, Y, Z\)"):
            PartitionOrgans()(MetaTensor(torch.zeros(shape)))
    with pytest.raises(ValueError, match="keys must be one key"):
        PartitionOrgansd(["a", "b"])


# --- public scans with masks drawn by hand ----------------------------------------------------------------------------

#: Reasons of scans whose masks are rightly doubted: the tumor of LUNG1-001 lies against the mediastinum and joins it.
DOUBTED = {"LUNG1-001": ("mediastinum_wide",)}

#: Scan, mask, and the mask's values of the right and of the left lung; None if the mask does not separate them.
SCANS = {
    "LUNG1-001": ("nsclc_radiomics/LUNG1-001_ct.nii.gz", "nsclc_radiomics/LUNG1-001_lungs_LR.nii.gz", (2,), (1,)),
    "LUNG1-002": ("nsclc_radiomics/LUNG1-002_ct.nii.gz", "nsclc_radiomics/LUNG1-002_lungs_LR.nii.gz", (2,), (1,)),
    "id001": ("imlab_uiip/id001_ct.nii.gz", "imlab_uiip/id001_lungmask.nii.gz", None, None),
    "id002": ("imlab_uiip/id002_ct.nii.gz", "imlab_uiip/id002_lungmask.nii.gz", None, None),
    "cip": ("cip/ct-64.nrrd", "cip/lm-64.nrrd", (12, 13, 14), (9, 10, 11)),  # the low byte: lobes or thirds
}


@functools.cache
def real_scan(folder: Path, name: str):
    """Segment a public scan; returns the partition and masks drawn by others: both lungs, right lung, left lung."""
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
def test_real_scans(public_data, name) -> None:
    (labels, quality), both, right, left = real_scan(public_data / "chest_ct", name)
    assert quality.reasons == DOUBTED.get(name, ())
    assert quality.ok == (name not in DOUBTED)
    assert dice((labels == 1) | (labels == 3), both) >= 0.94
    if right is not None:
        assert dice(labels == 1, right) >= 0.93
        assert dice(labels == 3, left) >= 0.93
        assert np.count_nonzero((labels == 1) & left) + np.count_nonzero((labels == 3) & right) < 0.002 * both.sum()


@pytest.mark.real
def test_real_scans_on_average(public_data) -> None:
    folder = public_data / "chest_ct"
    scores = [
        dice((labels == 1) | (labels == 3), both) for (labels, _), both, *_ in (real_scan(folder, n) for n in SCANS)
    ]
    assert np.mean(scores) >= 0.965


@pytest.mark.real
def test_a_real_heart_lies_in_the_mediastinum(public_data) -> None:
    folder = public_data / "chest_ct"
    labels, quality = real_scan(folder, "LUNG1-002")[0]
    heart = read_volume(folder / "nsclc_radiomics" / "LUNG1-002_organs.nii.gz")[0].numpy() == 3
    assert np.count_nonzero(heart & (labels == 2)) >= 0.95 * heart.sum() > 0
    assert quality.volumes_ml["mediastinum"] <= 3050


@pytest.mark.real
def test_a_real_series_with_slices_of_8_mm(public_data) -> None:
    """Without a reference mask: both lungs have the size of lungs and contain no gas of stomach or bowel."""
    ct = read_volume(public_data / "chest_ct" / "dicom_lung_pet_ct_dx_A0002")
    labels, quality = partition_organs(ct[0].numpy(), ct.affine.numpy())
    assert quality.reasons == ("mediastinum_right",)  # the dense hilum of the right lung is counted as mediastinum
    assert 900 < quality.volumes_ml["right lung"] < quality.volumes_ml["left lung"] < 1900  # a mass on the right
    assert np.count_nonzero((ct[0].numpy() < -970) & (labels > 0) & (labels != 2)) < 0.01 * np.count_nonzero(labels)
