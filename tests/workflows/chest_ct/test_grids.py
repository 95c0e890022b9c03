"""Grids of attention maps, and where their cells look."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.nets import AxialNet, BodyCAM, Conv3DNet
from monai_pylon.workflows.chest_ct import attention_geometry, attention_grid, evaluation_grid


def test_the_grid_is_that_of_the_attention() -> None:
    for net, size in (
        (AxialNet(4, in_plane_size=(96, 64), reduction_padding=1), (96, 64, 12)),
        (AxialNet(4, in_plane_size=(288, 320)), (288, 320, 6)),
        (AxialNet(4, in_plane_size=(64, 96), reduction_channels=(), slices_per_group=1), (64, 96, 2)),
        (BodyCAM(4, reduction_padding=1), (96, 64, 9)),
    ):
        with torch.no_grad():
            attention = net.eval().explain(torch.zeros(1, 1, *size)).attention
        assert attention_grid(net, size) == attention.shape[2:]


def test_networks_without_attention_have_the_papers_grid() -> None:
    assert attention_grid(Conv3DNet(4, volume_size=(81, 81, 81)), (81, 81, 81)) == (6, 6, 27)
    assert attention_grid(BodyCAM(4), (420, 420, 405), otherwise=(7, 8)) == (7, 8, 135)
    with pytest.raises(ValueError, match="image_size must be of a multiple of 3 slices"):
        attention_grid(BodyCAM(4), (420, 420, 400))


def test_the_grid_of_organ_iou() -> None:
    """The paper's 6 x 6 for the network without convolutions, whose own maps have 14 x 14 cells."""
    size = (420, 420, 405)
    assert evaluation_grid(AxialNet(reduction_channels=()), size) == (6, 6, 135)
    small = AxialNet(in_plane_size=(64, 96), reduction_padding=1)
    assert evaluation_grid(small, (64, 96, 12)) == (2, 3, 4)


def test_geometry_only_if_it_is_wanted() -> None:
    net = AxialNet(2, in_plane_size=(64, 96), reduction_padding=1)
    assert attention_geometry(net, (64, 96, 12)) is None
    origin, spacing = attention_geometry(net, [64, 96, 12], true_positions=True)
    assert (origin, spacing) == ((0.0, 0.0, 1.0), (32.0, 32.0, 3.0))
