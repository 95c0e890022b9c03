"""Tests of the roles of axes after reshaping, slicing, joining and products."""

from __future__ import annotations

import pytest

from monai_pylon.visualize.axis_roles import (
    Axes,
    Axis,
    Factor,
    concatenated,
    input_axes,
    is_spatial,
    product,
    reshaped,
    resized,
    sliced,
    unknown,
    with_features,
)

MAP = ((Factor(2, "batch"),), (Factor(8, "feature"),), (Factor(4, "0"),), (Factor(6, "1"),))
GRID = (Factor(4, "0"), Factor(6, "1"))


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
    assert roles(reshaped(MAP, shape)) == expected


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
    assert windows[2] == (Factor(2, "0", 2),)
    assert windows[3] == (Factor(2, "0", 1),)
    swapped = (*windows[:2], windows[3], windows[2], windows[4])
    assert reshaped(swapped, (2, 8, 4, 6))[2] == (Factor(2, "0", 1), Factor(2, "0", 2))  # not in the image's order


def test_class_tokens_before_and_after_the_grid_cells() -> None:
    first = concatenated([None, GRID], [5, 24])
    assert first == (Factor(29, "tokens", 1, GRID, 5),)
    assert sliced(first, 5, 24) == GRID
    assert sliced(first, 1, 28) == (Factor(28, "tokens", 1, GRID, 4),)
    assert sliced(first, 6, 23) == unknown(23)
    assert sliced(first, 0, 28) == unknown(28)
    both = concatenated([first, None], [29, 1])
    assert both == (Factor(30, "tokens", 1, GRID, 5),)
    assert concatenated([unknown(3), first], [3, 29]) == (Factor(32, "tokens", 1, GRID, 8),)


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
        ((Factor(4, "0"),), 2, (Factor(2, "0"),)),
        ((Factor(4, "0", 2), Factor(2, "0")), 3, (Factor(3, "0"),)),
        (concatenated([None, GRID], [1, 24]), 20, unknown(20)),
    ],
)
def test_pooling_keeps_a_single_role(axis: Axis, size: int, expected: Axis) -> None:
    assert resized(axis, size) == expected


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
    queries, keys = tokens, ((Factor(2, "batch"),), (Factor(8, "feature"),), GRID)
    assert roles(product(queries, keys, (2, 24, 24))) == ["b", "01", "01"]
    assert roles(product(tokens, None, (48, 5))) == ["o", "o"]


def test_places() -> None:
    assert is_spatial(GRID)
    assert is_spatial(concatenated([None, GRID], [1, 24]))
    assert not is_spatial((Factor(2, "batch"), Factor(4, "0")))
    assert not is_spatial(unknown(3))
    assert not is_spatial(())
