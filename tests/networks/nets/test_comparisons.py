"""The networks that PYLON is compared with, against their papers written down in plain functions."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.nets import FPN, PAN, DeepLabV3Plus, Li2018, MaxPoolBackbone
from tests.networks.tiny import TinyEncoder, shake_
from tests.references import segmentation_nets

SIZES = [(256, 256), (70, 150)]
DILATED = (2, 4, 8, 16, 16)


def decoded(net, size):
    """What the decoder makes of an image, and the maps and state that a reference needs."""
    net = shake_(net).double()
    maps = net.encoder(torch.randn(2, 1, *size, dtype=torch.float64))
    return net.decoder(maps), dict(net.decoder.state_dict()), maps


@pytest.mark.parametrize("image_pooling", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_deeplab(size, image_pooling):
    encoder = TinyEncoder(strides=DILATED)
    net = DeepLabV3Plus(encoder=encoder, decoder_channels=16, low_level_channels=5, image_pooling=image_pooling)
    ours, state, maps = decoded(net, size)
    assert ours.shape[2:] == maps[1].shape[2:]
    assert any("pooling" in key for key in state) == image_pooling
    reference = segmentation_nets.deeplab(state, maps, image_pooling=image_pooling)
    torch.testing.assert_close(ours, reference, rtol=0, atol=1e-12)


@pytest.mark.parametrize("norm", ["group", "batch"])
@pytest.mark.parametrize("size", SIZES)
def test_fpn(size, norm):
    net = FPN(encoder=TinyEncoder(), pyramid_channels=16, segmentation_channels=32, norm=norm)
    ours, state, maps = decoded(net, size)
    assert any("running_mean" in key for key in state) == (norm == "batch")
    torch.testing.assert_close(ours, segmentation_nets.fpn(state, maps), rtol=0, atol=1e-11)


@pytest.mark.parametrize("image_pooling", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_pan(size, image_pooling):
    net = PAN(encoder=TinyEncoder(), decoder_channels=8, image_pooling=image_pooling)
    ours, state, maps = decoded(net, size)
    assert any("pooling" in key or "gate" in key for key in state) == image_pooling
    torch.testing.assert_close(ours, segmentation_nets.pan(state, maps, image_pooling), rtol=0, atol=1e-12)
    assert net.head.kernel_size == (3, 3)
    assert {state[f"up.{i}.layers.0.conv.weight"].shape[2:] for i in range(3)} == {(3, 3)}


@pytest.mark.parametrize("size", SIZES)
def test_li2018(size):
    net = shake_(Li2018(encoder=TinyEncoder(), hidden_channels=16)).double()
    logits, attention, _ = net.explain(torch.randn(2, 1, *size, dtype=torch.float64))
    assert attention.shape == (2, 14, 20, 20)
    assert net.decoder.conv.conv.kernel_size == (3, 3)
    assert net.head.kernel_size == (1, 1)
    torch.testing.assert_close(torch.sigmoid(logits), segmentation_nets.noisy_or(attention, 0.98))


def test_li2018_looks_at_the_deepest_map_on_a_grid_with_aligned_corners():
    net = shake_(Li2018(encoder=TinyEncoder(), hidden_channels=16, grid_size=7)).double()
    maps = net.encoder(torch.randn(1, 1, 100, 130, dtype=torch.float64))
    grid = segmentation_nets.enlarge(maps[-1], (7, 7))
    reference = segmentation_nets.conv(grid, dict(net.decoder.state_dict()), "conv")
    torch.testing.assert_close(net.decoder(maps), reference, rtol=0, atol=1e-12)


def test_the_backbone_scores_the_deepest_map_cell_by_cell():
    net, x = shake_(MaxPoolBackbone(encoder=TinyEncoder())).double(), torch.randn(2, 1, 96, 64, dtype=torch.float64)
    logits, attention, _ = net.explain(x)
    cells = torch.einsum("mc,nchw->nmhw", net.head.weight[:, :, 0, 0], net.encoder(x)[-1])
    torch.testing.assert_close(attention, cells + net.head.bias[:, None, None])
    torch.testing.assert_close(logits, attention.flatten(2).max(2).values, rtol=0, atol=0)


def test_with_average_pooling_the_backbones_map_is_the_cam():
    net = shake_(MaxPoolBackbone(encoder=TinyEncoder(), pooling="average")).double()
    x = torch.randn(2, 1, 96, 64, dtype=torch.float64)
    logits, attention, _ = net.explain(x)
    torch.testing.assert_close(attention.mean((2, 3)), logits)
    pooled = net.encoder(x)[-1].mean((2, 3))
    torch.testing.assert_close(pooled @ net.head.weight[:, :, 0, 0].T + net.head.bias, logits)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MaxPoolBackbone(encoder=TinyEncoder(), pooling="avg"), "pooling must be one of 'max', 'average'"),
        (lambda: FPN(encoder=TinyEncoder(), norm="grup"), "Did you mean 'group'"),
        (
            lambda: FPN(encoder=TinyEncoder(), segmentation_channels=48),
            "segmentation_channels must be a multiple of 32",
        ),
        (lambda: Li2018(encoder=TinyEncoder(), grid_size=0), "grid_size must be positive"),
        (lambda: Li2018(encoder=TinyEncoder(), minimum=1.0), "minimum must be above 0 and below 1"),
        (lambda: DeepLabV3Plus(encoder=TinyEncoder()), r"encoder.strides must be \(2, 4, 8, 16, 16\)"),
        (lambda: DeepLabV3Plus(encoder="densenet121"), "encoder must be a ResNet"),
    ],
)
def test_arguments_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "net",
    [PAN(encoder=TinyEncoder()), DeepLabV3Plus(encoder=TinyEncoder(strides=DILATED), decoder_channels=8)],
    ids=["PAN", "DeepLabV3Plus"],
)
def test_a_global_average_cannot_be_normalised_over_one_image(net):
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        net.train()(torch.randn(1, 1, 512, 512))
