"""Tests of the slice grid: rounding is no problem; gaps, copies, shifts and tilt are."""

from __future__ import annotations

import re

import numpy as np
import pytest

from monai_pylon.data.slice_grid import fit_slice_grid, rounding_step

UP = np.array([0.0, 0.0, 1.0])


def positions(heights: np.ndarray | list[float], slide: float = 0.0) -> np.ndarray:
    heights = np.asarray(heights, dtype=np.float64)
    return np.stack([slide * heights, np.zeros_like(heights), heights], axis=1)


@pytest.mark.parametrize("spacing", [0.33, 0.625, 0.7, 1.25, 3.0])
def test_rounded_positions_lie_on_an_even_grid(spacing: float) -> None:
    """The rounding errors do not add up: the fitted spacing is that before the rounding."""
    grid = fit_slice_grid(positions(np.round(np.arange(300) * spacing - 37.77, 1)), UP, rounding=0.1)
    assert grid.problem == ""
    assert grid.step == pytest.approx([0, 0, spacing], abs=1e-3)


def test_slices_are_sorted_along_their_normal() -> None:
    heights = np.array([10.0, 0.0, 15.0, 5.0])
    grid = fit_slice_grid(positions(heights), UP)
    assert heights[grid.order].tolist() == [0, 5, 10, 15]
    assert grid.origin == pytest.approx([0, 0, 0], abs=1e-12)
    downwards = fit_slice_grid(positions(heights), -UP)
    assert heights[downwards.order].tolist() == [15, 10, 5, 0]
    assert downwards.step == pytest.approx([0, 0, -5])


@pytest.mark.parametrize(
    ("heights", "message"),
    [
        ([0, 5, 10, 20, 25], r"5\.00 to 10\.00 mm apart\. Look for missing slices or duplicates after 10\.0 mm"),
        ([0, 5, 5, 10, 15], r"0\.00 to 5\.00 mm apart"),
        ([3, 3, 3], "after the first"),
        ([*range(0, 50, 5), *np.arange(50, 80, 5.5)], "mm apart"),
    ],
)
def test_uneven_slices_are_a_problem(heights: list[float], message: str) -> None:
    assert re.search(message, fit_slice_grid(positions(heights), UP).problem)


@pytest.mark.parametrize(("slices", "problem"), [(6, False), (10, True)])
def test_a_spacing_that_changes_along_the_series(slices: int, problem: bool) -> None:
    """5.00 mm, then 5.15 mm: 2.4 and 3.9 times the tolerance of 0.1 mm off the fitted grid; 3 times are accepted."""
    heights = np.concatenate([[0.0], np.cumsum([5.0] * slices + [5.15] * slices)])
    assert ("changes along the series" in fit_slice_grid(positions(heights), UP).problem) == problem


def test_one_gap_may_differ_by_one_step_of_rounding_and_some_percent() -> None:
    """5 mm in steps of 0.1 mm: 2 * (0.05 + 0.1) = 0.3 mm."""
    assert fit_slice_grid(positions([0, 5, 10, 15.25, 20.25, 25.25]), UP, rounding=0.1).problem == ""
    assert "mm apart" in fit_slice_grid(positions([0, 5, 10, 15.4, 20.4, 25.4]), UP, rounding=0.1).problem


def test_slices_shifted_sideways_are_a_problem() -> None:
    shifted = positions(np.arange(60) * 3.0)
    shifted[20:50, 0] += 40
    assert "shifted sideways" in fit_slice_grid(shifted, UP).problem
    shifted[20:50, 0] -= 39.95
    assert fit_slice_grid(shifted, UP, rounding=0.1).problem == ""


def test_one_displaced_slice_is_a_problem() -> None:
    displaced = positions([0, 5, 10])
    displaced[0, 1] = 3.0
    assert "shifted sideways by up to 1.0 mm" in fit_slice_grid(displaced, UP).problem


@pytest.mark.parametrize(("slide", "tilted"), [(0.049, False), (0.051, True)])
def test_tilt_of_more_than_3_degrees_is_a_problem(slide: float, tilted: bool) -> None:
    assert ("tilted by 2.9 degrees" in fit_slice_grid(positions([10, 15, 20], slide), UP).problem) == tilted


def test_one_slice_has_no_step() -> None:
    grid = fit_slice_grid(positions([7.0]), UP)
    assert grid.problem == ""
    assert grid.origin.tolist() == [0, 0, 7]
    assert not grid.step.any()


def test_rounding_step_is_that_of_the_most_decimals() -> None:
    assert rounding_step(["1", "-2"]) == 1
    assert rounding_step(["1.5", "-2.25", "3"]) == pytest.approx(0.01)
    assert rounding_step(["1.25e+1"]) == pytest.approx(0.1)
    assert rounding_step(["1.5e-1"]) == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("gaps", "problem"),
    [
        ([50, 52, 50, 48, 50], ""),  # at 50 mm the tolerance is 1 mm, and a gap may differ by twice as much
        ([50, 52.5, 50, 47.5, 50], "mm apart"),
        ([52, 52, 51, 48, 49, 48, 49, 51], ""),  # exactly three times the tolerance from the fitted line
        ([52, 52, 52, 48, 48, 48, 50, 50], "changes along the series"),
    ],
)
def test_limits_of_the_heights(gaps: list[float], problem: str) -> None:
    found = fit_slice_grid(positions(np.concatenate([[0.0], np.cumsum(gaps)])), UP).problem
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(("sideways", "shifted"), [(2.0, False), (2.125, True)])
def test_limit_of_a_shift_to_the_side(sideways: float, shifted: bool) -> None:
    """The four slices at the ends lie 2 mm from the line, twice the tolerance of 1 mm."""
    moved = positions(np.arange(8) * 50.0)
    moved[[0, 1, 6, 7], 1] = 2 * sideways
    assert ("shifted sideways" in fit_slice_grid(moved, UP).problem) is shifted


def test_at_most_five_places_are_named() -> None:
    problem = fit_slice_grid(
        positions([0, 5, 10, 12, 17, 19, 24, 26, 31, 33, 38, 40, 45, 47, 52, 57, 62, 67]), UP
    ).problem
    assert problem.endswith("duplicates after 10.0 mm, 17.0 mm, 24.0 mm, 31.0 mm, 38.0 mm.")
