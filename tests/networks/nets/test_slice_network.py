"""The bases of the networks for chest CT: checks of volumes, features of slice groups and their reduction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.networks.blocks.slice_encoder import group_slices
from monai_pylon.networks.nets.slice_network import ReducedSliceNetwork, SliceNetwork, check_volume, refuse_to_explain
from tests.networks.tiny import TinyEncoder, shake_


def tiny(**arguments):
    return shake_(SliceNetwork(TinyEncoder(in_channels=arguments.get("slices_per_group", 3)), **arguments))


def tiny_reduced(channels=(8, 6), padding=1):
    return shake_(ReducedSliceNetwork(TinyEncoder(in_channels=3), 3, None, channels, padding))


@pytest.mark.parametrize("arguments", [{}, {"slices_per_group": 2}, {"chunk_size": 1}, {"chunk_size": 2}], ids=str)
def test_features_are_the_encoders_deepest_maps_of_the_slice_groups(arguments):
    net, x = tiny(**arguments), torch.randn(2, 1, 96, 64, 7)
    groups = group_slices(x, arguments.get("slices_per_group", 3))
    expected = torch.stack([net.encoder(images)[-1] for images in groups])
    features = net.features(x)
    assert features.shape == (2, groups.shape[1], 12, 2, 3)  # rows = Y, columns = X
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    assert net.chunk_size == arguments.get("chunk_size")


def test_cells_in_plane_are_those_of_the_features():
    net, x = tiny(), torch.zeros(1, 1, 130, 65, 3)
    along_x, along_y = net.plane_cells()
    assert net.features(x).shape[3:] == (along_y(65), along_x(130)) == (3, 5)


def test_cells_along_x_and_y_come_from_columns_and_rows():
    encoder = TinyEncoder(in_channels=3)
    encoder.stages[4][0].stride = (1, 2)  # rows keep stride 16
    along_x, along_y = SliceNetwork(encoder).plane_cells()
    assert (along_x(96), along_y(96)) == (3, 6)


def test_encoders_of_other_strides_are_taken():
    net = shake_(SliceNetwork(TinyEncoder(in_channels=3, strides=(2, 4, 8, 16, 16))))
    assert net.features(torch.zeros(1, 1, 64, 96, 3)).shape == (1, 1, 12, 6, 4)
    assert SliceNetwork("resnet18", slices_per_group=2).encoder.conv1.in_channels == 2
    assert tiny().slices_per_group == 3


def test_a_metatensors_affine_is_dropped():
    x = torch.randn(1, 1, 64, 64, 3)
    features = tiny().features(MetaTensor(x))
    assert type(features) is torch.Tensor


def test_training_on_one_cell_of_one_group_is_refused():
    net = tiny().train()
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        net.features(torch.randn(1, 1, 32, 32, 3))
    assert net.features(torch.randn(1, 1, 33, 32, 3)).shape == (1, 1, 12, 1, 2)
    assert net.features(torch.randn(1, 1, 32, 32, 4)).shape == (1, 2, 12, 1, 1)


def test_what_knows_the_shapes_is_no_part_of_the_network():
    net = tiny()
    assert all(key.startswith("encoder.") for key in net.state_dict())
    assert {parameter.device.type for parameter in net.parameters()} == {"cpu"}


def test_weights_are_loaded_if_given(tmp_path):
    net, other = tiny(), tiny()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    other.load(None)
    assert not torch.equal(other.encoder.stages[0][0].weight, net.encoder.stages[0][0].weight)
    other.load(tmp_path / "net.pt")
    torch.testing.assert_close(other.state_dict(), net.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("channels", "padding", "grid", "width"),
    [((8, 6), 1, (4, 5), 6), ((8,), 0, (2, 3), 8), ((8, 6), 0, (0, 1), 6), ((), 0, (4, 5), 12)],
)
def test_reduction_removes_a_cell_from_each_side_without_padding(channels, padding, grid, width):
    net = tiny_reduced(channels, padding)
    along_x, along_y = net.plane_cells()
    assert (along_y(128), along_x(160)) == grid
    assert net.reduced_channels == width
    if min(grid) > 0:
        features = torch.randn(2, 3, 12, 4, 5)
        reduced = net.reduced(features)
        assert reduced.shape == (2, 3, width, *grid)
        torch.testing.assert_close(reduced[1], net.reduction(features[1]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"slices_per_group": 0}, ValueError, "slices_per_group must be positive"),
        ({"slices_per_group": 1.5}, TypeError, "slices_per_group must be of type int"),
        ({"chunk_size": 0}, ValueError, "chunk_size must be positive"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        SliceNetwork(TinyEncoder(), **arguments)


@pytest.mark.parametrize(
    ("channels", "padding", "error", "message"),
    [
        ((8,), 2, ValueError, "reduction_padding must be 0 or 1"),
        ((8,), -1, ValueError, "reduction_padding must be 0 or 1"),
        ((8,), True, TypeError, "reduction_padding must be of type int"),
        ((8, 0), 0, ValueError, "reduction_channels must be positive"),
    ],
)
def test_reductions_out_of_range_are_refused(channels, padding, error, message):
    with pytest.raises(error, match=message):
        tiny_reduced(channels, padding)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(1, 3, 9, 9, 3), "of 1 channel.*The last axis must hold the axial slices"),
        (torch.zeros(1, 9, 9, 3), r"of shape \(N, 1, X, Y, Z\).*Add batch and channel axes"),
        (torch.zeros(1, 1, 1, 9, 9, 3), r"of shape \(N, 1, X, Y, Z\)"),
        (torch.zeros(0, 1, 9, 9, 3), "of at least one slice"),
        (torch.zeros(1, 1, 9, 9, 0), "of at least one slice"),
        (torch.zeros(1, 1, 9, 9, 3, dtype=torch.int16), "of floating point"),
    ],
)
def test_other_tensors_are_refused(x, message):
    with pytest.raises(ValueError, match=f"volume must be {message}"):
        check_volume(x)


def test_volumes_are_tensors_with_at_least_one_voxel():
    check_volume(torch.zeros(1, 1, 1, 1, 1))
    with pytest.raises(TypeError, match="volume must be of type Tensor"):
        check_volume(np.zeros((1, 1, 9, 9, 3)))


def test_nothing_is_checked_in_a_recorded_program(monkeypatch):
    monkeypatch.setattr("monai_pylon.networks.nets.slice_network.is_eager", lambda: False)
    check_volume(torch.zeros(3))


def test_refusal_names_network_reason_and_layer():
    message = r'SliceNetwork has no explanation in closed form: it has no head\. Use .*HiResCAM\(net, "encoder"\)'
    with pytest.raises(NotImplementedError, match=message):
        refuse_to_explain(tiny(), "it has no head", "encoder")
