"""Renderings of masks: sides, shading, volumes, and lungs that are missing."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports.rendering import lung_rendering, lungs_figure, render_mask


def test_a_rendering_is_in_radiological_display() -> None:
    """Voxels of the patient's left, which a RAS affine has at low x, are on the right; those of the head on top."""
    mask = np.zeros((4, 3, 5), bool)
    mask[0, 1, 4] = True
    found = render_mask(mask, np.eye(4))
    assert found.shape == (5, 4)
    assert np.argwhere(~np.isnan(found)).tolist() == [[0, 3]], "RAS: x grows to the patient's right"
    flipped = render_mask(mask[::-1, :, ::-1], np.diag([-1.0, 1, -1, 1]))
    np.testing.assert_array_equal(np.isnan(flipped), np.isnan(found))


def test_a_slope_is_darker_than_a_flat_surface() -> None:
    flat = np.zeros((9, 9, 9), bool)
    flat[:, :4] = True
    slope = np.zeros((9, 9, 9), bool)
    for x in range(9):
        slope[x, : x + 1] = True
    bright, dark = (render_mask(mask, np.eye(4))[4, 4] for mask in (flat, slope))
    assert bright == 1
    assert dark == pytest.approx(1 / np.sqrt(2))


def test_spacing_counts() -> None:
    slope = np.zeros((9, 9, 9), bool)
    for x in range(9):
        slope[x, : x + 1] = True
    assert render_mask(slope, np.diag([1.0, 3, 1, 1]))[4, 4] == pytest.approx(1 / np.sqrt(10))


def test_volumes_and_a_missing_lung_are_named() -> None:
    labels = np.zeros((6, 4, 4), np.uint8)
    labels[:3], labels[3] = 1, 2
    found = lung_rendering("scan 1", labels, np.diag([10.0, 20, 5, 1]))
    assert found.volumes_ml == {"right lung": 48.0, "left lung": 0.0}
    assert found.aspect == 0.5
    assert np.isnan(found.image[:, :3]).all(), "the mediastinum is not drawn"
    title = lungs_figure([found] * 7).axes[6].get_title()
    assert title == "scan 1\n0.0 L, left missing"


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"mask must be of shape \(X, Y, Z\)"):
        render_mask(np.ones((2, 2), bool), np.eye(4))
    with pytest.raises(ValueError, match=r"labels must be of shape \(X, Y, Z\)"):
        lung_rendering("a", np.ones((2, 2), np.uint8), np.eye(4))
    with pytest.raises(ValueError, match="at least one scan"):
        lungs_figure([])
