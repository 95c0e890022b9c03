"""Figures of radiographs: positions of heatmap, peak and boxes, and layout."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports.radiograph_figure import (
    RadiographFindingMap,
    radiograph_overlay_figure,
    radiograph_page_figure,
)
from tests.reports.figure_layout import check_layout


def finding(shape: tuple[int, int] = (60, 90), row: int = 20, column: int = 70) -> RadiographFindingMap:
    heat = np.full(shape, 0.01)
    heat[row - 4 : row + 5, column - 4 : column + 5] = 0.5
    heat[row, column] = 0.8
    boxes = np.array([[60.0, 10.0, 80.0, 30.0]])
    return RadiographFindingMap("Mass", 0.8, heat, boxes, radiograph=np.full(shape, 0.4), title="radiograph 1")


def test_peak_and_box_are_in_pixels_of_the_radiograph() -> None:
    figure = radiograph_overlay_figure(np.full((60, 90), 0.4), [finding()], "radiograph 1")
    radiograph, panel = figure.axes
    cross = panel.lines[-1]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (70, 20)
    for axes in (radiograph, panel):  # the plain radiograph shows the boxes too
        (box,) = axes.patches
        assert box.get_xy() == (59.5, 9.5), "box coordinates are pixel borders, axes coordinates pixel centers"
        assert (box.get_width(), box.get_height()) == (20, 20)
        assert axes.get_ylim() == (59.5, -0.5), "rows run down"
        assert axes.get_xlim() == (-0.5, 89.5)
        assert axes.images[0].get_extent() == [-0.5, 89.5, 59.5, -0.5]
    assert radiograph.images[0].get_clim() == (0, 1)
    assert "Mass, probability 0.80" in panel.get_title()


def test_large_radiograph_is_subsampled_but_keeps_its_coordinates() -> None:
    large = RadiographFindingMap("Mass", 0.5, np.pad(np.ones((1, 1)), ((1500, 1499), (100, 1899))), np.zeros((0, 4)))
    figure = radiograph_overlay_figure(np.zeros((3000, 2000)), [large])
    panel = figure.axes[1]
    assert panel.images[0].get_array().shape[:2] == (750, 500)
    assert panel.lines[-1].get_ydata()[0] == 1500
    assert panel.get_xlim() == (-0.5, 1999.5)


def test_subsamples_only_above_768_pixels() -> None:
    for rows, drawn in ((768, 768), (769, 385)):
        figure = radiograph_overlay_figure(np.zeros((rows, 64)), [])
        assert figure.axes[0].images[0].get_array().shape[0] == drawn


def test_colors_the_strongest_tenth_above_half_of_the_maximum() -> None:
    ramp = np.tile(np.linspace(0, 0.2, 64), (64, 1))
    peaked = np.zeros((64, 64))
    peaked[10:14, 20:24] = 0.2
    for heat, level in ((ramp, 0.18095), (peaked, 0.1)):  # column 57 of 63; half of the maximum
        finding = RadiographFindingMap("Mass", 0.2, heat, np.zeros((0, 4)))
        panel = radiograph_overlay_figure(np.zeros((64, 64)), [finding]).axes[1]
        assert panel.collections[0].levels.tolist() == pytest.approx([level], abs=1e-4)
        colored = np.asarray(panel.images[0].get_array())[..., 0] > 0
        assert 0 < colored.mean() <= 0.1


def test_a_flat_map_leaves_the_radiograph_gray() -> None:
    gray = np.random.default_rng(0).random((32, 32)).astype(np.float32)
    flat = RadiographFindingMap("Mass", 0.2, 0 * gray + 0.4, np.zeros((0, 4)))
    panel = radiograph_overlay_figure(gray, [flat]).axes[1]
    np.testing.assert_allclose(panel.images[0].get_array(), gray[..., None].repeat(3, 2))


def test_flat_map_has_no_line_and_no_warning() -> None:
    flat = RadiographFindingMap("Mass", 0.5, np.full((64, 64), 0.5), np.zeros((0, 4)))
    figure = radiograph_overlay_figure(np.zeros((64, 64)), [flat])
    assert not figure.axes[1].collections
    assert not figure.axes[0].patches, "no boxes"
    nothing = RadiographFindingMap("Mass", 0.0, np.zeros((64, 64)), np.zeros((0, 4)))
    radiograph_overlay_figure(np.zeros((64, 64)), [nothing])


def test_layout_of_one_radiograph() -> None:
    untitled = finding()._replace(name="Effusion", probability=0.25, title="", boxes=np.zeros((0, 4)))
    figure = radiograph_overlay_figure(np.full((60, 90), 0.4), [finding(), untitled], "radiograph 1")
    check_layout("radiograph_overlay", figure)


def test_layout_of_a_page_with_several_radiographs() -> None:
    figure = radiograph_page_figure([finding(), finding((90, 60), 50, 20), finding()], columns=2, title="page")
    check_layout("radiograph_page", figure)
    assert figure.axes[1].images[0].get_array().shape[:2] == (90, 60)


def test_page_has_four_columns_but_no_empty_ones() -> None:
    for count, columns in ((1, 1), (4, 4), (5, 4)):
        grid = radiograph_page_figure([finding()] * count).axes[0].get_gridspec()
        assert (grid.nrows, grid.ncols) == ((count + 3) // 4, columns)


def test_rejects_findings_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="Resize it with heatmap_on_image"):
        radiograph_overlay_figure(np.zeros((64, 64)), [finding()])
    with pytest.raises(ValueError, match=r"radiograph must be of shape \(H, W\)"):
        radiograph_overlay_figure(np.zeros((64, 64, 1)), [])
    with pytest.raises(ValueError, match="findings must be a sequence with at least one finding"):
        radiograph_page_figure([])
    with pytest.raises(ValueError, match="The finding 'Mass' has no radiograph"):
        radiograph_page_figure([finding()._replace(radiograph=None)])


def test_sides_are_letters_at_the_edges_or_unknown() -> None:
    for sides, expected in (
        ("RL", [("R", "left", 0.02), ("L", "right", 0.98)]),
        ("", [("side unknown", "left", 0.02)]),
    ):
        drawn = radiograph_overlay_figure(np.full((60, 90), 0.4), [finding()], "radiograph 1", sides)
        page = radiograph_page_figure([finding()._replace(sides=sides)])
        for axes in (*drawn.axes, *page.axes):
            found = [(text.get_text(), text.get_ha(), text.get_position()[0]) for text in axes.texts]
            assert found == expected
    with pytest.raises(ValueError, match='sides must be two letters such as "RL", or empty'):
        radiograph_overlay_figure(np.zeros((60, 90)), [], sides="right")
    with pytest.raises(ValueError, match='sides must be two letters such as "RL", or empty'):
        radiograph_page_figure([finding()._replace(sides="R")])
