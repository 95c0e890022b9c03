"""Heatmaps: resizing and peak agree with the localization metrics; colors of the overlay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics import point_localization
from monai_pylon.reports.heatmap import heatmap_on_image, heatmap_peak, paint_heatmap


def test_peak_is_the_point_of_point_localization() -> None:
    """A box of one pixel at the peak is a hit; a box one pixel to the right is not."""
    for seed in range(10):
        maps = torch.randn(1, 7, 5, generator=torch.Generator().manual_seed(seed))
        peak = heatmap_peak(heatmap_on_image(maps, (56, 40))[0].numpy())
        at_peak = torch.tensor([[peak.column, peak.row, peak.column, peak.row]])
        beside = torch.tensor([[peak.column + 1, peak.row, peak.column + 1, peak.row]])
        assert point_localization(maps, at_peak, torch.tensor([0]), (56, 40)).item() == 1
        if peak.column < 38:
            assert point_localization(maps, beside, torch.tensor([0]), (56, 40)).item() == 0


def test_keeps_signed_logits_on_request() -> None:
    maps = torch.tensor([[[-3.0, 2.0]]])
    assert heatmap_on_image(maps, (1, 2), probabilities=False)[0, 0].tolist() == [-3.0, 2.0]
    torch.testing.assert_close(heatmap_on_image(maps, (1, 2)), maps.sigmoid())


def test_returns_float32_for_half_precision() -> None:
    assert heatmap_on_image(torch.zeros(1, 2, 2, dtype=torch.bfloat16), (4, 4)).dtype == torch.float32


@pytest.mark.parametrize(
    ("shape", "size", "message"),
    [
        ((2, 2), (4, 4), r"heatmap must be of shape \(M, h, w\)"),
        ((1, 2, 2), (4,), r"size must be \(rows, columns\)"),
        ((1, 2, 2), (4, 4, 4), r"size must be \(rows, columns\)"),
        ((1, 2, 2), (4, 0), r"size must be \(rows, columns\)"),
    ],
)
def test_rejects_wrong_shapes_before_resizing(shape: tuple, size: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        heatmap_on_image(torch.zeros(shape), size)


def test_first_of_equal_peaks_counts() -> None:
    assert heatmap_peak(np.array([[0.0, 1.0], [1.0, 1.0]]))[:2] == (0, 1)
    assert heatmap_peak(np.full((1, 1), -2.0)) == (0, 0, -2.0)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 2), (0, 2)])
def test_peak_needs_a_map_with_pixels(shape: tuple) -> None:
    with pytest.raises(ValueError, match=r"heatmap must be of shape \(H, W\)"):
        heatmap_peak(np.zeros(shape))


def test_colors_run_from_dark_red_to_yellow() -> None:
    heat = np.array([[0.0, 1, 2, 3]]) / 3
    painted = paint_heatmap(np.zeros((1, 4)), heat, alpha=1)
    colors = [(0.0, 0, 0), (0.3, 0.1, 0.05 / 3), (2 / 3, 1.3 / 3, 0), (1, 0.95, 0.35)]
    np.testing.assert_allclose(painted[0], colors, atol=1e-6)
    weakest = paint_heatmap(np.zeros((1, 1)), np.full((1, 1), 1e-6), alpha=1)[0, 0] * 1e6
    np.testing.assert_allclose(weakest, (0.55, 0.05, 0.15), atol=1e-4)


def test_leaves_the_image_where_the_map_is_zero() -> None:
    painted = paint_heatmap(np.full((1, 2), 0.5), np.array([[0.0, 1.0]]))
    np.testing.assert_allclose(painted[0], [[0.5] * 3, [0.8, 0.77, 0.41]], atol=1e-6)
    np.testing.assert_array_equal(paint_heatmap(np.ones((1, 1)), np.ones((1, 1)), alpha=0), np.ones((1, 1, 3)))
    assert paint_heatmap(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2, 3)


@pytest.mark.parametrize("heat", [np.zeros((2, 3)), np.full((2, 2), 1.5), np.full((2, 2), -0.1)])
def test_rejects_maps_that_do_not_fit(heat: np.ndarray) -> None:
    with pytest.raises(ValueError, match="heat must be"):
        paint_heatmap(np.zeros((2, 2)), heat)


def test_rejects_wrong_images_and_alpha() -> None:
    with pytest.raises(ValueError, match="gray must be"):
        paint_heatmap(np.zeros(2), np.zeros(2))
    for alpha in (-0.1, 1.1):
        with pytest.raises(ValueError, match="alpha must be between 0 and 1"):
            paint_heatmap(np.zeros((2, 2)), np.zeros((2, 2)), alpha=alpha)
