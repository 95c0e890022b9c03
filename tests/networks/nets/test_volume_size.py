"""Accepted sizes: the smallest and largest with a number of cells, and the errors that name them."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.nets.volume_size import check_same_cells, head_cells, least_edge, size_along


def halves(voxels: int) -> int:
    """Count the cells of a kernel of 50 voxels with stride 2 and no padding."""
    if voxels < 50:
        raise RuntimeError("Kernel size can't be greater than actual input size")
    return (voxels - 50) // 2 + 1


@pytest.mark.parametrize("wanted", [1, 2, 7, 400])
def test_least_edge_is_the_first_with_enough_cells(wanted):
    edge = least_edge(halves, wanted)
    assert halves(edge) == wanted
    assert edge == 50 or halves(edge - 1) == wanted - 1
    assert least_edge(lambda voxels: -(-voxels // 32), wanted) == 32 * wanted - 31


def test_a_size_without_cells_is_refused_with_the_smallest_size():
    assert head_cells((50, 52), [halves, halves], "size", "Pad it.") == (1, 2)
    with pytest.raises(ValueError, match=r"size must be at least \(50, 50\) voxels, but is \(60, 49\)\. Pad it\."):
        head_cells((60, 49), [halves, halves], "size", "Pad it.")


@pytest.mark.parametrize("edge", range(50, 60))
def test_only_sizes_with_the_same_number_of_cells_fit(edge):
    x, cells = torch.zeros(1, 1, edge, 51, 51), [halves, halves, halves]
    if edge in (54, 55):
        check_same_cells(x, (54, 50, 51), cells, "size")
    else:
        with pytest.raises(ValueError, match=rf"54 to 55 by 50 to 51 by 50 to 51 voxels, .*size=\({edge}, 51, 51\)"):
            check_same_cells(x, (54, 50, 51), cells, "size")


def test_a_size_has_one_positive_integer_for_each_axis():
    assert size_along("XY", [3, 4], "size") == (3, 4)
    with pytest.raises(ValueError, match=r"size must be \(X, Y\), but is \(3,\)"):
        size_along("XY", (3,), "size")
    with pytest.raises(TypeError, match=r"size must be of type int, but is 3\.5"):
        size_along("XY", (3.5, 4), "size")
