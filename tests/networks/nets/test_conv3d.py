"""Conv3DNet: layers at the paper's size, accepted volumes, and the refusal to explain."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.networks import Explained
from monai_pylon.networks.nets import Conv3DNet
from tests.networks.tiny import shake_

SIZE = (81, 162, 81)


def tiny(**arguments):
    return shake_(Conv3DNet(**{"num_classes": 5, "volume_size": SIZE} | arguments))


def test_layers_at_the_papers_size():
    net = Conv3DNet()
    convolutions = [layer for layer in net.convolutions if isinstance(layer, nn.Conv3d)]
    assert [layer.out_channels for layer in convolutions] == [64, 128, 256, 512, 128, 64]
    assert [layer.kernel_size[0] for layer in convolutions] == [3, 3, 3, 3, 1, 1]
    assert [layer.stride[0] for layer in convolutions] == [3, 3, 3, 3, 1, 1]
    assert [type(layer) for layer in net.convolutions[1::2]] == [nn.ReLU] * 6
    assert net.classifier[1].in_features == 64 * 5 * 5 * 5
    assert [layer.out_features for layer in net.classifier if isinstance(layer, nn.Linear)] == [128, 96, 80]
    assert {layer.p for layer in net.classifier if isinstance(layer, nn.Dropout)} == {0.1}


def test_a_batch_gives_the_logits_of_its_volumes():
    net, x = tiny(), torch.randn(2, 1, *SIZE)
    logits = net(x)
    assert logits.shape == (2, 5)
    assert logits.std() > 0
    for volume, expected in zip(x, logits, strict=True):
        torch.testing.assert_close(net(volume[None])[0], expected, rtol=1e-4, atol=1e-5)
    assert type(net(MetaTensor(x))) is torch.Tensor


def test_sizes_with_the_same_number_of_cells_are_accepted():
    net = tiny()
    assert net(torch.randn(1, 1, 161, 242, 100)).shape == (1, 5)
    ranges = "81 to 161 by 162 to 242 by 81 to 161"
    with pytest.raises(ValueError, match=f"volume must be of {ranges} voxels, .*Crop or pad it"):
        net(torch.randn(1, 1, 81, 243, 81))
    with pytest.raises(ValueError, match="volume must be of 1 channel"):
        net(torch.randn(1, 2, *SIZE))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"volume_size": (81, 81, 80)}, r"volume_size must be at least \(81, 81, 81\)"),
        ({"volume_size": (81, 81)}, r"volume_size must be \(X, Y, Z\)"),
        ({"num_classes": 0}, "num_classes must be positive"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(**arguments)


def test_gradients_reach_every_parameter():
    net = tiny().train()
    net(torch.randn(2, 1, *SIZE)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_weights_are_loaded(tmp_path):
    net = tiny()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    torch.testing.assert_close(tiny(weights=tmp_path / "net.pt").state_dict(), net.state_dict(), rtol=0, atol=0)


def test_refuses_to_explain_and_names_a_layer_for_hirescam():
    net, x = tiny(), torch.zeros(1, 1, *SIZE)
    for explain in (net.explain, Explained(net)):
        with pytest.raises(NotImplementedError, match=r'Conv3DNet has no explanation.*HiResCAM\(net, "convolutions"\)'):
            explain(x)
