"""Tests of the roles and places of axes after reshaping, slicing, joining and products, by hand."""

from __future__ import annotations

import math

import pytest

from monai_pylon.visualize.axis_factors import (
    Axes,
    Axis,
    Factor,
    concatenated,
    input_axes,
    is_spatial,
    merged,
    product,
    resampled,
    reshaped,
    resized,
    scaled,
    sliced,
    unknown,
    windowed,
    with_features,
)

MAP = ((Factor(2, "batch"),), (Factor(8, "feature"),), (Factor(4, "0"),), (Factor(6, "1"),))
GRID = (Factor(4, "0"), Factor(6, "1"))
#: Cells that look at 2, 5, ..., 35.
CELLS = Factor(12, "0", origin=2.0, spacing=3.0, detail=3.0)


def roles(axes: Axes) -> list[str]:
    """Write the roles of each axis in short."""
    return ["".join(factor.role[0] for factor in axis) for axis in axes]


def test_axes_of_an_image() -> None:
    axes = input_axes((2, 1, 5, 7))
    assert [[tuple(factor[:2]) for factor in axis] for axis in axes] == [
        [(2, "batch")],
        [(1, "channel")],
        [(5, "0")],
        [(7, "1")],
    ]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((2, 8, 24), ["b", "f", "01"]),
        ((16, 24), ["bf", "01"]),
        ((2, 8, 2, 2, 6), ["b", "f", "0", "0", "1"]),
        ((2, 2, 4, 4, 6), ["b", "f", "f", "0", "1"]),
        ((2, 1, 8, 4, 6), ["b", "", "f", "0", "1"]),
        ((384,), ["bf01"]),
        ((3, 128), ["o", "o"]),  # no factor has three entries
        ((2, 8, 5, 5), ["o", "o", "o", "o"]),  # another number of values
    ],
)
def test_reshaping_joins_and_splits_factors(shape: tuple[int, ...], expected: list[str]) -> None:
    axes = reshaped(MAP, shape)
    assert roles(axes) == expected
    assert all(type(factor.size) is int for axis in axes for factor in axis)  # sizes are those of tensors


def test_reshaping_keeps_what_has_one_entry() -> None:
    """Axes of one entry that the new shape lacks stay with its last axis, if there is one."""
    one = Factor(1, "1")
    assert reshaped(((Factor(4, "0"),), (one,)), (4,)) == ((Factor(4, "0"), one),)
    assert reshaped(((Factor(2, "batch"),), (Factor(4, "0"),), (one,)), (2, 4))[1] == (Factor(4, "0"), one)
    assert reshaped(((one,), (one,)), ()) == ()


@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ((4, 2), (4,)),  # two entries are left
        ((2, 8), (5, 4)),
        ((0, 3), (3, 0)),  # no samples
        ((2, 0), (0, 3)),
    ],
)
def test_reshaping_to_other_numbers_of_values_leaves_no_role(sizes: tuple[int, ...], shape: tuple[int, ...]) -> None:
    axes = tuple((Factor(size, role),) for size, role in zip(sizes, "01", strict=True))
    assert reshaped(axes, shape) == tuple(unknown(size) for size in shape)


def test_reshaping_and_back_gives_the_same_axes() -> None:
    for shape in ((2, 8, 24), (16, 24), (2, 8, 2, 2, 6), (2, 8, 2, 12), (384,), (1, 2, 8, 4, 6)):
        there = reshaped(MAP, shape)
        assert reshaped(there, (2, 8, 4, 6)) == MAP


def test_reshaping_keeps_a_batch_of_one() -> None:
    tokens = ((Factor(1, "batch"),), GRID, (Factor(8, "feature"),))
    flat = reshaped(tokens, (24, 8))
    assert roles(flat) == ["b01", "f"]
    assert roles(reshaped(flat, (1, 24, 8))) == ["b", "01", "f"]


def test_windows_are_split_with_their_distance() -> None:
    windows = reshaped(MAP, (2, 8, 2, 2, 6))
    assert windows[2] == (Factor(2, "0", origin=0.5, spacing=2.0),)
    assert windows[3] == (Factor(2, "0", origin=-0.5, spacing=1.0, part=True),)
    swapped = (*windows[:2], windows[3], windows[2], windows[4])
    assert reshaped(swapped, (2, 8, 4, 6))[2] == (*windows[3], *windows[2])  # not in the image's order


def test_class_tokens_before_and_after_the_grid_cells() -> None:
    first = concatenated([None, GRID], [5, 24])
    assert first == (Factor(29, "tokens", parts=GRID, before=5),)
    assert sliced(first, 5, 24) == GRID
    assert sliced(first, 1, 28) == (Factor(28, "tokens", parts=GRID, before=4),)
    assert sliced(first, 6, 23) == unknown(23)
    assert sliced(first, 0, 28) == unknown(28)
    both = concatenated([first, None], [29, 1])
    assert both == (Factor(30, "tokens", parts=GRID, before=5),)
    assert concatenated([unknown(3), first], [3, 29]) == (Factor(32, "tokens", parts=GRID, before=8),)


def test_joined_features_are_features() -> None:
    assert concatenated([(Factor(4, "feature"),), (Factor(8, "feature"),)], [4, 8]) == (Factor(12, "feature"),)
    assert concatenated([None, None], [4, 8]) == unknown(12)
    assert concatenated([GRID, GRID], [24, 24]) == unknown(48)
    assert concatenated([(Factor(2, "0"),), (Factor(2, "0"),)], [2, 2]) == (Factor(4, "0"),)


def test_tokens_are_not_split() -> None:
    tokens = ((Factor(2, "batch"),), concatenated([None, GRID], [1, 24]), (Factor(8, "feature"),))
    assert roles(reshaped(tokens, (50, 8))) == ["bt", "f"]
    assert roles(reshaped(reshaped(tokens, (50, 8)), (2, 25, 8))) == ["b", "t", "f"]
    assert roles(reshaped(tokens, (2, 5, 5, 8))) == ["o", "o", "o", "o"]


@pytest.mark.parametrize(
    ("axis", "size", "expected"),
    [
        (GRID, 24, GRID),
        (GRID, 23, unknown(23)),
        ((Factor(4, "0"),), 2, (Factor(2, "0", math.nan),)),
        ((Factor(4, "0", 0.5, 2.0), Factor(2, "0", -0.5, part=True)), 3, (Factor(3, "0", math.nan),)),
        ((Factor(4, "batch"), Factor(3, "2")), 6, (Factor(6, "batch"),)),
        (concatenated([None, GRID], [1, 24]), 20, unknown(20)),
    ],
)
def test_pooling_keeps_a_single_role(axis: Axis, size: int, expected: Axis) -> None:
    assert resized(axis, size) == expected


def test_split_and_joined() -> None:
    """Cells at 2, 5, ..., 35 in blocks of four: blocks at 6.5, 18.5, 30.5 and cells at -4.5 to 4.5 within them."""
    blocks, cells = CELLS.split(4)
    assert [blocks.at(i) for i in range(blocks.size)] == [6.5, 18.5, 30.5]
    assert [cells.at(i) for i in range(cells.size)] == [-4.5, -1.5, 1.5, 4.5]
    assert blocks.joined(cells) == CELLS
    assert cells.joined(blocks) is None
    assert blocks.joined(cells._replace(role="1")) is None
    assert blocks.joined(Factor(4, "other")) is None
    assert blocks.joined(cells._replace(spacing=6.0)) is None
    assert blocks.joined(cells._replace(part=False)) is None


def test_factors_that_are_not_spatial() -> None:
    assert Factor(12, "feature").split(4) == (Factor(3, "feature"), Factor(4, "feature"))
    assert resampled((Factor(12, "feature"),), 5, 1.0, 2.0) == (Factor(5, "feature"),)
    assert resampled(unknown(12), 5, 1.0, 2.0) == unknown(5)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((12, 8), ["0", "1"]),
        ((96,), ["01"]),
        ((3, 4, 8), ["0", "0", "1"]),
        ((12, 2, 4), ["0", "1", "1"]),
        ((4, 3, 8), ["0", "0", "1"]),
        ((1, 12, 1, 8), ["", "0", "", "1"]),
        ((32, 3), ["o", "o"]),  # 32 cells take parts of both axes
    ],
)
def test_reshaped_cells(shape: tuple[int, ...], expected: list[str]) -> None:
    axes = reshaped(((CELLS,), (Factor(8, "1"),)), shape)
    assert roles(axes) == expected
    assert [math.prod(f.size for f in axis) for axis in axes] == list(shape)
    assert all(type(factor.size) is int for axis in axes for factor in axis)


def test_cells_joined_with_others() -> None:
    """Cells at 2, 5, ..., 35 after two zeros: cell 0 would look at -4; the longest of two parts gives the place."""
    padded = concatenated([None, (CELLS,)], [2, 12])
    assert padded == (Factor(14, "tokens", parts=(CELLS,), before=2),)
    assert resampled(padded, 13, 1.0, 1.0)[0][:4] == (13, "0", -1.0, 3.0)
    assert reshaped((padded,), (2, 7)) == reshaped(((CELLS._replace(size=14, origin=-4.0),),), (2, 7))
    assert sliced(padded, 4, 5) == (CELLS._replace(size=5, origin=8.0),)
    both = concatenated([(CELLS._replace(size=2),), (CELLS,)], [2, 12])
    assert both == (CELLS._replace(size=14, origin=-4.0),)
    assert concatenated([None, (CELLS,), (CELLS,)], [2, 12, 12]) == (Factor(26, "0", math.nan),)
    assert concatenated([GRID], [24]) == GRID


def test_slices_by_hand() -> None:
    assert sliced((CELLS,), 2, 4, 3) == (CELLS._replace(size=4, origin=8.0, spacing=9.0, detail=9.0),)
    assert sliced((CELLS,), 0, 4, 3) == (CELLS._replace(size=4, spacing=9.0, detail=9.0),)
    assert sliced((CELLS,), 0, 12) == (CELLS,)
    tokens = concatenated(
        [None, GRID, None],
        [1, 24, 75],
    )
    assert sliced(tokens, 0, 50, 2) == unknown(50)
    assert sliced((Factor(12, "feature"),), 1, 3) == (Factor(3, "feature"),)


def test_merged_axes() -> None:
    """The finest content gives the place, the mean of two that are as fine; other roles than the first do not count."""
    coarse, shifted = CELLS._replace(detail=6.0, origin=0.0), CELLS._replace(origin=4.0)
    assert merged([(coarse,), (CELLS,)]) == (CELLS,)
    assert merged([(CELLS,), (shifted,)]) == (CELLS._replace(origin=3.0),)
    assert merged([unknown(12), (Factor(12, "feature"),), (CELLS,)]) == (Factor(12, "feature"),)
    assert merged([unknown(12)]) == unknown(12)
    assert merged([(CELLS.unplaced(),), (coarse,)]) == (coarse,)
    assert merged([GRID, GRID]) == GRID


def test_windowed_by_hand() -> None:
    """Kernel 5, stride 2, padding 1: the first window covers cells -1 to 3, center 1."""
    ((factor,),) = windowed(((CELLS,),), (4,), [5], [2], [1])
    assert (factor.size, factor.origin, factor.spacing) == (4, 5.0, 6.0)
    ((dilated,),) = windowed(((CELLS,),), (6,), [3], [1], [0], [3])  # windows of 7 cells, of which 3 count
    assert (dilated.origin, dilated.spacing) == (11.0, 3.0)
    ((pooled,),) = windowed(((CELLS,),), (6,), [2], [], 0)  # the stride of pooling is its kernel
    assert (pooled.origin, pooled.spacing) == (3.5, 6.0)
    rows, columns = windowed(((CELLS,), (CELLS,)), (6, 4), [2, 3], [], 0)
    assert [(axis[0].origin, axis[0].spacing) for axis in (rows, columns)] == [(3.5, 6.0), (5.0, 9.0)]
    assert windowed(((CELLS,), (CELLS,)), (6, 6), 2, [2], 0) == (rows, rows)  # one number for all axes


def test_a_window_along_tokens_keeps_their_place_only_if_each_looks_at_one() -> None:
    (kept,) = windowed((GRID,), (24,), 3, 1, 1)
    assert kept == GRID
    (moved,) = windowed((GRID,), (24,), 3, 1, [0])
    assert [factor.role for factor in moved] == ["0", "1"]
    assert all(math.isnan(factor.origin) for factor in moved)


def test_scaled_by_hand() -> None:
    """12 cells to 24: a quarter of a cell before the first center, half a cell apart; with corners 11 / 23 apart."""
    ((fine,),) = scaled(((CELLS,),), (24,), align_corners=False)
    assert (fine.origin, fine.spacing, fine.detail) == (1.25, 1.5, 3.0)
    ((corners,),) = scaled(((CELLS,),), (24,), align_corners=True)
    assert (corners.origin, corners.spacing) == (2.0, pytest.approx(3.0 * 11 / 23))
    ((ends,),) = scaled(((CELLS,),), (2,), align_corners=True)
    assert [ends.at(0), ends.at(1)] == [2.0, 35.0]
    ((first,),) = scaled(((CELLS,),), (1,), align_corners=True)
    assert (first.size, first.origin) == (1, 2.0)
    assert scaled(((Factor(12, "feature"),), (CELLS,)), (12, 12), False) == ((Factor(12, "feature"),), (CELLS,))


def test_new_features_make_the_channels_of_the_input_a_sequence() -> None:
    sequence = input_axes((3, 7, 6))  # (N, T, F)
    assert roles(with_features(sequence, 2, 5)) == ["b", "o", "f"]
    assert roles(with_features(MAP, 3, 5)) == ["b", "f", "0", "f"]  # features that a layer computed stay
    flat = reshaped(sequence, (21, 6))
    assert roles(reshaped(with_features(flat, 1, 5), (3, 7, 5))) == ["b", "o", "f"]


def test_products_with_weights_make_features() -> None:
    tokens = ((Factor(2, "batch"),), GRID, (Factor(8, "feature"),))
    assert roles(product(tokens, None, (2, 24, 5))) == ["b", "01", "f"]
    assert roles(product(None, tokens, (2, 5, 8))) == ["b", "f", "f"]
    assert product(None, tokens, (2, 5, 8))[1] == (Factor(5, "feature"),)
    assert product(tokens, None, (2, 24, 5))[2] == (Factor(5, "feature"),)
    queries, keys = tokens, ((Factor(2, "batch"),), (Factor(8, "feature"),), GRID)
    assert roles(product(queries, keys, (2, 24, 24))) == ["b", "01", "01"]
    assert roles(product(tokens, None, (48, 5))) == ["o", "o"]
    pooled = ((Factor(2, "batch"),), (Factor(8, "feature"),))
    assert product(pooled, None, (2, 5)) == ((Factor(2, "batch"),), (Factor(5, "feature"),))


def test_places() -> None:
    assert is_spatial(GRID)
    assert is_spatial(concatenated([None, GRID], [1, 24]))
    assert not is_spatial((Factor(2, "batch"), Factor(4, "0")))
    assert not is_spatial(unknown(3))
    assert not is_spatial(())
