"""Figures of chest CTs: position of the cuts, radiological display and layout."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports.chest_ct_figure import finding_on_scan, scan_findings_figure
from tests.reports.figure_layout import check_layout

LPS = np.diag([-10.0, -10.0, 10.0, 1.0])
RAS = np.diag([10.0, 10.0, 10.0, 1.0])


def cube(*voxel: int, value: float = 2.0) -> np.ndarray:
    heat = np.full((9, 8, 7), -1.0)
    heat[voxel] = value
    return heat


@pytest.mark.parametrize(("affine", "voxel"), [(RAS, (7, 6, 5)), (LPS, (1, 1, 5))])
def test_cuts_at_the_peak_in_radiological_display(affine: np.ndarray, voxel: tuple[int, ...]) -> None:
    found = finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), cube(*voxel), affine)
    assert found.peak == voxel
    for plane, rows in (("axial", 80), ("coronal", 70)):
        gray, heat = found.panels[plane]
        assert gray.shape == heat.shape == (rows, 90), "pixels of 1 mm"
        assert 0.85 < heat.max() <= 1, "interpolated"
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        assert 10 <= column < 20, "the second voxel from the left"
        assert 10 <= row < 20, "the second voxel from above"


def test_does_not_paint_negative_evidence() -> None:
    found = finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), np.full((9, 8, 7), -1.0), RAS)
    assert all(not heat.any() for _, heat in found.panels.values())


def test_heat_is_relative_to_its_maximum() -> None:
    heat = np.full((9, 8, 7), 4.0)
    heat[:, :, 3:] = 1.0
    finding = finding_on_scan("mass", 0.5, np.full((9, 8, 7), -300.0), heat, RAS)
    gray, coronal = finding.panels["coronal"]
    np.testing.assert_allclose(gray, 0.5)
    np.testing.assert_allclose(coronal[[0, -1], 0], [0.25, 1.0])
    np.testing.assert_allclose(finding.panels["axial"][1], 1.0)


def test_cuts_volumes_of_one_slice() -> None:
    assert finding_on_scan("mass", 0.5, np.zeros((9, 8, 1)), np.zeros((9, 8, 1)), RAS).peak == (0, 0, 0)


@pytest.mark.parametrize("scored", [True, False])
def test_layout(scored: bool) -> None:
    curve = (np.arange(5.0), np.arange(5.0) - 1) if scored else (None, None)
    findings = [finding_on_scan(name, 0.5, cube(0, 0, 0), cube(4, 4, 4), LPS, *curve) for name in ("mass", "nodule")]
    figure = scan_findings_figure(findings, "scan")
    check_layout("scan_findings" if scored else "scan_findings_without_scores", figure)
    if scored:
        curve_axes = figure.axes[2]
        assert curve_axes.lines[1].get_xdata().tolist() == [0, 1, 2, 3, 4]
        assert curve_axes.lines[1].get_ydata().tolist() == [-1, 0, 1, 2, 3]
        assert curve_axes.lines[0].get_ydata() == [0, 0], "the line of score zero"
        assert curve_axes.xaxis.label.get_fontsize() == 9
        assert curve_axes.xaxis.get_major_ticks()[0].label1.get_fontsize() == 8


def test_contour_is_at_half_of_the_maximum() -> None:
    finding = finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), cube(4, 4, 3), RAS)
    axial = scan_findings_figure([finding]).axes[0]
    assert axial.collections[0].levels.tolist() == [0.5]
    flat = finding._replace(panels={plane: (gray, np.ones_like(gray)) for plane, (gray, _) in finding.panels.items()})
    half = finding._replace(
        panels={plane: (gray, 0.5 * np.eye(*gray.shape)) for plane, (gray, _) in finding.panels.items()}
    )
    for other in (flat, half):
        assert not scan_findings_figure([other]).axes[0].collections


def test_height_follows_the_tallest_panel() -> None:
    """Columns of different aspect share the rows; only a scored finding has a curve."""
    tall = finding_on_scan("mass", 0.5, np.zeros((4, 8, 7)), np.zeros((4, 8, 7)), RAS, np.arange(3.0), np.arange(3.0))
    wide = finding_on_scan("mass", 0.5, np.zeros((8, 4, 7)), np.zeros((8, 4, 7)), RAS)
    figure = scan_findings_figure([tall, wide])
    assert len(figure.axes) == 5
    alone = scan_findings_figure([tall, tall])
    assert figure.get_size_inches()[1] == alone.get_size_inches()[1]


def test_rejects_maps_on_another_grid_and_no_finding() -> None:
    with pytest.raises(ValueError, match=r"heat must be of the scan's shape \(9, 8, 7\)"):
        finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), np.zeros((3, 3, 3)), RAS)
    with pytest.raises(ValueError, match=r"ct must be of shape \(X, Y, Z\)"):
        finding_on_scan("mass", 0.5, np.zeros((9, 8)), np.zeros((9, 8)), RAS)
    with pytest.raises(ValueError, match="findings must be a sequence with at least one finding"):
        scan_findings_figure([])
