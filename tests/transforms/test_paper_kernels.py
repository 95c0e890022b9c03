"""Runs of voxels by hand and against the authors' steps: components of a slice, their volumes, and painted organs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from monai_pylon.transforms.paper_kernels import component_volumes, paint_organs, two_largest_runs
from tests.references.partition_paper import slice_mask


def planes(*pictures: tuple[str, ...]) -> np.ndarray:
    return np.array([[[c == "#" for c in row] for row in picture] for picture in pictures])


def runs_of(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start and stop of each run of a mask (S, A, R), and the first run of each row."""
    steps = np.diff(np.pad(mask.astype(int), [(0, 0), (0, 0), (1, 1)]), axis=2)
    begins = np.argwhere(steps == 1)
    first = np.searchsorted(begins[:, 0] * mask.shape[1] + begins[:, 1], np.arange(mask.shape[0] * mask.shape[1] + 1))
    return begins[:, 2], np.argwhere(steps == -1)[:, 2], first


def drawn(runs: tuple[np.ndarray, np.ndarray, np.ndarray], values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Draw a value for each run into a volume (S, A, R) of zeros."""
    volume = np.zeros(shape, dtype=int)
    for row, (begin, end) in zip(volume.reshape(-1, shape[2]), np.stack([runs[2][:-1], runs[2][1:]]).T, strict=True):
        for run in range(begin, end):
            row[runs[0][run] : runs[1][run]] = values[run]
    return volume


def test_runs_of_the_two_largest_components_of_each_plane() -> None:
    mask = planes(
        ("........", ".##..#..", "...#....", ".#....#.", "......#.", "........"),  # 3 by a corner, 1, 1 and 2
        ("#.......", "#..#....", "........", "........", "........", "........"),  # 2 at the border, and 1
    )
    start, stop, first = two_largest_runs(mask)
    assert list(zip(start.tolist(), stop.tolist(), strict=True)) == [(1, 3), (3, 4), (6, 7), (6, 7), (3, 4)]
    assert first.tolist() == [0, 0, 1, 2, 3, 4, 4, 4, 5, 5, 5, 5, 5]


def test_a_component_at_the_border_is_dropped_with_all_its_rows() -> None:
    (mask,) = planes(("...#....", "..##....", "..#.....", ".....##.", "........"))
    start, stop, _ = two_largest_runs(mask[None])
    assert list(zip(start.tolist(), stop.tolist(), strict=True)) == [(5, 7)]


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 1, 7), (2, 7, 1), (3, 8, 9), (3, 9, 8), (2, 20, 30)])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.4, 0.6, 1.0])
def test_planes_of_any_size_equal_the_authors_steps(shape: tuple[int, ...], share: float) -> None:
    mask = np.random.default_rng(0).random(shape) < share
    runs = two_largest_runs(mask)
    found = drawn(runs, np.ones(len(runs[0]), dtype=int), shape)
    np.testing.assert_array_equal(found, [slice_mask(np.where(plane, -800, 40)) for plane in mask])


def test_planes_of_as_many_runs_as_possible() -> None:
    """Stripes of one voxel, in an odd and an even number of columns: every plane adds as many runs as it has."""
    for columns in (9, 10):
        mask = np.zeros((5, 7, columns), dtype=bool)
        mask[:, 1:-1, 1 : columns - 1 : 2] = True
        runs = two_largest_runs(mask)
        np.testing.assert_array_equal(drawn(runs, np.ones(len(runs[0]), dtype=int), mask.shape), mask)


def test_volumes_of_components_connected_by_faces() -> None:
    mask = planes(
        (".....", ".##..", ".....", "....."),
        (".....", "..##.", "...#.", "....."),  # shares a face with the run above: 2 + 2 + 1
        (".....", "#....", "....#", "....."),  # touch by edges only: 1 and 1
    )
    assert component_volumes(*runs_of(mask), 4).tolist() == [5, 5, 5, 1, 1]


@pytest.mark.parametrize("shape", [(1, 1, 6), (1, 6, 5), (6, 1, 5), (4, 6, 7), (5, 12, 14)])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.35, 0.5, 1.0])
def test_volumes_equal_those_of_labeled_components(shape: tuple[int, ...], share: float) -> None:
    mask = np.random.default_rng(1).random(shape) < share
    runs = runs_of(mask)
    numbered, _ = ndimage.label(mask)
    sizes = np.bincount(numbered.ravel())
    sizes[0] = 0
    found = drawn(runs, component_volumes(*runs, shape[1]), shape)
    np.testing.assert_array_equal(found, sizes[numbered])


def test_organs_are_painted_over_the_box_of_the_mediastinum() -> None:
    labels = np.full((2, 2, 8), 9, dtype=np.uint8)
    first = np.array([0, 0, 0, 0, 1])  # one run, in the last row
    box, left = np.array([1, 2, 0, 2, 1, 7]), np.array([4, 8])
    paint_organs(labels, np.array([2]), np.array([6]), first, box, left)
    assert labels.tolist() == [[[0] * 8, [0] * 8], [[0, 2, 2, 2, 2, 2, 2, 0], [0, 2, 1, 1, 3, 3, 2, 0]]]


@pytest.mark.parametrize("left", [(0, 4), (4, 9), (2, 6)])
def test_painted_organs_equal_arrays(left: tuple[int, int]) -> None:
    lungs = np.random.default_rng(2).random((4, 5, 9)) < 0.4
    expected = np.zeros(lungs.shape, dtype=np.uint8)
    expected[1:3, 2:4, 3:8] = 2
    expected[lungs] = 1
    expected[..., slice(*left)][lungs[..., slice(*left)]] = 3
    labels = np.full(lungs.shape, 9, dtype=np.uint8)
    paint_organs(labels, *runs_of(lungs), np.array([1, 3, 2, 4, 3, 8]), np.array(left))
    np.testing.assert_array_equal(labels, expected)
