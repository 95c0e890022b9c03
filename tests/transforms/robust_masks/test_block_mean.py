"""Block means against a loop, spreading as their inverse, and the lungs' edge on the scan's own voxels."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monai_pylon.transforms.robust_masks.block_mean import block_factors, block_mean, draw_edge, spread_blocks
from tests.references.morphology import slow_block_mean

shapes = st.tuples(*[st.integers(1, 9)] * 3)
factors_ = st.tuples(*[st.integers(1, 4)] * 3)


@pytest.mark.parametrize(
    ("spacing", "factors"),
    [
        ((0.5, 0.5, 0.5), (4, 4, 4)),  # 2.2 / 0.5 = 4.4
        ((0.8, 0.7, 1.25), (3, 3, 2)),
        ((1.4, 1.5, 2.0), (2, 1, 1)),  # 1.57 and 1.47: the nearest whole number
        ((2.2, 5.0, 10.0), (1, 1, 1)),  # never less than a voxel
    ],
)
def test_blocks_are_about_2_mm(spacing, factors) -> None:
    assert block_factors(spacing) == factors


def test_means_by_hand() -> None:
    volume = np.array([[[0, 2, 10]], [[4, 6, 20]], [[1, 1, 7]]], dtype=np.int16)
    means = block_mean(volume, (2, 1, 2))
    np.testing.assert_array_equal(means, [[[3, 15]], [[1, 7]]])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=shapes,
    factors=factors_,
    axes=st.permutations(range(3)),
    flips=st.sets(st.integers(0, 2)),
    dtype=st.sampled_from([np.int16, np.uint8, np.float32, np.float64]),
)
def test_means_equal_a_loop_in_any_memory_order(seed, shape, factors, axes, flips, dtype) -> None:
    stored = np.random.default_rng(seed).integers(0, 200, shape).astype(dtype)
    volume = np.flip(stored.transpose(axes), tuple(flips))
    before = volume.copy()
    means = block_mean(volume, factors)
    assert means.dtype == np.float32
    assert means.flags.c_contiguous
    np.testing.assert_allclose(means, slow_block_mean(volume, factors), rtol=1e-6)
    np.testing.assert_array_equal(volume, before)


def test_means_of_the_largest_hu_do_not_overflow() -> None:
    assert block_mean(np.full((4, 4, 4), 32_000, dtype=np.int16), (4, 4, 4)).item() == 32_000


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), shape=shapes, factors=factors_)
def test_means_of_spread_blocks_are_the_blocks(seed, shape, factors) -> None:
    size = tuple(-(-n // factor) for n, factor in zip(shape, factors, strict=True))
    blocks = np.random.default_rng(seed).integers(-1000, 1000, size).astype(np.float32)
    spread = spread_blocks(blocks, factors, shape)
    assert spread.shape == shape
    np.testing.assert_allclose(block_mean(spread, factors), blocks, rtol=1e-6)


def test_spreading_by_hand_on_a_plane() -> None:
    spread = spread_blocks(np.array([[1, 2], [3, 4]], dtype=np.uint8), (3, 2), (4, 3))
    assert spread.tolist() == [[1, 1, 2], [1, 1, 2], [1, 1, 2], [3, 3, 4]]
    assert spread.dtype == np.uint8


def test_factors_of_one_change_nothing() -> None:
    volume = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    np.testing.assert_array_equal(block_mean(volume, (1, 1, 1)), volume)
    np.testing.assert_array_equal(spread_blocks(volume, (1, 1, 1), volume.shape), volume)
    lungs = np.zeros((6, 4, 4), dtype=np.uint8)
    lungs[1:3, 1:3, 1:3], lungs[3, 1:3, 1:3], lungs[4:, 1:3, 1:3] = 1, 2, 3
    ct = np.where((lungs == 1) | (lungs == 3), -800, 40)
    labels = draw_edge(ct, lungs, ct < -300, np.zeros(ct.shape, dtype=bool), (1, 1, 1), -300)
    np.testing.assert_array_equal(labels, lungs)


def edge_of(ct: np.ndarray, organs: list[int], aerated: list[int], sealed: list[int], factor: int = 2) -> str:
    """Draw labels along a line of blocks of ``factor`` voxels."""
    lines = [np.asarray(line).reshape(-1, 1, 1) for line in (ct, organs, aerated, sealed)]
    labels = draw_edge(lines[0], lines[1].astype(np.uint8), lines[2] > 0, lines[3] > 0, (factor, 1, 1), -300)
    return "".join(map(str, labels.ravel()))


AIR, WALL = -800, 40


@pytest.mark.parametrize(
    ("case", "ct", "organs", "aerated", "sealed", "expected"),
    [
        (
            "voxels of wall leave a block at the edge",
            [AIR, AIR, AIR, WALL, WALL, WALL],
            [1, 1, 0],
            [1, 1, 0],
            [0, 0, 0],
            "111000",
        ),
        (
            "of the left lung, too",
            [AIR, AIR, AIR, WALL, WALL, WALL],
            [3, 3, 0],
            [1, 1, 0],
            [0, 0, 0],
            "333000",
        ),
        (
            "voxels of air next to a lung join it",
            [AIR, AIR, AIR, WALL, WALL, WALL],
            [3, 0, 0],
            [1, 0, 0],
            [0] * 3,
            "333000",
        ),
        ("but not two blocks away", [AIR] * 6, [1, 0, 0], [1, 0, 0], [0, 0, 0], "111100"),
        ("nor in a block of the airway", [AIR] * 6, [1, 2, 0], [1, 0, 0], [0, 1, 0], "112200"),
        ("the mediastinum has an edge too", [AIR, AIR, AIR, WALL, WALL, WALL], [1, 2, 2], [1, 0, 0], [0] * 3, "111222"),
        (
            "a filled block keeps its label",
            [AIR, AIR, WALL, AIR, WALL, WALL],
            [1, 1, 0],
            [1, 0, 0],
            [0, 0, 0],
            "111100",
        ),
        ("at exactly -300 HU is wall", [AIR, AIR, -301, -300, WALL, WALL], [1, 1, 0], [1, 1, 0], [0, 0, 0], "111000"),
        ("a vessel well inside stays lung", [AIR, AIR, WALL, AIR, AIR, AIR], [1, 1, 1], [1, 1, 1], [0, 0, 0], "111111"),
        ("no lung, no edge", [AIR] * 6, [0, 2, 0], [0, 0, 0], [0, 0, 0], "002200"),
    ],
)
def test_the_edge_by_hand(case, ct, organs, aerated, sealed, expected) -> None:
    assert edge_of(np.array(ct), organs, aerated, sealed) == expected, case


def test_the_edge_extends_to_blocks_that_share_a_face() -> None:
    ct = np.full((4, 4, 1), AIR)
    organs = np.zeros((2, 2, 1), dtype=np.uint8)
    organs[0, 0] = 1
    labels = draw_edge(ct, organs, organs > 0, organs > 9, (2, 2, 1), -300)
    assert labels[:, :, 0].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]


def ellipsoid(shape: tuple[int, ...], radii: tuple[float, ...]) -> np.ndarray:
    axes = [np.arange(n) - (n - 1) / 2 + 0.3 for n in shape]
    return sum((a / r) ** 2 for a, r in zip(np.meshgrid(*axes, indexing="ij"), radii, strict=True)) < 1


@pytest.mark.parametrize("factors", list(itertools.product((1, 2, 3), repeat=3))[1::4])
def test_a_sharp_border_is_drawn_exactly(factors) -> None:
    truth = ellipsoid((40, 36, 31), (15.0, 13.0, 12.0))
    ct = np.where(truth, -850, 40).astype(np.int16)
    means = block_mean(ct, factors)
    organs = (means < -300).astype(np.uint8)  # blocks with at least a third of air
    labels = draw_edge(ct, organs, means < -300, np.zeros(means.shape, dtype=bool), factors, -300)
    np.testing.assert_array_equal(labels, truth)  # blocks with less air lie next to the others
    assert labels.dtype == np.uint8


def test_the_labels_have_the_shape_of_a_volume_that_ends_within_a_block() -> None:
    ct = np.full((5, 7, 4), AIR)
    organs = np.full((3, 4, 2), 3, dtype=np.uint8)
    labels = draw_edge(ct, organs, organs > 0, organs > 9, (2, 2, 3), -300)
    np.testing.assert_array_equal(labels, np.full((5, 7, 4), 3))


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", [(), (0,), (1, 2), (0, 1, 2)])
def test_the_labels_lie_in_memory_as_the_volume_does(axes: tuple[int, ...], flips: tuple[int, ...]) -> None:
    truth = ellipsoid((20, 18, 16), (7.0, 6.0, 5.0))
    stored = np.flip(np.where(truth, -850, 40), flips).transpose(axes).copy()
    ct = np.flip(stored.transpose(np.argsort(axes)), flips)
    means = block_mean(ct, (2, 3, 2))
    labels = draw_edge(ct, (means < -300).astype(np.uint8), means < -300, means > 9999, (2, 3, 2), -300)
    np.testing.assert_array_equal(labels, truth)
    assert labels.strides == tuple(stride // ct.itemsize for stride in ct.strides)
