"""Tests of the factors of grid axes, by hand."""

from __future__ import annotations

import pytest

from monai_pylon.visualize.grid_factors import AxisFactor, broadcast, image_grid, regrouped, scaled, windowed

AXIS = AxisFactor(12, axis=0, origin=2.0, spacing=3.0, detail=3.0)


def test_split_and_joined() -> None:
    """Cells at 2, 5, ..., 35 in blocks of four: blocks at 6.5, 18.5, 30.5 and cells at -4.5 to 4.5 within them."""
    blocks, cells = AXIS.split(4)
    assert [blocks.at(i) for i in range(blocks.size)] == [6.5, 18.5, 30.5]
    assert [cells.at(i) for i in range(cells.size)] == [-4.5, -1.5, 1.5, 4.5]
    assert blocks.joined(cells) == AXIS
    assert cells.joined(blocks) is None
    assert blocks.joined(AxisFactor(4)) is None


def test_plain_factors() -> None:
    assert AxisFactor(12).split(4) == (AxisFactor(3), AxisFactor(4))
    assert AxisFactor(12).resampled(5, 1.0, 2.0) == AxisFactor(5)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((12, 8), [0, 1]),
        ((96,), [(0, 1)]),
        ((3, 4, 8), [0, 0, 1]),
        ((12, 2, 4), [0, 1, 1]),
        ((4, 3, 8), [0, 0, 1]),
        ((1, 12, 1, 8), [None, 0, None, 1]),
        ((32, 3), [None, None]),  # 32 cells take parts of both axes
    ],
)
def test_reshaped(shape: tuple[int, ...], axes: list[int | tuple[int, ...] | None]) -> None:
    grid = regrouped((((AXIS,)), (AxisFactor(8, axis=1),)), shape)
    found = [tuple(factor.axis for factor in axis) for axis in grid]
    assert found == [axis if isinstance(axis, tuple) else (axis,) for axis in axes]


def test_broadcast_ignores_axes_of_another_size() -> None:
    image = image_grid((1, 1, 4, 6))
    assert broadcast([((AxisFactor(6),),), image], (1, 1, 4, 6)) == image
    assert broadcast([image], (1, 1, 4, 7))[3] == (AxisFactor(7),)


def test_windowed_by_hand() -> None:
    """Kernel 5, stride 2, padding 1: the first window covers cells -1 to 3, center 1."""
    ((factor,),) = windowed(((AXIS,),), (4,), [5], [2], [1])
    assert (factor.size, factor.origin, factor.spacing) == (4, 5.0, 6.0)
    ((pooled,),) = windowed(((AXIS,),), (6,), [2], [], 0)  # the stride of pooling is its kernel
    assert (pooled.origin, pooled.spacing) == (3.5, 6.0)


def test_scaled_by_hand() -> None:
    """12 cells to 24: a quarter of a cell before the first center, half a cell apart; with corners 11 / 23 apart."""
    ((fine,),) = scaled(((AXIS,),), (24,), align_corners=False)
    assert (fine.origin, fine.spacing, fine.detail) == (1.25, 1.5, 3.0)
    ((corners,),) = scaled(((AXIS,),), (24,), align_corners=True)
    assert (corners.origin, corners.spacing) == (2.0, pytest.approx(3.0 * 11 / 23))
