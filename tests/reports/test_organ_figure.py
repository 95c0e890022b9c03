"""The picture of a scan's organs: right on the left, true to scale, with verdict and volumes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from monai_pylon.reports import ORGAN_COLORS, organ_overlay_figure, save_organ_overlay

AFFINE = np.diag([-3.0, -3.0, 5.0, 1.0])  # LPS: the first axis grows to the patient's left
GOOD = SimpleNamespace(
    ok=True, reasons=(), volumes_ml={"right lung": 2345.4, "mediastinum": 900.0, "left lung": 1999.6}, heuristic=False
)


def chest(shape=(100, 80, 60)) -> tuple[np.ndarray, np.ndarray]:
    """A block of tissue with a box for each lung and the mediastinum between them; the right lung comes first in x."""
    ct = np.full(shape, -1000.0, np.float32)
    ct[10:90, 10:70] = 40
    labels = np.zeros(shape, np.uint8)
    labels[20:40, 20:60, 10:50] = 1
    labels[40:60, 20:60, 10:50] = 2
    labels[60:80, 20:60, 10:50] = 3
    ct[(labels == 1) | (labels == 3)] = -850
    return ct, labels


def panels(figure) -> list[np.ndarray]:
    return [axes.images[0].get_array() for axes in figure.axes]


def columns_of(panel: np.ndarray, organ: str) -> np.ndarray:
    """The columns in which the outline of an organ lies."""
    return np.flatnonzero((panel == np.float32(ORGAN_COLORS[organ])).all(axis=-1).any(axis=0))


def texts(figure) -> str:
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    return "\n".join([text.get_text() for text in figure.texts] + legend)


def test_every_panel_shows_the_right_lung_on_the_left() -> None:
    figure = organ_overlay_figure(chest()[0], AFFINE, chest()[1], GOOD, title="scan 7")
    assert len(figure.axes) == 6
    for axes, panel in zip(figure.axes, panels(figure), strict=True):
        right, middle, left = (columns_of(panel, organ) for organ in ORGAN_COLORS)
        assert right.max() < middle.min() <= middle.max() < left.min()
        letters = {text.get_text(): text.get_position()[0] for text in axes.texts}
        assert letters["R"] < 0.5 < letters["L"]


def test_it_is_true_to_scale() -> None:
    """Every panel has as many pixels per mm across as down, and all have the same width."""
    figure = organ_overlay_figure(chest()[0], AFFINE, chest()[1], GOOD)
    for panel, height_mm in zip(panels(figure), [120] * 3 + [200] * 3, strict=True):  # 40 voxels of 3 or 5 mm
        outline = (panel == np.float32(ORGAN_COLORS["right lung"])).all(axis=-1)
        rows, columns = outline.any(axis=1).nonzero()[0], outline.any(axis=0).nonzero()[0]
        assert np.ptp(rows) + 1 == pytest.approx(height_mm / 0.75, abs=2)
        assert np.ptp(columns) + 1 == pytest.approx(60 / 0.75, abs=2)
    FigureCanvasAgg(figure).draw()
    widths = [axes.get_window_extent().width for axes in figure.axes]
    scales = [width / panel.shape[1] for width, panel in zip(widths, panels(figure), strict=True)]
    assert scales == pytest.approx([scales[0]] * 6, rel=0.02)


def test_it_is_cropped_to_the_body_but_not_to_the_labels() -> None:
    """A lung that was missed must stay in the picture."""
    ct, labels = chest()
    labels[labels == 3] = 0
    widths = {panel.shape[1] * 0.75 for panel in panels(organ_overlay_figure(ct, AFFINE, labels, GOOD))}
    assert min(widths) >= 80 * 3  # the body
    assert max(widths) < 100 * 3  # the field of view


def test_verdict_and_volumes() -> None:
    ct, labels = chest()
    good = texts(organ_overlay_figure(ct, AFFINE, labels, GOOD, title="scan 7"))
    assert "scan 7" in good
    assert "Quality: ok" in good
    assert "right lung  2,345 mL" in good
    assert "left lung  2,000 mL" in good
    bad = SimpleNamespace(ok=False, reasons=("left_lung_missing", "field_of_view"), volumes_ml={}, heuristic=True)
    text = texts(organ_overlay_figure(ct, AFFINE, labels, bad))
    assert "check by eye (left lung missing, field of view; the organs are heuristic boxes)" in text
    assert "mL" not in text


def test_an_empty_mask_and_an_empty_scan_still_give_a_page() -> None:
    ct = np.full((10, 9, 8), -1000.0)
    figure = organ_overlay_figure(ct, np.diag([30.0, 30, 30, 1]), np.zeros(ct.shape, np.uint8), GOOD)
    assert all(panel.size > 0 for panel in panels(figure))


def test_other_shapes_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"labels must be of the scan's shape \(4, 4, 4\)"):
        organ_overlay_figure(np.zeros((4, 4, 4)), np.eye(4), np.zeros((4, 4, 5), int), GOOD)


def test_it_saves_a_png_and_opens_no_window(tmp_path: Path) -> None:
    save_organ_overlay(tmp_path / "a.png", chest()[0], AFFINE, chest()[1], GOOD, title="scan 7")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
