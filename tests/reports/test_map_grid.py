"""Rows of images with maps: colors where the map is, titles, shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.reports.map_grid import MapPanel, map_grid_figure


def pixels(figure, panel: int) -> np.ndarray:
    return np.asarray(figure.axes[panel].images[0].get_array())


def test_only_the_strong_positive_part_is_colored() -> None:
    gray, map = np.full((4, 4), 0.5), torch.tensor([[-9.0, 0.0], [0.1, 2.0]])
    figure = map_grid_figure([[MapPanel(gray, map), MapPanel(gray, None), MapPanel(gray, -map.abs())]])
    painted = pixels(figure, 0)
    np.testing.assert_allclose(painted[:2, 0], 0.5, atol=1e-6)
    assert painted[3, 3, 0] > painted[3, 3, 2] + 0.3
    for other in (1, 2):
        np.testing.assert_allclose(pixels(figure, other), 0.5, atol=1e-6)


def test_titles_of_columns_stand_in_the_first_row() -> None:
    color = MapPanel(np.zeros((2, 3, 3)), np.eye(2), "cat")
    figure = map_grid_figure([[color, color], [color, color]], ["a", "b"], "title", note="")
    assert [axes.get_title() for axes in figure.axes] == ["a\ncat", "b\ncat", "cat", "cat"]


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ([], (), "rows must be with at least one panel"),
        ([[MapPanel(np.zeros((2, 2)), None)], []], (), "rows must be of 1 panels each"),
        ([[MapPanel(np.zeros((2, 2)), None)]], ("a", "b"), "columns must be 1 texts"),
        ([[MapPanel(np.zeros((2, 2, 4)), None)]], (), "image must be of shape"),
        ([[MapPanel(np.zeros((2, 2)), np.zeros(3))]], (), "map must be of shape"),
    ],
)
def test_other_shapes_are_refused(rows, columns, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        map_grid_figure(rows, columns)
