"""Maps over radiographs: the same enlargement and the same peak as the metrics of localization."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics import point_localization
from monai_pylon.reports import heatmap_on_image, heatmap_peak, paint_heatmap


def test_the_peak_is_the_point_that_point_localization_judges() -> None:
    """A box of one pixel around the peak is hit; one pixel further off it is not."""
    for seed in range(10):
        maps = torch.randn(1, 7, 5, generator=torch.Generator().manual_seed(seed))
        peak = heatmap_peak(heatmap_on_image(maps, (56, 40))[0].numpy())
        at = torch.tensor([[peak.column, peak.row, peak.column, peak.row]])
        far = torch.tensor([[peak.column + 1, peak.row, peak.column + 1, peak.row]])
        assert point_localization(maps, at, torch.tensor([0]), (56, 40)).item() == 1
        if peak.column < 38:
            assert point_localization(maps, far, torch.tensor([0]), (56, 40)).item() == 0


def test_signed_maps_stay_signed() -> None:
    maps = torch.tensor([[[-3.0, 2.0]]])
    assert heatmap_on_image(maps, (1, 2), probabilities=False)[0, 0].tolist() == [-3.0, 2.0]
    torch.testing.assert_close(heatmap_on_image(maps, (1, 2)), maps.sigmoid())


def test_half_precision_maps_become_float32() -> None:
    assert heatmap_on_image(torch.zeros(1, 2, 2, dtype=torch.bfloat16), (4, 4)).dtype == torch.float32


def test_of_equal_peaks_the_first_counts() -> None:
    assert heatmap_peak(np.array([[0.0, 1.0], [1.0, 1.0]]))[:2] == (0, 1)


def test_paint_leaves_the_radiograph_where_there_is_no_heat_and_brightens_with_it() -> None:
    gray, heat = np.full((1, 5), 0.3), np.linspace(0, 1, 5)[None]
    painted = paint_heatmap(gray, heat, alpha=0.8)
    np.testing.assert_allclose(painted[0, 0], 0.3, atol=1e-6)
    assert (np.diff(painted[0, :, 0]) > 0).all(), "more red with more heat"
    assert painted[0, -1, 0] > painted[0, -1, 2]


@pytest.mark.parametrize("heat", [np.zeros((2, 3)), np.full((2, 2), 1.5), np.full((2, 2), -0.1)])
def test_heat_must_fit(heat: np.ndarray) -> None:
    with pytest.raises(ValueError, match="heat"):
        paint_heatmap(np.zeros((2, 2)), heat)
