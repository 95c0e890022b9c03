"""The base of BodyConv and CTNet: sizes of the layers, axes of the convolutions and accepted volumes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_pylon.networks.nets import BodyConv, CTNet
from tests.networks.tiny import TinyEncoder, shake_

SIZE = (161, 193, 27)
KINDS = pytest.mark.parametrize("kind", [BodyConv, CTNet])


class WideEncoder(TinyEncoder):
    """An encoder with enough features for CTNet: each of its 12 three times."""

    def __init__(self) -> None:
        super().__init__(in_channels=1)
        self.channels = (*self.channels[:-1], 36)

    def forward(self, x):
        maps = super().forward(x)
        return [*maps[:-1], maps[-1].repeat(1, 3, 1, 1)]


def tiny(kind, **arguments):
    own = {"num_classes": 5, "volume_size": SIZE, "slices_per_group": 1, "encoder": WideEncoder()}
    return shake_(kind(**own | arguments))


@KINDS
def test_a_batch_gives_the_logits_of_its_volumes(kind):
    net, x = tiny(kind), torch.randn(2, 1, *SIZE)
    logits = net(x)
    assert logits.shape == (2, 5)
    assert logits.std() > 0
    for volume, expected in zip(x, logits, strict=True):
        torch.testing.assert_close(net(volume[None])[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "features", "channels"), [(BodyConv, 16 * 5 * 5 * 5, 512), (CTNet, 16 * 5 * 5 * 18, 135)]
)
def test_layers_at_the_papers_size(kind, features, channels):
    net = kind()
    assert net.convolutions[0].in_channels == channels
    assert net.classifier[1].in_features == features
    assert [layer.out_features for layer in net.classifier if isinstance(layer, nn.Linear)] == [128, 96, 80]
    assert {layer.p for layer in net.classifier if isinstance(layer, nn.Dropout)} == {0.5}
    assert net.slices_per_group == 3


def test_bodyconv_convolves_over_x_y_and_groups():
    """The three kernels along the groups have stride 3, so that two blocks of 27 groups share no cell."""
    net, x = tiny(BodyConv, volume_size=(*SIZE[:2], 54)), torch.randn(1, 1, *SIZE[:2], 54)
    changed = x.clone()
    changed[..., 27:] += 1
    before, after = (net.convolutions(net.features(volume).permute(0, 2, 4, 3, 1)) for volume in (x, changed))
    assert before.shape == (1, 16, 1, 1, 2)
    assert (before[..., 0] == after[..., 0]).all()
    assert (before[..., 1] != after[..., 1]).any()


@pytest.mark.parametrize(("kind", "channels", "grid"), [(BodyConv, 36, (1, 2, 2)), (CTNet, 54, (1, 2, 36 // 27))])
def test_maps_of_the_convolutions_lie_along_x_and_y(kind, channels, grid):
    net, shapes = tiny(kind, volume_size=(161, 257, 54)), []
    assert net.convolutions[0].in_channels == channels
    net.convolutions.register_forward_hook(lambda module, args, output: shapes.append(output.shape))
    net(torch.randn(1, 1, 161, 257, 54))
    assert shapes == [(1, 16, *grid)]


def test_x_and_y_are_treated_alike():
    """With kernels symmetric in the plane, a volume and its transpose have the same logits."""
    net, x = tiny(BodyConv, volume_size=(161, 161, 27)), torch.randn(1, 1, 161, 161, 27)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Conv3d):
                module.weight.copy_((module.weight + module.weight.transpose(2, 3)) / 2)
    torch.testing.assert_close(net(x.transpose(2, 3)), net(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (BodyConv, {"volume_size": (160, 161, 27)}, r"volume_size must be at least \(161, 161, 27\)"),
        (BodyConv, {"slices_per_group": 3, "encoder": TinyEncoder(in_channels=3)}, r"at least \(161, 161, 79\)"),
        (BodyConv, {"volume_size": (161, 161)}, r"volume_size must be \(X, Y, Z\)"),
        (BodyConv, {"num_classes": 0}, "num_classes must be positive"),
        (CTNet, {"volume_size": (161, 160, 3)}, r"volume_size must be at least \(161, 161, 1\)"),
        (CTNet, {"encoder": TinyEncoder()}, "encoder must be one with at least 27 features"),
    ],
)
def test_arguments_out_of_range_are_refused(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(kind, **arguments)


@pytest.mark.parametrize(
    ("kind", "good", "bad", "ranges"),
    [
        (BodyConv, (200, 210, 40), (225, 193, 27), "161 to 224 by 161 to 224 by 27 to 53"),
        (CTNet, (200, 210, 27), (161, 193, 28), "161 to 224 by 161 to 224 by 27"),
    ],
)
def test_sizes_with_the_same_number_of_cells_are_accepted(kind, good, bad, ranges):
    net = tiny(kind)
    for _ in range(2):  # the second time the size is known
        assert net(torch.randn(1, 1, *good)).shape == (1, 5)
    with pytest.raises(ValueError, match=f"volume must be of {ranges} voxels, .*Crop or pad it"):
        net(torch.randn(1, 1, *bad))
    with pytest.raises(ValueError, match="volume must be of 1 channel"):
        net(torch.randn(1, 2, *good))


@KINDS
def test_gradients_reach_every_parameter(kind):
    net = tiny(kind).train()
    net(torch.randn(2, 1, *SIZE)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_weights_are_loaded(tmp_path):
    net = tiny(CTNet)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    other = tiny(CTNet, weights=tmp_path / "net.pt")
    torch.testing.assert_close(other.classifier[1].weight, net.classifier[1].weight, rtol=0, atol=0)
