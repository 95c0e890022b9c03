"""Organs on a coarser grid: the definitions, torch's own downsampling, examples by hand, and bad input."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from monai_pylon.transforms.organ_cells import organ_bits, organ_cells, organ_voxel_counts, whole_numbers
from tests.references.allowed_regions import slow_organ_cells

MODES = ("nearest", "trilinear", "area")


def masks_of(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels == organ for organ in (1, 2, 3)])


@settings(max_examples=60, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 8)] * 3),
    shares=st.tuples(*[st.floats(0.01, 1)] * 3),
    mode=st.sampled_from(MODES),
    overlapping=st.booleans(),
    seed=st.integers(0, 999),
)
def test_grid_cells_equal_the_definition(shape, shares, mode, overlapping, seed) -> None:
    grid = tuple(max(1, round(size * share)) for size, share in zip(shape, shares, strict=True))
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(shape) < 0.2, rng.integers(0, 4, shape), 0)
    organs = rng.random((3, *shape)) < 0.1 if overlapping else labels
    masks = organs if overlapping else masks_of(labels)
    np.testing.assert_array_equal(organ_cells(organ_bits(organs), grid, mode), slow_organ_cells(masks, grid, mode))


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 80), st.integers(1, 50), st.integers(1, 40)),
    shares=st.tuples(st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.01, 1)),
    seed=st.integers(0, 999),
)
def test_grid_cells_equal_torchs_downsampling_of_the_masks(sizes, shares, seed) -> None:
    grid = tuple(max(1, round(size * share)) for size, share in zip(sizes, shares, strict=True))
    masks = np.random.default_rng(seed).random((3, *sizes)) < 0.02
    for mode in MODES:
        # "nearest" in single precision, as the authors; the others in double, which leaves smaller rounding errors.
        volume = torch.from_numpy(masks[None].astype(np.float32 if mode == "nearest" else np.float64))
        expected = interpolate(volume, grid, mode=mode)[0].numpy() > 1e-12
        np.testing.assert_array_equal(organ_cells(organ_bits(masks), grid, mode), expected)


def test_nearest_on_the_papers_grid_equals_torch() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (420, 420, 405), dtype=np.uint8)
    authors = interpolate(torch.from_numpy(labels)[None, None], (6, 6, 135), mode="nearest")[0, 0].numpy()
    np.testing.assert_array_equal(organ_cells(organ_bits(labels), (6, 6, 135)), masks_of(authors))


LINE = np.array([0, 1, 1, 0, 2, 0, 0, 0, 3, 3, 0, 0], dtype=np.uint8)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("mode", "cells", "expected"),
    [
        # Grid cells of three voxels: 0 1 1 | 0 2 0 | 0 0 3 | 3 0 0.
        ("nearest", 4, ["0000", "0000", "0001"]),  # first voxels: 0 0 0 3
        ("trilinear", 4, ["1000", "0100", "0000"]),  # centres: 1 2 0 0
        ("area", 4, ["1000", "0100", "0011"]),
        # Grid cells of 2.4 voxels; first voxels 0, 2, 4, 7, 9: 0 1 2 0 3.
        ("nearest", 5, ["01000", "00100", "00001"]),
        # Centers at 0.7, 3.1, 5.5, 7.9, 10.3: voxels 0 1 | 3 4 | 5 6 | 7 8 | 10 11.
        ("trilinear", 5, ["10000", "01000", "00010"]),
        # 0 to 2.4, to 4.8, to 7.2, to 9.6, to 12: voxels 0 1 2 | 2 3 4 | 4 5 6 7 | 7 8 9 | 9 10 11.
        ("area", 5, ["11000", "01100", "00011"]),
    ],
)
def test_grid_cells_by_hand(mode, cells, expected, axis) -> None:
    labels, grid = np.moveaxis(LINE.reshape(12, 1, 1), 0, axis), [1, 1, 1]
    grid[axis] = cells
    found = organ_cells(organ_bits(labels), grid, mode)
    assert ["".join(str(int(cell)) for cell in organ.ravel()) for organ in found] == expected
    assert found.shape == (3, *grid)


def test_voxels_are_counted_where_their_centre_lies() -> None:
    # Grid cells of 2.4 voxels end at 2.4, 4.8, 7.2, 9.6 and 12; voxel centers at 0.5, 1.5, ...
    counts = organ_voxel_counts(organ_bits(LINE.reshape(12, 1, 1)), (5, 1, 1))
    assert counts[:, :, 0, 0].tolist() == [[1, 1, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 2, 0]]
    assert counts.dtype == np.int64
    # A center on the border of two grid cells belongs to the second one.
    ones = organ_voxel_counts(organ_bits(np.ones((1, 3, 5), dtype=int)), (1, 2, 2))
    assert ones[0, 0].tolist() == [[2, 3], [4, 6]]


def test_bits_of_labels_and_of_overlapping_masks() -> None:
    assert organ_bits(np.array([[[0, 1, 2, 3]]])).tolist() == [[[0, 1, 2, 4]]]
    masks = np.array([[i & 1, i >> 1 & 1, i >> 2 & 1] for i in range(8)]).T.reshape(3, 1, 1, 8)
    bits = organ_bits(torch.from_numpy(masks))
    assert bits.ravel().tolist() == list(range(8))
    assert bits.dtype == np.uint8


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int64, np.float32])
def test_whole_numbers_of_any_type(dtype) -> None:
    value = np.array([0, 1, 1], dtype=dtype)
    for given_ in (value, torch.from_numpy(value)):
        found = whole_numbers(given_, 1, "organs")
        assert found.dtype == np.uint8
        assert found.tolist() == [0, 1, 1]
    assert whole_numbers(np.zeros((0, 3)), 1, "locations").shape == (0, 3)
    assert whole_numbers(torch.ones(2, requires_grad=True), 1, "organs").tolist() == [1, 1]


def test_a_uint8_array_is_not_copied() -> None:
    value = np.array([0, 255], dtype=np.uint8)
    assert whole_numbers(value, 255, "organs") is value


@pytest.mark.parametrize(
    ("value", "most", "kind", "words"),
    [
        ([1], 1, TypeError, "organs must be of type ndarray or Tensor"),
        (np.array(["1"]), 1, ValueError, "organs must be numbers.*Fix it."),
        (np.array([1 + 0j]), 1, ValueError, "organs must be numbers"),
        (np.array([0, 2]), 1, ValueError, "organs must be between 0 and 1 everywhere, but is '0 to 2'. Fix it."),
        (np.array([-1, 1]), 1, ValueError, "between 0 and 1"),
        (np.array([0.0, np.nan]), 3, ValueError, "between 0 and 3"),
        (np.array([0.5]), 1, ValueError, "organs must be whole numbers.*Fix it."),
    ],
)
def test_errors_name_argument_and_remedy(value, most, kind, words) -> None:
    with pytest.raises(kind, match=words):
        whole_numbers(value, most, "organs", "Fix it.")


@pytest.mark.parametrize("shape", [(6, 6), (1, 6, 6, 6), (2, 6, 6, 6), (4, 6, 6, 6), (0, 6, 6), (3, 6, 0, 6), (3,) * 5])
def test_organs_have_three_axes_or_three_masks(shape) -> None:
    with pytest.raises(ValueError, match=r"organs must be labels \(X, Y, Z\) or masks \(3, X, Y, Z\), not empty"):
        organ_bits(np.ones(shape, dtype=int))


def test_labels_above_3_and_masks_above_1_are_errors() -> None:
    with pytest.raises(ValueError, match=r"organs must be between 0 and 3 everywhere.*0 is background"):
        organ_bits(np.full((2, 2, 2), 4))
    with pytest.raises(ValueError, match=r"organs must be between 0 and 1 everywhere.*hold 0 and 1"):
        organ_bits(np.full((3, 2, 2, 2), 2))


@pytest.mark.parametrize("function", [organ_cells, organ_voxel_counts])
@pytest.mark.parametrize("grid", [(2, 2), (2, 2, 2, 2), (0, 2, 2), (2, 2, 5), (2, 2, 2.0)])
def test_the_grid_is_not_finer_than_the_volume(function, grid) -> None:
    bits = np.ones((4, 4, 4), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"grid must be three whole numbers from 1 to the volume's \(4, 4, 4\)"):
        function(bits, grid)
    with pytest.raises(TypeError, match="grid must be of type tuple or list"):
        function(bits, 2)
    assert function(bits, [np.int64(4), 1, 4]).shape == (3, 4, 1, 4)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(ValueError, match="Did you mean 'nearest'"):
        organ_cells(np.ones((4, 4, 4), dtype=np.uint8), (2, 2, 2), "neares")


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        # cells at 2.5, 5.5, 8.5 and 11.5, each 3 voxels wide; the last one looks outside the ten voxels
        ("nearest", [[3], [6], [9], []]),
        ("trilinear", [[2, 3], [5, 6], [8, 9], []]),
        ("area", [[1, 2, 3, 4], [4, 5, 6, 7], [7, 8, 9], []]),
    ],
)
def test_cells_at_given_positions_by_hand(mode, expected) -> None:
    geometry = ((2.5, 0.0, 0.0), (3.0, 1.0, 1.0))
    for voxel in range(10):
        bits = np.zeros((10, 1, 1), dtype=np.uint8)
        bits[voxel] = 2
        found = organ_cells(bits, (4, 1, 1), mode, geometry)[1, :, 0, 0]
        assert found.tolist() == [voxel in cell for cell in expected]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("nearest", [[], [0], [3]]),
        ("trilinear", [[], [0], [3]]),
        ("area", [[], [0, 1], [2, 3, 4]]),
    ],
)
def test_cells_before_the_volume_see_nothing(mode, expected) -> None:
    """Cells of 3 voxels at -3, 0 and 3: the second looks outside in part."""
    geometry = ((-3.0, 0.0, 0.0), (3.0, 1.0, 1.0))
    for voxel in range(10):
        bits = np.zeros((10, 1, 1), dtype=np.uint8)
        bits[voxel] = 2
        found = organ_cells(bits, (3, 1, 1), mode, geometry)[1, :, 0, 0]
        assert found.tolist() == [voxel in cell for cell in expected]
    counts = organ_voxel_counts(np.ones((10, 1, 1), dtype=np.uint8), (3, 1, 1), geometry)
    assert counts[0, :, 0, 0].tolist() == [0, 2, 3]


def test_an_even_stretch_as_positions_gives_the_same_cells() -> None:
    """Ten voxels per cell: centers at 4.5, 14.5, ...; trilinear and area agree with the even stretch."""
    bits = np.random.default_rng(0).integers(0, 8, (30, 20, 10)).astype(np.uint8) * (np.random.rand(30, 20, 10) < 0.01)
    geometry = ((4.5, 4.5, 0.5), (10.0, 10.0, 2.0))
    for mode in ("trilinear", "area"):
        expected = organ_cells(bits, (3, 2, 5), mode)
        np.testing.assert_array_equal(organ_cells(bits, (3, 2, 5), mode, geometry), expected)
    np.testing.assert_array_equal(organ_voxel_counts(bits, (3, 2, 5), geometry), organ_voxel_counts(bits, (3, 2, 5)))


def test_voxels_outside_all_cells_do_not_count() -> None:
    """Cells of 4 voxels at 5.5 and 9.5 cover the voxels 4 to 11 of 20."""
    bits = np.ones((20, 1, 1), dtype=np.uint8)
    counts = organ_voxel_counts(bits, (2, 1, 1), ((5.5, 0.0, 0.0), (4.0, 1.0, 1.0)))
    assert counts[0, :, 0, 0].tolist() == [4, 4]


@pytest.mark.parametrize("geometry", [((0.0,), (1.0,)), ((0.0, 0.0, 0.0), (1.0, 0.0, 1.0))])
def test_geometry_has_three_axes_and_positive_spacings(geometry) -> None:
    with pytest.raises(ValueError, match=r"geometry must be 3 origins and 3 positive spacings.*map_geometry"):
        organ_cells(np.ones((4, 4, 4), dtype=np.uint8), (2, 2, 2), "nearest", geometry)
