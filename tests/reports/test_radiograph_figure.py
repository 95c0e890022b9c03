"""Pictures of radiographs: what they show lies where it belongs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.reports import RadiographFindingMap, radiograph_overlay_figure, radiograph_page_figure, save_figure


def finding(shape: tuple[int, int] = (60, 90), row: int = 20, column: int = 70) -> RadiographFindingMap:
    heat = np.full(shape, 0.01)
    heat[row - 4 : row + 5, column - 4 : column + 5] = 0.5
    heat[row, column] = 0.8
    boxes = np.array([[60.0, 10.0, 80.0, 30.0]])
    return RadiographFindingMap("Mass", 0.8, heat, boxes, radiograph=np.full(shape, 0.4), title="radiograph 1")


def test_peak_and_box_lie_in_the_radiographs_pixels() -> None:
    figure = radiograph_overlay_figure(np.full((60, 90), 0.4), [finding()], "radiograph 1")
    radiograph, panel = figure.axes
    cross = panel.lines[-1]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (70, 20)
    for axes in (radiograph, panel):  # the radiograph beside shows the boxes too
        (box,) = axes.patches
        assert box.get_xy() == (59.5, 9.5), "boxes count borders of pixels, axes centres"
        assert (box.get_width(), box.get_height()) == (20, 20)
        assert axes.get_ylim() == (59.5, -0.5), "rows run down"
    assert "Mass  0.80" in panel.get_title()


def test_a_large_radiograph_is_thinned_out_but_keeps_its_coordinates() -> None:
    large = RadiographFindingMap("Mass", 0.5, np.pad(np.ones((1, 1)), ((1500, 1499), (100, 1899))), np.zeros((0, 4)))
    figure = radiograph_overlay_figure(np.zeros((3000, 2000)), [large])
    panel = figure.axes[1]
    assert max(panel.images[0].get_array().shape[:2]) <= 768
    assert panel.lines[-1].get_ydata()[0] == 1500
    assert panel.get_xlim() == (-0.5, 1999.5)


def test_a_flat_map_has_no_line_and_no_warning() -> None:
    flat = RadiographFindingMap("Mass", 0.5, np.full((64, 64), 0.5), np.zeros((0, 4)))
    assert not radiograph_overlay_figure(np.zeros((64, 64)), [flat]).axes[1].collections
    nothing = RadiographFindingMap("Mass", 0.0, np.zeros((64, 64)), np.zeros((0, 4)))
    radiograph_overlay_figure(np.zeros((64, 64)), [nothing])


def test_a_page_has_a_panel_for_each_finding_and_is_saved_whole(tmp_path: Path) -> None:
    figure = radiograph_page_figure([finding(), finding((90, 60), 50, 20), finding()], columns=2)
    assert len(figure.axes) == 3
    save_figure(tmp_path / "page.png", figure)
    with Image.open(tmp_path / "page.png") as picture:
        picture.verify()


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="Resize it with heatmap_on_image"):
        radiograph_overlay_figure(np.zeros((64, 64)), [finding()])
    with pytest.raises(ValueError, match="The finding 'Mass' has no radiograph"):
        radiograph_page_figure([finding()._replace(radiograph=None)])
