"""Runs of voxels by hand: the two largest components of a slice, volumes of components, and painted organs."""

from __future__ import annotations

import numpy as np

from monai_pylon.transforms.paper_kernels import component_volumes, paint_organs, two_largest_runs


def planes(*pictures: tuple[str, ...]) -> np.ndarray:
    return np.array([[[c == "#" for c in row] for row in picture] for picture in pictures])


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


def test_volumes_of_components_connected_by_faces() -> None:
    mask = planes(
        (".....", ".##..", ".....", "....."),
        (".....", "..##.", "...#.", "....."),  # shares a face with the run above: 2 + 2 + 1
        (".....", "#....", "....#", "....."),  # touch by edges only: 1 and 1
    )
    rows = np.argwhere(np.diff(np.pad(mask, [(0, 0), (0, 0), (1, 1)]).astype(int), axis=2) == 1)
    stops = np.argwhere(np.diff(np.pad(mask, [(0, 0), (0, 0), (1, 1)]).astype(int), axis=2) == -1)
    first = np.searchsorted(rows[:, 0] * 4 + rows[:, 1], np.arange(13))
    assert component_volumes(rows[:, 2], stops[:, 2], first, 4).tolist() == [5, 5, 5, 1, 1]


def test_organs_are_painted_over_the_box_of_the_mediastinum() -> None:
    labels = np.full((2, 2, 8), 9, dtype=np.uint8)
    first = np.array([0, 0, 0, 0, 1])  # one run, in the last row
    box, left = np.array([1, 2, 0, 2, 1, 7]), np.array([4, 8])
    paint_organs(labels, np.array([2]), np.array([6]), first, box, left)
    assert labels.tolist() == [[[0] * 8, [0] * 8], [[0, 2, 2, 2, 2, 2, 2, 0], [0, 2, 1, 1, 3, 3, 2, 0]]]
