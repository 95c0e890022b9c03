"""Gray values and what lies on the patient: exposure is set without the findings, the marker lies on its side."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph import expose
from monai_pylon.data.phantoms.radiograph_chest import ChestLayers
from monai_pylon.data.phantoms.radiograph_overlays import add_overlays

SIZE = 64


@pytest.fixture
def chest():
    """Two dark squares for lungs in soft tissue of 200 mm."""
    lungs = np.zeros((2, SIZE, SIZE), np.float32)
    lungs[0, 10:40, 8:28] = lungs[1, 10:40, 36:56] = 100.0
    return ChestLayers(lungs, lungs, np.full((SIZE, SIZE), 200.0, np.float32))


def picture(chest, absorption, view="PA", seed=0, noise=1):
    dice = np.random.default_rng(seed), np.random.default_rng(noise)
    return expose(Detector(SIZE, 400.0, PatientPose()), chest, absorption, *dice, view)


def test_more_tissue_is_brighter(chest):
    bare = chest.solid - chest.gas.sum(axis=0)
    image = picture(chest, bare)
    assert image[:40][bare[:40] == 100].max() < image[50:, 20:40].min()
    assert np.median(picture(chest, bare + 20.0) - image) > 0.01


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_lungs_and_belly_have_the_gray_values_of_their_view(chest, view):
    bare = chest.solid - chest.gas.sum(axis=0)
    images = [picture(chest, bare, view, seed)[16:-16] for seed in range(30)]
    lung, soft = ([np.median(image[bare[16:-16] == value]) for image in images] for value in (100.0, 200.0))
    low, high = ((0.2, 0.42), (0.78, 0.92)) if view == "PA" else ((0.28, 0.5), (0.68, 0.84))
    assert low[0] - 0.01 < min(lung) < max(lung) < low[1] + 0.01
    assert high[0] - 0.01 < min(soft) < max(soft) < high[1] + 0.01


def test_a_finding_brightens_its_own_pixels_alone(chest):
    bare = chest.solid - chest.gas.sum(axis=0)
    filled = bare.copy()
    filled[20:30, 12:20] += 60.0
    change = picture(chest, filled) - picture(chest, bare)
    assert change[20:30, 12:20].min() > 0.05
    change[20:30, 12:20] = 0
    assert not change.any()


def test_the_marker_lies_on_the_side_that_it_names():
    radiograph, corners = Detector(SIZE, 400.0, PatientPose()), []
    for seed in range(60):
        # the brightest strokes in the upper corners are the letter's
        upper = add_overlays(radiograph, np.random.default_rng(seed), "PA")[:24]
        corners.append(np.argmax(upper.max(axis=0)) > SIZE / 2)
    # four of five are an L, and the patient's left is the picture's right
    assert 0.65 < np.mean(corners) < 0.95
