"""Tests of the overlays: side of the marker, and more wires in AP radiographs."""

import numpy as np

from monai_pylon.data.phantoms.projection import Detector, PatientPose
from monai_pylon.data.phantoms.radiograph_overlays import add_overlays

SIZE = 64


def test_marker_lies_on_the_side_of_its_letter():
    detector, corners = Detector(SIZE, 400.0, PatientPose()), []
    for seed in range(60):
        # the brightest strokes in the upper corners belong to the letter
        upper = add_overlays(detector, np.random.default_rng(seed), "PA")[:24]
        corners.append(np.argmax(upper.max(axis=0)) > SIZE / 2)
    # four of five letters are an L, and the patient's left is on the right of the image
    assert 0.65 < np.mean(corners) < 0.95


def test_ap_radiographs_have_more_metal():
    detector = Detector(SIZE, 400.0, PatientPose())
    metal = [
        np.mean([(add_overlays(detector, np.random.default_rng(seed), view)[24:] > 2.0).mean() for seed in range(60)])
        for view in ("PA", "AP")
    ]
    assert metal[1] > metal[0]


def test_overlays_add_at_most_the_breasts_and_120_mm():
    detector = Detector(SIZE, 400.0, PatientPose())
    for seed in range(20):
        overlays = add_overlays(detector, np.random.default_rng(seed), "AP")
        assert overlays.shape == (SIZE, SIZE)
        assert 0.0 <= overlays.min() < overlays.max() <= 120.0 + 2 * 46.0 + 7.0
