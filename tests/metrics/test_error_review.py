"""Evidence outside a region by hand, and the order of the false positives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics.error_review import error_review, evidence_outside


def test_only_positive_evidence_counts() -> None:
    maps = torch.tensor([[[[4.0, -8.0], [1.0, 0.0]], [[-1.0, -2.0], [0.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]]])
    regions = torch.zeros(1, 3, 2, 2, dtype=torch.bool)
    regions[0, :2, 0] = True
    found = evidence_outside(maps, regions)
    np.testing.assert_allclose(found, [[0.2, np.nan, np.nan]])
    np.testing.assert_allclose(evidence_outside(maps / 1024, regions), found)


def test_in_three_dimensions_against_loops() -> None:
    maps, regions = torch.randn(2, 3, 2, 3, 4), torch.rand(2, 3, 2, 3, 4) < 0.5
    found = evidence_outside(maps, regions)
    for image, label in np.ndindex(2, 3):
        positive = [
            (max(v, 0), r) for v, r in zip(maps[image, label].flatten(), regions[image, label].flatten(), strict=True)
        ]
        expected = sum(float(v) for v, r in positive if not r) / sum(float(v) for v, _ in positive)
        assert found[image, label] == pytest.approx(expected)


def test_false_positives_with_most_evidence_outside_come_first() -> None:
    probabilities = torch.tensor([[0.9, 0.2], [0.6, 0.7], [0.8, 0.9], [0.4, 0.95]])
    truth = torch.tensor([[0.0, 0], [0, 0], [1, 0], [0, torch.nan]])
    outside = np.array([[0.5, 0.9], [0.7, np.nan], [0.9, 0.51], [0.9, 0.9]])
    rows = error_review(probabilities, truth, outside, ["a", "b", "c", "d"], ["x", "y"])
    assert [(row["name"], row["label"], row["exposed"]) for row in rows] == [
        ("b", "x", True),
        ("c", "y", True),
        ("a", "x", False),
        ("b", "y", None),
    ]
    assert rows[3]["outside"] is None
    fewer = error_review(probabilities, truth, outside, ["a", "b", "c", "d"], ["x", "y"], [0.85, 0.3])
    assert {(row["name"], row["label"]) for row in fewer} == {("a", "x"), ("b", "y"), ("c", "y")}


def test_equal_shares_are_ordered_by_probability_and_those_without_evidence_outside_come_last() -> None:
    probabilities, outside = torch.tensor([[0.9], [0.65], [0.75], [0.5]]), np.array([[0.0], [0.25], [0.25], [0.25]])
    rows = error_review(probabilities, torch.zeros(4, 1), outside, ["a", "b", "c", "at the threshold"], ["x"])
    assert [(row["name"], row["outside"]) for row in rows] == [("c", 0.25), ("b", 0.25), ("a", 0.0)]


def test_numbers_have_four_decimals() -> None:
    (row,) = error_review(torch.tensor([[0.987654]]), torch.zeros(1, 1), np.array([[0.123456]]), ["a"], ["x"])
    assert (row["probability"], row["outside"]) == (0.9877, 0.1235)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: evidence_outside(torch.zeros(1, 2, 3), torch.zeros(1, 2, 4)), r"regions must be of the maps' shape"),
        (
            lambda: evidence_outside(torch.full((1, 1, 2), torch.nan), torch.ones(1, 1, 2)),
            "attention must be without NaN",
        ),
        (
            lambda: error_review(torch.zeros(1, 1), torch.zeros(1, 1), np.zeros((1, 2)), ["a"], ["x"]),
            r"outside must be of shape \(1, 1\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(call, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
