"""Organs: the numbers of Table 5, and an organ for each label."""

from collections import Counter

import numpy as np
import pytest
import torch

from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.taxonomy.organs import (
    CHEST_CT_ORGANS,
    ORGAN_VALUES,
    are_organ_labels,
    organs_of_labels,
    possible_locations,
)


def test_51_lung_and_29_mediastinum_labels():
    assert Counter(CHEST_CT_ORGANS) == {"lung": 51, "heart": 16, "great vessel": 7, "mediastinum": 6}
    assert set(CHEST_CT_ORGANS[:51]) == {"lung"}


def test_values_of_the_organs():
    assert ORGANS == ("right lung", "mediastinum", "left lung")
    assert ORGAN_VALUES == {"right lung": 1, "mediastinum": 2, "left lung": 3}


def test_other_values_than_those_of_organs_are_found_in_arrays_and_tensors():
    for value, sound in ((0, True), (3, True), (4, False), (-1, False), (0.5, False), (float("nan"), False)):
        values = np.array([0, 1, 2, 3, value])
        assert are_organ_labels(values) is are_organ_labels(torch.from_numpy(values)) is sound


def test_locations_are_both_lungs_or_the_mediastinum():
    locations = possible_locations()
    assert locations.shape == (80, 3)
    assert locations.dtype == bool
    np.testing.assert_array_equal(locations[:51], np.tile([True, False, True], (51, 1)))
    np.testing.assert_array_equal(locations[51:], np.tile([False, True, False], (29, 1)))


@pytest.mark.parametrize(
    ("label", "organ"),
    [
        ("pleural effusion", "lung"),
        ("CABG", "heart"),
        ("sternotomy", "heart"),
        ("postsurgical (great vessel)", "great vessel"),
        ("postsurgical (heart)", "heart"),
        ("heart scattered calc", "heart"),
        ("great vessel catheter or port", "great vessel"),
        ("mediastinum lymphadenopathy", "mediastinum"),
        ("pacemaker or defib", "heart"),
    ],
)
def test_organ_of(label, organ):
    assert CHEST_CT_ORGANS[CHEST_CT_LABELS.index(label)] == organ


def test_possible_locations_returns_a_new_array():
    possible_locations()[:] = False
    assert possible_locations().any()


def test_organs_of_labels_of_any_name():
    found = organs_of_labels(["pneumonia", "my finding", "cardiomegaly"])
    assert found.tolist() == [[True, False, True], [True, True, True], [False, True, False]]
