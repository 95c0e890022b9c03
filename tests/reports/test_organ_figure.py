"""Figure of organ masks: radiological display, scale, crop, verdict, volumes and layout."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from monai_pylon.reports import ORGAN_COLORS
from monai_pylon.reports.organ_figure import organ_overlay_figure, save_organ_overlay
from tests.reports.figure_layout import check_layout

AFFINE = np.diag([-3.0, -3.0, 5.0, 1.0])  # LPS: the first axis runs to the patient's left
GOOD = SimpleNamespace(
    ok=True, reasons=(), volumes_ml={"right lung": 2345.4, "mediastinum": 900.0, "left lung": 1999.6}, heuristic=False
)


def chest(shape=(100, 80, 60)) -> tuple[np.ndarray, np.ndarray]:
    """Make a block of tissue with a box for each lung and the mediastinum between them; the right lung has lower x."""
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
    """Return the columns that contain the outline of an organ."""
    return np.flatnonzero((panel == np.float32(ORGAN_COLORS[organ])).all(axis=-1).any(axis=0))


def texts(figure) -> str:
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    return "\n".join([text.get_text() for text in figure.texts] + legend)


def test_shows_the_right_lung_on_the_left() -> None:
    figure = organ_overlay_figure(chest()[0], AFFINE, chest()[1], GOOD, title="scan 7")
    assert len(figure.axes) == 6
    for axes, panel in zip(figure.axes, panels(figure), strict=True):
        right, middle, left = (columns_of(panel, organ) for organ in ORGAN_COLORS)
        assert right.max() < middle.min() <= middle.max() < left.min()
        letters = {text.get_text(): text.get_position()[0] for text in axes.texts}
        assert letters["R"] < 0.5 < letters["L"]


def test_is_true_to_scale() -> None:
    """Every panel has the same scale in both directions, and all panels have the same width."""
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


def test_layout() -> None:
    check_layout("organ_overlay", organ_overlay_figure(chest()[0], AFFINE, chest()[1], GOOD, title="scan 7"))


def test_cuts_at_shares_of_the_extent_of_the_lungs() -> None:
    """The lung spans slices 10 to 50 and rows 20 to 60; the gray value of a voxel tells its slice or row."""
    labels = np.zeros((100, 80, 60), np.uint8)
    labels[20:40, 20:61, 10:51] = 1
    shown = []
    for axis in (2, 1):
        shape = [-1 if number == axis else 1 for number in range(3)]
        ct = np.broadcast_to(np.arange(labels.shape[axis]).reshape(shape) * 20.0 - 1100, labels.shape)
        pixels = [panel[panel.shape[0] // 2, 0, 0] for panel in panels(organ_overlay_figure(ct, AFFINE, labels, GOOD))]
        shown.append([round(float(pixel) * 1600 / 20) for pixel in pixels])
    assert shown[0][:3] == [40, 30, 20], "axial: upper, middle, lower"
    assert shown[1][3:] == [32, 40, 48], "coronal: front, middle, back; rows run to the back in LPS"


def test_crops_to_the_body_and_not_to_the_labels() -> None:
    """A lung that the masks miss stays in the figure."""
    ct, labels = chest()
    labels[labels == 3] = 0
    widths = {panel.shape[1] * 0.75 for panel in panels(organ_overlay_figure(ct, AFFINE, labels, GOOD))}
    assert min(widths) >= 80 * 3  # the body
    assert max(widths) < 100 * 3  # the field of view


def test_crop_ignores_air_and_a_thin_table_top() -> None:
    """Voxels at the threshold are no soft tissue, and slices with a tenth of the tissue of others are no body."""
    ct, labels = chest()
    ct[:, :, 40:], labels[:, :, 40:] = -1000, 0
    widths = {panel.shape[1] for panel in panels(organ_overlay_figure(ct, AFFINE, labels, GOOD))}
    ct[91, 10:70, 0] = 40
    ct[(ct == -1000) & (np.arange(60) > 0)] = -200
    assert {panel.shape[1] for panel in panels(organ_overlay_figure(ct, AFFINE, labels, GOOD))} == widths


def test_crops_around_a_body_off_center() -> None:
    ct, labels = chest()
    ct[60:], labels[60:] = -1000, 0
    for panel in panels(organ_overlay_figure(ct, AFFINE, labels, GOOD)):
        assert np.ptp(columns_of(panel, "right lung")) + 1 == pytest.approx(60 / 0.75, abs=2), "all of the lung"


def test_interpolates_gray_values_linearly() -> None:
    ct, labels = chest()
    for panel in panels(organ_overlay_figure(10 * ct, AFFINE, 0 * labels, GOOD)):
        assert panel.min() >= 0
        assert panel.max() <= 1


def test_states_verdict_and_volumes() -> None:
    ct, labels = chest()
    good = texts(organ_overlay_figure(ct, AFFINE, labels, GOOD, title="scan 7"))
    assert "scan 7" in good
    assert "Quality: ok (plausible shape; dense lung and masses not judged)" in good
    assert "right lung  2,345 mL" in good
    assert "left lung  2,000 mL" in good
    bad = SimpleNamespace(ok=False, reasons=("left_lung_missing", "field_of_view"), volumes_ml={}, heuristic=True)
    text = texts(organ_overlay_figure(ct, AFFINE, labels, bad))
    assert "Quality: check by eye (left lung missing, field of view; the organs are heuristic boxes)" in text
    assert "mL" not in text
    assert "Quality: check by eye (no reason given)" in texts(
        organ_overlay_figure(ct, AFFINE, labels, SimpleNamespace(ok=False, reasons=(), volumes_ml={}, heuristic=False))
    )
    remark = SimpleNamespace(ok=True, reasons=("thick_slices",), volumes_ml={}, heuristic=False)
    shown = texts(organ_overlay_figure(ct, AFFINE, labels, remark))
    assert "Quality: ok (plausible shape; dense lung and masses not judged; thick slices)" in shown


def test_draws_an_empty_scan_with_empty_masks() -> None:
    ct = np.full((10, 9, 8), -1000.0)
    figure = organ_overlay_figure(ct, np.diag([30.0, 30, 30, 1]), np.zeros(ct.shape, np.uint8), GOOD)
    assert all(panel.size > 0 for panel in panels(figure))


def test_rejects_labels_of_another_shape() -> None:
    with pytest.raises(ValueError, match=r"labels must be of the scan's shape \(4, 4, 4\)"):
        organ_overlay_figure(np.zeros((4, 4, 4)), np.eye(4), np.zeros((4, 4, 5), int), GOOD)
    with pytest.raises(ValueError, match=r"ct must be of shape \(X, Y, Z\)"):
        organ_overlay_figure(np.zeros((4, 4)), np.eye(4), np.zeros((4, 4), int), GOOD)


def test_saves_a_png(tmp_path: Path) -> None:
    save_organ_overlay(tmp_path / "a.png", chest()[0], AFFINE, chest()[1], GOOD, title="scan 7")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
