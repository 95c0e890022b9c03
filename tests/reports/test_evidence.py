"""Threshold and colors of signed evidence, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports.evidence import AGAINST, FOR, evidence_threshold, paint_evidence


def test_threshold_is_half_of_the_largest_strength() -> None:
    evidence = np.zeros((10, 10))
    evidence[0, :3] = (-8.0, 2.0, 5.0)
    assert evidence_threshold(evidence) == 4.0
    assert evidence_threshold(evidence, fraction=0.25) == 2.0


@pytest.mark.parametrize("area", [0.0, 0.02, 0.1, 0.5])
def test_colors_at_most_a_part_of_the_map(area: float) -> None:
    evidence = np.linspace(0.9, 1.0, 200).reshape(10, 20)
    colored = np.abs(evidence) > evidence_threshold(evidence, area=area)
    assert area * 200 - 1 <= colored.sum() <= area * 200


@pytest.mark.parametrize("value", [-3.0, 0.0, 7.0])
def test_colors_nothing_of_a_flat_map(value: float) -> None:
    flat, gray = np.full((8, 8), value), np.full((8, 8), 0.3)
    painted = paint_evidence(gray, flat, evidence_threshold(flat))
    np.testing.assert_allclose(painted, 0.3, rtol=1e-6)


def test_two_colors_by_hand() -> None:
    """Just above the threshold a third of the opacity, at the limit all of it; below the image stays."""
    evidence = np.array([[-4.0, -1.0, 0.0, 1.0, 1.0 + 1e-9, 2.5, 4.0, 9.0]])
    painted = paint_evidence(np.full((1, 8), 0.5), evidence, threshold=1.0, limit=4.0, opacity=0.6)[0]
    np.testing.assert_allclose(painted[0], 0.4 * 0.5 + 0.6 * np.array(AGAINST), atol=1e-6)
    np.testing.assert_allclose(painted[1:4], 0.5)
    for index, alpha in ((4, 0.2), (5, 0.4), (6, 0.6), (7, 0.6)):
        np.testing.assert_allclose(painted[index], (1 - alpha) * 0.5 + alpha * np.array(FOR), atol=1e-6)


def test_full_color_at_the_largest_strength_by_default() -> None:
    painted = paint_evidence(np.zeros((1, 2)), np.array([[-1.0, 2.0]]), threshold=0.5, opacity=1.0)
    np.testing.assert_allclose(painted[0, 1], FOR, atol=1e-6)
    assert painted.dtype == np.float32


def test_empty_maps() -> None:
    assert evidence_threshold(np.zeros((0, 3))) == 0.0
    assert paint_evidence(np.zeros((0, 3)), np.zeros((0, 3)), 0.0).shape == (0, 3, 3)


def test_refuses() -> None:
    gray, evidence = np.zeros((2, 2)), np.ones((2, 2))
    with pytest.raises(ValueError, match="evidence must be finite"):
        evidence_threshold(np.array([np.nan]))
    with pytest.raises(ValueError, match="evidence must be finite"):
        paint_evidence(gray, evidence * np.inf, 0.0)
    with pytest.raises(ValueError, match=r"evidence must be of the image's shape \(2, 2\)"):
        paint_evidence(gray, np.ones((3, 3)), 0.0)
    with pytest.raises(ValueError, match="gray must be between 0 and 1"):
        paint_evidence(gray + 40, evidence, 0.0)
    for name, value in (("threshold", -1.0), ("opacity", 1.5)):
        with pytest.raises(ValueError, match=name):
            paint_evidence(gray, evidence, **{"threshold": 0.0, name: value})
    for name in ("fraction", "area"):
        with pytest.raises(ValueError, match=name):
            evidence_threshold(evidence, **{name: 1.1})
