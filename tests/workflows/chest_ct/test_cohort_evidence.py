"""Evidence outside the organs and slice scores of a cohort, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.chest_ct.cohort_evidence import CohortEvidence
from monai_pylon.workflows.chest_ct.explainer import ScanMaps

LABELS = ["lung mass", "cardiomegaly", "my own"]
#: Two cells along x that look at the halves of 4 x 2 x 3 voxels.
GEOMETRY = MapGeometry((0.5, 0.5, 1.0), (2.0, 2.0, 3.0))


def batch(first: int, **more: Any) -> dict[str, Any]:
    organs = torch.zeros(2, 1, 4, 2, 3, dtype=torch.uint8)
    organs[:, :, :2] = 1  # right lung in cell 0
    organs[:, :, 2:, 0] = 2  # mediastinum in cell 1
    names = [f"s{first}", f"s{first + 1}"]
    return {"index": torch.tensor([first, first + 1]), "name": names, "organ_labels": organs, "error": ["", ""], **more}


def filled() -> CohortEvidence:
    cohort = CohortEvidence(LABELS, [2.0, 2.0, 5.0], renderings=3)
    maps = torch.tensor([[[1.0, 3], [3, 1], [1, 1]], [[2, -5], [0, 0], [-1, -1]]])[..., None, None]
    slices = torch.arange(12.0).reshape(2, 3, 2)
    for first in (0, 2):
        pred = ScanMaps(torch.zeros(2, 3), maps, maps, slices + first)
        cohort.collect({"pred": pred}, batch(first), GEOMETRY)
    cohort.gather()
    return cohort


def test_shares_are_those_of_the_organs_of_each_label() -> None:
    cohort = filled()
    assert cohort.names == ["s0", "s1", "s2", "s3"]
    assert cohort.index.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(cohort.outside[0], [0.75, 0.75, 0])
    np.testing.assert_allclose(cohort.outside[1], [0, np.nan, np.nan])
    np.testing.assert_allclose(cohort.even[2], [0.5, 0.5, 0])
    assert cohort.slice_scores.shape == (4, 3, 2)
    assert [one.name for one in cohort.lungs] == ["s0", "s1", "s2"], "at most three"
    assert cohort.lungs[0].volumes_ml == {"right lung": 12 * 0.02, "left lung": 0}


def test_scans_of_one_name_are_told_apart_in_the_order_of_the_dataset() -> None:
    cohort = CohortEvidence(LABELS, [2.0, 2.0, 5.0], renderings=0)
    maps = torch.zeros(2, 3, 2, 1, 1)
    for first, names in ((2, ["a", "b"]), (0, ["a", "a (2)"])):
        cohort.collect({"pred": ScanMaps(torch.zeros(2, 3), maps, maps)}, batch(first, name=names), GEOMETRY)
    cohort.gather()
    assert dict(zip(cohort.index.tolist(), cohort.names, strict=True)) == {0: "a", 1: "a (2)", 2: "a (3)", 3: "b"}


def test_errors_and_right_predictions_are_compared() -> None:
    cohort = filled()
    scores = np.array([[2.0, 2, 2], [2, 2, -2], [2, -2, 2], [-2, -2, -2]])
    truth = np.array([[0.0, 1, np.nan], [1, 0, 0], [1, 0, 0], [0, 0, 0]])
    found = cohort.metrics(scores, truth, np.array([0.5, 0.5, np.nan]), [1, 2, 3, 4], 10)
    assert found["exposed, false positives"]["lung mass"]["estimate"] == 1
    assert found["exposed, true positives"]["lung mass"] == {"estimate": 0.5, "low": 0, "high": 1, "n": 2}
    assert found["exposed, false positives"]["weighted"]["n"] == 1, "an undefined map and a label without threshold"
    assert found["exposed, false positives with an even map"]["weighted"]["estimate"] == 0, "half is not more than half"
    rows = cohort.errors(scores, truth, np.array([0.5, 0.5, np.nan]))
    assert [(row["name"], row["label"], row["outside"]) for row in rows] == [
        ("s0", "lung mass", 0.75),
        ("s1", "cardiomegaly", None),
    ]


def test_unreadable_scans_are_dropped_everywhere() -> None:
    cohort = filled()
    cohort.keep(np.array([True, False, True, True]))
    assert cohort.names == ["s0", "s2", "s3"]
    assert len(cohort.outside) == len(cohort.even) == len(cohort.index) == len(cohort.slice_scores) == 3
    curves = cohort.curves(np.array([[1.0, 0, 0], [1, 0, 0], [0, 0, 0]]), np.array([1, 2, 3]), 5)
    np.testing.assert_allclose(curves.present.estimate[0], [1, 2])
    with pytest.raises(ValueError, match="sound must be of length 3"):
        cohort.keep(np.ones(2, bool))


def test_a_network_without_maps_has_no_shares() -> None:
    cohort = CohortEvidence(LABELS, [2.0, 2.0, 5.0])
    given = batch(0)
    del given["organ_labels"]
    cohort.collect({"pred": ScanMaps(torch.zeros(2, 3), None, None)}, given, None)
    cohort.gather()
    assert np.isnan(cohort.outside).all()
    assert cohort.metrics(np.ones((2, 3)), np.zeros((2, 3)), np.full(3, 0.5), [1, 2], 5) == {}
    assert cohort.curves(np.zeros((2, 3)), np.array([1, 2]), 5) is None
    cohort.reset()
    assert cohort.names == []
