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


def test_finding_keeps_the_views_and_scores() -> None:
    found = finding_on_scan(
        "mass", 0.5, np.zeros((9, 8, 7)), cube(7, 6, 5), RAS, np.arange(3), np.arange(3) - 1, rank=2
    )
    assert (found.peak, found.rank, found.heights.tolist()) == ((7, 6, 5), 2, [0, 1, 2])
    assert len(found.found.views) == 5
    alone = finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), cube(7, 6, 5), RAS, np.arange(3))
    assert len(alone.heights) == len(alone.scores) == 0


@pytest.mark.parametrize("scored", [True, False])
def test_layout(scored: bool) -> None:
    curve = (np.arange(5.0), np.arange(5.0) - 1) if scored else (None, None)
    findings = [finding_on_scan(name, 0.5, cube(0, 0, 0), cube(4, 4, 4), LPS, *curve) for name in ("mass", "nodule")]
    figure = scan_findings_figure(findings, "scan", (25.6, 25.6, 2.4))
    check_layout("scan_findings" if scored else "scan_findings_without_scores", figure)
    assert "26 x 26 x 2.4 mm" in figure.texts[-1].get_text().replace("\n", " ")
    if scored:
        curve_axes = figure.axes[5]
        assert curve_axes.lines[1].get_ydata().tolist() == [0, 1, 2, 3, 4], "the height runs upwards"
        assert curve_axes.lines[1].get_xdata().tolist() == [-1, 0, 1, 2, 3]
        assert curve_axes.lines[0].get_xdata() == [0, 0], "the line of score zero"


@pytest.mark.parametrize(("probability", "said"), [(0.7311, True), (0.5, False)])
def test_the_note_says_how_scores_map_and_probability_relate_if_they_do(probability: float, said: bool) -> None:
    scores = np.arange(5.0) - 1  # their mean is 1
    finding = finding_on_scan("mass", probability, cube(0, 0, 0), cube(4, 4, 4), LPS, np.arange(5.0), scores)
    without = finding_on_scan("mass", probability, cube(0, 0, 0), cube(4, 4, 4), LPS)
    sentence = "The mean of a finding's slice scores gives its probability."
    notes = [scan_findings_figure(found).texts[-1].get_text() for found in ([finding], [finding, without], [without])]
    assert [sentence in note.replace("\n", " ") for note in notes] == [said, False, False]


def test_rows_are_as_high_as_their_views() -> None:
    tall = finding_on_scan("mass", 0.5, np.zeros((4, 8, 30)), np.zeros((4, 8, 30)), RAS)
    wide = finding_on_scan("mass", 0.5, np.zeros((30, 8, 4)), np.zeros((30, 8, 4)), RAS)
    heights = [axes.get_position().height for axes in scan_findings_figure([tall, wide]).axes]
    assert heights[0] / heights[6] == pytest.approx(30 / 4 / (8 / 8), rel=1e-3)


def test_rejects_maps_on_another_grid_and_no_finding() -> None:
    with pytest.raises(ValueError, match=r"evidence must be of the scan's shape \(9, 8, 7\)"):
        finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), np.zeros((3, 3, 3)), RAS)
    with pytest.raises(ValueError, match=r"ct must be of shape \(X, Y, Z\)"):
        finding_on_scan("mass", 0.5, np.zeros((9, 8)), np.zeros((9, 8)), RAS)
    with pytest.raises(ValueError, match="findings must be a sequence with at least one finding"):
        scan_findings_figure([])
