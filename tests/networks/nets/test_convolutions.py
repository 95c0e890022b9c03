"""BodyConv, CTNet and Conv3DNet: the papers' sizes, what goes along which axis, and why they do not explain."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks import Explained, make_encoder
from monai_pylon.networks.nets import BodyConv, Conv3DNet, CTNet
from tests.networks.tiny import TinyEncoder, shake_

SIZE = (161, 193, 27)


class WideEncoder(TinyEncoder):
    """Has features enough for CTNet: each of its 12 three times."""

    def __init__(self) -> None:
        super().__init__(in_channels=1)
        self.channels = (*self.channels[:-1], 36)

    def forward(self, x):
        maps = super().forward(x)
        return [*maps[:-1], maps[-1].repeat(1, 3, 1, 1)]


def tiny(kind, **arguments):
    own = {"num_classes": 5, "volume_size": (81, 162, 81) if kind is Conv3DNet else SIZE}
    if kind is not Conv3DNet:
        own |= {"slices_per_group": 1, "encoder": WideEncoder()}
    return shake_(kind(**own | arguments))


KINDS = pytest.mark.parametrize("kind", [BodyConv, CTNet, Conv3DNet])


@KINDS
def test_a_batch_is_its_volumes_one_by_one(kind):
    net = tiny(kind)
    x = torch.randn(2, 1, *net.volume_size)
    logits = net(x)
    assert logits.shape == (2, 5)
    assert logits.std() > 0
    for number in range(2):
        torch.testing.assert_close(net(x[number : number + 1])[0], logits[number], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "numbers", "channels"),
    [(BodyConv, 16 * 5 * 5 * 5, 512), (CTNet, 16 * 5 * 5 * 18, 135), (Conv3DNet, 64 * 5 * 5 * 5, 1)],
)
def test_at_the_papers_size_the_layers_are_the_papers(kind, numbers, channels):
    net = kind()
    assert net.convolutions[0].in_channels == channels
    assert net.classifier[1].in_features == numbers
    assert [layer.out_features for layer in net.classifier if isinstance(layer, torch.nn.Linear)] == [128, 96, 80]
    assert {layer.p for layer in net.classifier if isinstance(layer, torch.nn.Dropout)} == {
        0.1 if kind is Conv3DNet else 0.5
    }


def test_convolutions_of_bodyconv_run_over_x_y_and_groups():
    """The three kernels along the groups have a stride of three, so that no two groups of 27 share a cell."""
    net, x = tiny(BodyConv, volume_size=(*SIZE[:2], 54)), torch.randn(1, 1, *SIZE[:2], 54)
    changed = x.clone()
    changed[..., 27:] += 1
    before, after = (net.convolutions(net.features(volume).permute(0, 2, 4, 3, 1)) for volume in (x, changed))
    assert before.shape == (1, 16, 1, 1, 2)
    assert (before[..., 0] == after[..., 0]).all()
    assert (before[..., 1] != after[..., 1]).any()


@pytest.mark.parametrize(("kind", "grid"), [(BodyConv, (1, 2, 2)), (CTNet, (1, 2, 36 // 27))])
def test_maps_of_the_convolutions_lie_along_x_and_y(kind, grid):
    net = tiny(kind, volume_size=(161, 257, 54))
    assert net.convolutions[0].in_channels == (36 if kind is BodyConv else 54)
    kept = []
    net.convolutions.register_forward_hook(lambda module, args, output: kept.append(output.shape))
    net(torch.randn(1, 1, 161, 257, 54))
    assert kept == [(1, 16, *grid)]


def test_swapping_x_and_y_swaps_the_kernels():
    """Rows are y and columns x, all the way: with symmetric weights a transposed volume has the same scores."""
    net = tiny(BodyConv, volume_size=(161, 161, 27))
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.weight.copy_((module.weight + module.weight.transpose(2, 3)) / 2)
            if isinstance(module, torch.nn.Conv3d):
                module.weight.copy_((module.weight + module.weight.transpose(2, 3)) / 2)
    x = torch.randn(1, 1, 161, 161, 27)
    torch.testing.assert_close(net(x.transpose(2, 3)), net(x), rtol=1e-4, atol=1e-5)


@KINDS
def test_explain_says_why_not_and_points_to_hirescam(kind):
    net = tiny(kind)
    x = torch.zeros(1, 1, *net.volume_size)
    for explain in (net.explain, Explained(net)):
        with pytest.raises(
            NotImplementedError, match=rf"{kind.__name__} has no explanation.*HiResCAM\(net, \""
        ) as error:
            explain(x)
    layer = str(error.value).split('HiResCAM(net, "')[1].split('"')[0]
    real = kind() if kind is not Conv3DNet else net
    assert dict(real.named_modules())[layer] is not None


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (BodyConv, {"volume_size": (160, 161, 27)}, r"volume_size must be at least \(161, 161, 27\)"),
        (BodyConv, {"slices_per_group": 3, "encoder": TinyEncoder(in_channels=3)}, r"at least \(161, 161, 79\)"),
        (BodyConv, {"volume_size": (161, 161)}, r"volume_size must be \(X, Y, Z\)"),
        (CTNet, {"volume_size": (160, 161, 3)}, r"volume_size must be at least \(161, 161, 1\)"),
        (CTNet, {"encoder": TinyEncoder()}, "encoder must be one with at least 27 features"),
        (Conv3DNet, {"volume_size": (81, 81, 80)}, r"volume_size must be at least \(81, 81, 81\)"),
        (Conv3DNet, {"num_classes": 0}, "num_classes must be positive"),
    ],
)
def test_refuses_arguments_out_of_range(kind, arguments, message):
    with pytest.raises(ValueError, match=message):
        tiny(kind, **arguments)


@pytest.mark.parametrize(
    ("kind", "good", "bad", "ranges"),
    [
        (BodyConv, (200, 210, 40), (225, 193, 27), "161 to 224 by 161 to 224 by 27 to 53"),
        (CTNet, (200, 210, 27), (161, 193, 28), "161 to 224 by 161 to 224 by 27"),
        (Conv3DNet, (161, 242, 100), (81, 243, 81), "81 to 161 by 162 to 242 by 81 to 161"),
    ],
)
def test_other_sizes_with_as_many_cells_are_taken_and_no_others(kind, good, bad, ranges):
    net = tiny(kind)
    assert net(torch.randn(1, 1, *good)).shape == (1, 5)
    with pytest.raises(ValueError, match=f"volume must be of {ranges} voxels, .*Crop or pad it"):
        net(torch.randn(1, 1, *bad))
    with pytest.raises(ValueError, match="volume must be of 1 channel"):
        net(torch.randn(1, 2, *good))


@KINDS
def test_gradients_reach_every_parameter(kind):
    net = tiny(kind).train()
    net(torch.randn(2, 1, *net.volume_size)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_ctnets_layer_for_hirescam_is_where_the_encoder_ends():
    encoder = make_encoder("resnet18", 2, 3).eval()
    x = torch.randn(1, 3, 64, 64)
    kept = []
    encoder.layer4.register_forward_hook(lambda module, args, output: kept.append(output))
    torch.testing.assert_close(encoder(x)[-1], kept[0])
