"""Spine: the canal and the front of the vertebrae, with and without a bright heart and aorta in front of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage

from monai_pylon.transforms.robust_masks import spine as spine_module
from monai_pylon.transforms.robust_masks.spine import (
    Spine,
    _best_path,
    _canal,
    _drops,
    _sides_with_bone,
    _vertebral_depth,
    behind_spine,
    find_spine,
)

X, Y = np.ogrid[:100, :80]


def chest(spacing: float = 3.0, contrast: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Draw a spine whose canal runs to the front, a heart 6 mm in front of it, an aorta beside it, and two lungs."""
    ct, lungs = np.full((100, 80, 40), 40.0), np.zeros((100, 80, 40), dtype=bool)
    for z in range(40):
        row = 15 + z / 8  # of the canal
        body, arch = np.hypot(X - 50, Y - row - 8) < 5, np.hypot(X - 50, Y - row) < 5
        heart = np.hypot(X - 48, Y - row - 27) < 12
        aorta = np.hypot(X - 43, Y - row - 12) < 3
        ct[:, :, z][heart | aorta] = 45.0 + contrast
        ct[:, :, z][(body | arch) & ~(np.hypot(X - 50, Y - row) < 2.5)] = 400.0
        lungs[:, :, z] = (np.abs(X - 50) > 18) & (np.abs(X - 50) < 45) & (Y > 12) & (Y < 65)
    ct[lungs] = -850.0
    return ct, lungs


@pytest.mark.parametrize("contrast", [0.0, 150.0, 255.0, 455.0])
def test_contrast_does_not_move_the_spine(contrast: float) -> None:
    ct, lungs = chest(contrast=contrast)
    spine = find_spine(ct, lungs, (3.0, 3.0, 3.0))
    rows = 15 + np.arange(40) / 8
    assert np.abs(spine.canal[:, 0] - 50).max() < 1.5
    assert np.abs(spine.canal[:, 1] - rows).max() < 1.5
    assert np.abs(spine.depth - 3 * 13).max() <= 5  # the body ends 13 voxels of 3 mm in front of the canal


def test_the_region_holds_the_vertebrae_and_leaves_heart_and_aorta() -> None:
    ct, lungs = chest()
    spine = find_spine(ct, lungs, (3.0, 3.0, 3.0))
    region = behind_spine(spine, ct.shape, (3.0, 3.0, 3.0))
    assert region[ct == 400.0].mean() > 0.95
    assert region[ct == 45.0].mean() < 0.1


def test_without_lungs_or_bone_there_is_no_spine() -> None:
    ct, lungs = chest()
    assert find_spine(ct, np.zeros_like(lungs), (3.0, 3.0, 3.0)) is None
    assert find_spine(np.where(ct == 400.0, 40.0, ct), lungs, (3.0, 3.0, 3.0)) is None


@pytest.mark.parametrize("steps", [1, 2])
def test_no_path_with_such_steps_has_a_higher_sum(steps: int) -> None:
    for seed in range(5):
        score = np.random.default_rng(seed).integers(0, 20, (4, 3, 4)).astype(float)
        path = _best_path(score, steps)
        assert np.abs(np.diff(path, axis=0)).max() <= steps
        places = list(itertools.product(range(4), range(3)))
        best = {place: score[(*place, 0)] for place in places}
        for k in range(1, 4):
            best = {
                (a, b): score[a, b, k] + max(best[c, d] for c, d in places if max(abs(a - c), abs(b - d)) <= steps)
                for a, b in places
            }
        assert score[path[:, 0], path[:, 1], np.arange(4)].sum() == max(best.values())


@pytest.mark.parametrize(
    ("spacing", "ranges", "length"),
    [
        ((2.0, 5.0, 40.0), ((2, 9), (1, 4)), 1),  # 4 to 18 mm on each side; the mean over 10 mm up and down
        ((10.0, 3.0, 4.0), ((1, 2), (1, 6)), 5),  # at least one voxel
    ],
)
def test_sides_with_bone_against_a_loop(spacing, ranges, length) -> None:
    ct = np.random.default_rng(0).choice([-101.0, -100.0, -99.0, 60.0, 120.0, 180.0, 200.0, 201.0], (13, 9, 5))
    expected = np.zeros(ct.shape)
    for x, y, z in np.ndindex(ct.shape):
        right, front = (range(near, far + 1) for near, far in ranges)
        sides = (
            [(x + a, y) for a in right if x + a < 13],
            [(x - a, y) for a in right if x - a >= 0],
            [(x, y + a) for a in front if y + a < 9],
            [(x, y - a) for a in front if y - a >= 0],
        )
        likely = {-99.0: 1.0, 60.0: 1.0, 120.0: 0.75}.get(ct[x, y, z], 0.0)
        expected[x, y, z] = likely * sum(any(ct[a, b, z] == 201.0 for a, b in side) for side in sides)
    expected = ndimage.uniform_filter(expected, (3, 3, length), mode="nearest")
    np.testing.assert_allclose(_sides_with_bone(ct, spacing), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("lungs_at", "first", "last"),
    [
        # 60 mm of 4 mm are 15 voxels beside the middle, 50.5; 40 mm of 5 mm are 8 behind row 30; the middle row is 45
        ((slice(20, 82), slice(30, 62), slice(3, 8)), (35, 22, 3), (65, 45, 7)),
        ((slice(0, 11), slice(3, 20), slice(0, 2)), (0, 0, 0), (20, 11, 1)),
    ],
)
def test_the_canal_is_searched_behind_and_between_the_lungs(lungs_at, first, last, monkeypatch) -> None:
    searched: list[np.ndarray] = []

    def every_voxel(window: np.ndarray, spacing: object) -> np.ndarray:
        searched.append(window)
        return np.full(window.shape, 2.0)

    monkeypatch.setattr(spine_module, "_sides_with_bone", every_voxel)
    lungs = np.zeros((90, 70, 9), dtype=bool)
    lungs[lungs_at] = True
    ct = np.arange(lungs.size).reshape(lungs.shape)
    levels = np.arange(first[2], last[2] + 1)
    canal = _canal(ct, lungs, levels, (4.0, 5.0, 6.0))
    np.testing.assert_array_equal(searched[0], ct[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))])
    np.testing.assert_allclose(canal, np.tile(first[:2], (len(levels), 1)))  # the rearmost of equal tubes


def canal_of(sides: np.ndarray, spacing: tuple[float, float, float], monkeypatch) -> np.ndarray | None:
    """Find the canal (K, 2) in the first voxels of a volume, of which the sides with bone are given."""
    monkeypatch.setattr(spine_module, "_sides_with_bone", lambda window, spacing: sides)
    lungs = np.ones((2 * sides.shape[0], 2 * sides.shape[1], sides.shape[2]), dtype=bool)
    return _canal(np.zeros(lungs.shape), lungs, np.arange(sides.shape[2]), spacing)


def test_two_sides_with_bone_on_average_make_a_canal(monkeypatch) -> None:
    sides = np.zeros((3, 3, 2))
    sides[1, 2] = 2.5, 1.5
    np.testing.assert_allclose(canal_of(sides, (3.0, 3.0, 3.0), monkeypatch), [[1, 2], [1, 2]])
    sides[1, 2] = 2.5, 1.4
    assert canal_of(sides, (3.0, 3.0, 3.0), monkeypatch) is None


@pytest.mark.parametrize(("more", "row"), [(0.44, 0), (0.46, 10)])
def test_30_mm_to_the_front_cost_045_sides(more: float, row: int, monkeypatch) -> None:
    sides = np.zeros((2, 12, 3))
    sides[1, 0], sides[1, 10] = 2.0, 2.0 + more
    np.testing.assert_allclose(canal_of(sides, (2.0, 3.0, 5.0), monkeypatch), [[1, row]] * 3)


@pytest.mark.parametrize(("edge", "steps"), [(1.0, 1), (6.0, 2), (9.0, 3)])
def test_the_canal_moves_as_far_as_the_slices_are_apart_and_is_smoothed(edge: float, steps: int, monkeypatch) -> None:
    for step, first in ((steps, 0), (steps + 1, 1)):  # the second starts at the nearest voxel that it may
        sides = np.zeros((9, 2, 2))
        sides[0, 0, 0], sides[step, 0, 1] = 4.0, 5.0
        expected = ndimage.gaussian_filter1d(np.array([first, step], dtype=float), 10 / edge, mode="nearest")
        canal = canal_of(sides, (2.0, 3.0, edge), monkeypatch)
        np.testing.assert_allclose(canal, np.stack([expected, np.zeros(2)], axis=1))


def test_drops_against_a_loop() -> None:
    """Voxels of 3 by 1 mm: rays 3 voxels to each side of a canal between two columns, and a mean of 6 mm each way."""
    ct = np.random.default_rng(0).uniform(-300, 600, (12, 80, 3)) - 600 * (np.arange(80) > 50)[:, None]
    canal = np.array([[5.5, 4.0], [6.0, 6.0]])
    columns = [(ct[2:9, :, 1] + ct[3:10, :, 1]) / 2, ct[3:10, :, 2]]
    found = _drops(ct, canal, np.array([1, 2]), (3.0, 1.0, 2.0))
    assert found.shape == (2, 64)
    for k, row in ((0, 4), (1, 6)):
        profile = np.percentile(np.clip(columns[k][:, row:], -100, 400), 30, axis=0)
        for depth in range(64):
            drop = profile[depth - 6 : depth].mean() - profile[depth : depth + 6].mean() if depth >= 6 else 0.0
            assert found[k, depth] == pytest.approx(min(max(drop, 0.0), 150.0))
    assert (found == 150.0).any()


def depths_of(*levels: dict[int, float], edge: float = 100.0) -> list[float]:
    """Find the front of the vertebrae on levels from 7 on, given the drops in HU by depth in mm."""
    drops = np.zeros((len(levels), 64))
    for k, level in enumerate(levels):
        for depth, drop in level.items():
            drops[k, depth] = drop
    return _vertebral_depth(drops, 7 + np.arange(len(levels)), (1.0, 1.0, edge)).tolist()


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (({17: 150, 50: 140},), [50]),  # at the lowest slice 18 to 52 mm
        (({18: 150, 50: 140},), [18]),
        (({52: 150, 20: 140},), [52]),
        (({53: 150, 20: 140},), [20]),
        (({50: 150, 30: 140}, {49: 150, 25: 140}), [30, 25]),  # 100 mm higher 2 to 10 mm less
        (({50: 150, 30: 140}, {48: 150, 25: 140}), [50, 48]),
        (({50: 150, 30: 140}, {40: 150, 25: 140}), [50, 40]),
        (({50: 150, 30: 140}, {39: 150, 25: 140}), [30, 25]),
        (({18: 150, 50: 100}, {14: 150, 40: 100}), [18, 14]),  # but at least 14 mm
        (({10: 150, 25: 104.9},), [10]),  # 15 mm beside the line cost 0.3 * 150 HU, 18 mm 0.432 * 150 HU
        (({10: 150, 25: 105.1},), [25]),
        (({10: 150, 28: 85.1},), [10]),
        (({10: 150, 28: 85.3},), [28]),
    ],
)
def test_the_front_follows_the_best_line(levels, expected) -> None:
    """Slices 100 mm apart are not smoothed, and the front may move by 30 mm between them."""
    assert depths_of(*levels) == expected


def test_the_front_is_smoothed_over_10_mm() -> None:
    """The lowest of slices 10 mm apart counts itself 0.4 + 0.3, as the slices below it are taken to be the same."""
    assert depths_of({30: 150}, {27: 150}, {27: 150}, edge=10.0) == [30, 27, 27]
    assert depths_of({31: 150}, {27: 150}, {27: 150}, edge=10.0) == [27, 27, 27]  # 4 mm are too far for one slice


@pytest.mark.parametrize(("edge", "steps"), [(1.5, 1), (5.0, 2), (10.0, 3)])
def test_the_front_moves_by_03_mm_for_each_mm(edge: float, steps: int, monkeypatch) -> None:
    used = []
    monkeypatch.setattr(
        spine_module, "_best_path", lambda score, steps: used.append(steps) or np.zeros((score.shape[-1], 1), dtype=int)
    )
    depths_of({30: 150}, {30: 150}, edge=edge)
    assert used == [steps]


def test_the_spine_runs_through_slices_without_lungs_between_others() -> None:
    x, y = np.ogrid[:60, :40]
    drawn = (np.hypot(x - 30, y - 14) < 5) | (np.hypot(x - 30, y - 6.5) < 5)
    ct = np.repeat(np.where(drawn & (np.hypot(x - 30, y - 6.5) > 2.5), 500.0, 40.0)[:, :, None], 12, axis=2)
    lungs = np.zeros(ct.shape, dtype=bool)
    lungs[5:22, 5:35, 2:5] = lungs[38:55, 5:35, 7:10] = True
    found = find_spine(ct, lungs, (4.0, 4.0, 4.0))
    assert found.levels.tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert found.canal.shape == (8, 2)
    assert found.depth.shape == (8,)


def test_half_an_ellipse_of_48_mm_ends_at_the_front_of_the_vertebra() -> None:
    spine = Spine(np.array([1, 2]), np.array([[20.0, 5.0], [22.0, 5.0]]), np.array([30.0, 42.0]))
    behind = behind_spine(spine, (41, 50, 4), (2.0, 1.0, 3.0))
    rows = behind.sum(axis=1)
    assert not rows[:, [0, 3]].any()
    # 5 rows to the canal, 12 mm to the rear end of the body, which is 18 mm deep; at half the width sqrt(3) / 2 of it
    assert rows[[0, 8, 14, 20, 26, 32, 40], 1].tolist() == [17, 17, 33, 35, 33, 17, 17]
    assert rows[[10, 16, 22, 28, 34], 2].tolist() == [17, 43, 47, 43, 17]
