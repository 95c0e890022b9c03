"""Figures of maps over images: panels, texts, and the place of a cell in the picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from monai.data import MetaTensor

from monai_pylon.reports.evidence import FOR
from monai_pylon.reports.map_figure import draw_color_bar, draw_view, finding_title, show_map
from monai_pylon.reports.map_views import MapView
from monai_pylon.visualize import MapGeometry
from tests.reports.figure_layout import check_layout

PYLON_GRID = MapGeometry((0.0, 0.0), (4.0, 4.0))
AXIAL_GRID = MapGeometry((12.0, 12.0, 1.0), (8.0, 8.0, 3.0))


def shown(figure: Figure, panel: int = 0) -> np.ndarray:
    """Return the picture of a panel as an array (H, W, 3)."""
    return np.asarray(figure.axes[panel].images[0].get_array())


def test_titles() -> None:
    assert finding_title("mass", 0.726) == "mass, probability 0.73"
    assert finding_title("mass", 0.9999) == "mass, probability over 0.99"
    assert finding_title("mass", 0.0001) == "mass, probability under 0.01"
    assert finding_title("mass", 0.7, 3, 80) == "mass, probability 0.70, rank 3 of 80"
    assert finding_title("", None) == ""


def test_radiograph_shows_a_cell_where_it_looks() -> None:
    map = np.full((16, 16), -1.0)
    map[5, 9] = 4.0
    figure = show_map(np.zeros((64, 64)), map, PYLON_GRID, name="mass", probability=0.7, rank=1, sides=("R", "L"))
    picture = shown(figure)
    assert picture.shape == (64, 64, 3)
    place = np.unravel_index(int(picture[..., 0].argmax()), (64, 64))
    assert place == (20, 36)
    np.testing.assert_allclose(picture[20, 36], 0.55 * np.array(FOR), atol=1e-6)
    assert [text.get_text() for text in figure.axes[0].texts] == ["R", "L"]
    check_layout("show_map_radiograph", figure)


def test_scan_shows_a_cell_where_it_looks() -> None:
    """The cell looks at voxel (28, 20, 7); the volume is 40 x 40 x 30 voxels of 4 x 4 x 4 mm, RAS."""
    map = np.zeros((1, 4, 4, 10), dtype=np.float32)
    map[0, 2, 1, 2] = 3.0
    scan = MetaTensor(torch.zeros(1, 40, 40, 30), affine=torch.diag(torch.tensor([4.0, 4, 4, 1])))
    figure = show_map(scan, torch.as_tensor(map), AXIAL_GRID, name="mass")
    assert [axes.get_title() for axes in figure.axes[:5]] == [
        "axial 8 of 30 from below, lung window",
        "axial 8 of 30 from below, mediastinal window",
        "coronal, lung window",
        "sagittal, lung window",
        "projection from the front",
    ]
    soft = shown(figure, 1)
    blue = soft[..., 2]  # orange over gray has the least blue
    row, column = np.unravel_index(int(blue.argmin()), blue.shape)
    assert abs(row - (39 - 20) * 4 - 1.5) <= 16, "half a cell of 8 voxels"
    assert abs(column - (39 - 28) * 4 - 1.5) <= 16
    check_layout("show_map_scan", figure)


def test_flat_map_colors_nothing() -> None:
    gray = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    figure = show_map(gray, np.ones((8, 8)), MapGeometry((1.5, 1.5), (4.0, 4.0)))
    np.testing.assert_allclose(shown(figure), gray[..., None].repeat(3, 2))


def test_own_threshold() -> None:
    map = np.zeros((8, 8))
    map[2, 2], map[5, 5] = 1.0, 4.0
    assert (shown(show_map(np.zeros((8, 8)), map))[2, 2] == 0).all()
    assert (shown(show_map(np.zeros((8, 8)), map, threshold=0.5))[2, 2] > 0).all()


def test_outlines_both_signs() -> None:
    evidence = np.zeros((20, 20))
    evidence[4:8, 4:8], evidence[12:16, 12:16] = 1.0, -1.0
    axes = Figure().add_subplot()
    draw_view(axes, MapView(np.zeros((20, 20)), evidence), 0.5, 1.0)
    assert [contour.levels.tolist() for contour in axes.collections] == [[0.5], [0.5]]
    empty = Figure().add_subplot()
    draw_view(empty, MapView(np.zeros((20, 20)), 0 * evidence), 0.5, 1.0)
    assert not empty.collections


def test_scale_bar_is_five_centimeters() -> None:
    axes = Figure().add_subplot()
    draw_view(axes, MapView(np.zeros((100, 200)), np.zeros((100, 200)), pixel_mm=2.0), 0.0, 0.0)
    assert np.ptp(axes.lines[0].get_xdata()) == 25
    for pixel_mm in (None, 0.1):
        axes = Figure().add_subplot()
        draw_view(axes, MapView(np.zeros((100, 200)), np.zeros((100, 200)), pixel_mm=pixel_mm), 0.0, 0.0)
        assert not axes.lines


def test_large_images_are_subsampled() -> None:
    figure = show_map(np.zeros((2000, 1000)), np.zeros((2000, 1000)))
    assert shown(figure).shape == (667, 334, 3)
    assert figure.axes[0].get_xlim() == (-0.5, 999.5)


def test_color_bar_of_one_sign() -> None:
    axes = Figure().add_subplot()
    draw_color_bar(axes, 0.5, 2.0, "probability", signed=False)
    assert axes.get_yticks().tolist() == [2.0, 0.5, 0.0]
    assert axes.get_title() == ""


def test_refuses() -> None:
    with pytest.raises(ValueError, match=r"map must be of the image's shape \(8, 8\).*geometry"):
        show_map(np.zeros((8, 8)), np.zeros((4, 4)))
    with pytest.raises(ValueError, match="map must be of 2 axes"):
        show_map(np.zeros((8, 8)), np.zeros((3, 4, 4)))
    with pytest.raises(ValueError, match="affine"):
        show_map(np.zeros((8, 8, 8)), np.zeros((8, 8, 8)))
    with pytest.raises(ValueError, match="image must be a radiograph"):
        show_map(np.zeros(8), np.zeros(8))
    with pytest.raises(ValueError, match="gray must be between 0 and 1"):
        show_map(np.full((8, 8), 255.0), np.zeros((8, 8)))
    with pytest.raises(ValueError, match="finite"):
        show_map(np.zeros((8, 8)), np.full((8, 8), np.nan))
