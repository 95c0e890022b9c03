"""The base of the heatmap networks: checks of images, the head, the pooling and the encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from monai_pylon.networks.nets.heatmap import HeatmapNetwork, check_image, map_head
from monai_pylon.networks.strides import DILATED_STRIDES
from tests.networks.tiny import TinyEncoder, shake_


class Middle(nn.Module):
    """Returns the encoder's map of stride 8."""

    def __init__(self, channels):
        super().__init__()
        self.out_channels = channels[2]

    def forward(self, maps):
        return maps[2]


def tiny(**arguments):
    return shake_(
        HeatmapNetwork(2, 1, **{"num_classes": 5, "encoder": TinyEncoder(), "make_decoder": Middle} | arguments)
    )


def test_heatmap_is_the_head_on_the_decoded_map_and_the_maximum_is_the_logit():
    net, x = tiny(), torch.randn(2, 1, 64, 96)
    logits, heatmap, slice_scores = net.explain(x)
    assert heatmap.shape == (2, 5, 8, 12)
    assert slice_scores is None
    torch.testing.assert_close(heatmap, net.head(net.encoder(x)[2]), rtol=0, atol=0)
    torch.testing.assert_close(logits, heatmap.amax((2, 3)), rtol=0, atol=0)
    torch.testing.assert_close(net(x), logits, rtol=0, atol=0)


def test_pooling_can_be_given():
    net, x = tiny(pool=nn.AdaptiveAvgPool2d(1)), torch.randn(2, 1, 64, 64)
    logits, heatmap, _ = net.explain(x)
    torch.testing.assert_close(logits, heatmap.mean((2, 3)))


def test_strides_are_required_of_the_encoder():
    assert tiny(encoder="resnet18", strides=DILATED_STRIDES).encoder.strides == DILATED_STRIDES
    with pytest.raises(ValueError, match=r"encoder.strides must be \(2, 4, 8, 16, 16\)"):
        tiny(strides=DILATED_STRIDES)


def test_weights_are_loaded(tmp_path):
    net = tiny()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    torch.testing.assert_close(tiny(weights=tmp_path / "net.pt").head.weight, net.head.weight, rtol=0, atol=0)


def test_half_precision_gives_float32_heatmaps():
    logits, heatmap, _ = tiny().bfloat16().explain(torch.randn(1, 1, 64, 64).bfloat16())
    assert logits.dtype == heatmap.dtype == torch.float32


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_head_keeps_the_grid(kernel):
    head = map_head(2, 6, 1, kernel)
    assert head.kernel_size == (kernel, kernel)
    assert head(torch.zeros(1, 6, 7, 8)).shape == (1, 1, 7, 8)
    assert head.bias is not None


def test_head_is_a_1x1_convolution_by_default():
    assert tiny().head.kernel_size == map_head(2, 6, 3).kernel_size == (1, 1)
    assert tiny(head_kernel_size=3).head.kernel_size == (3, 3)
    assert map_head(3, 6, 3).kernel_size == (1, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"num_classes": 0}, ValueError, "num_classes must be positive"),
        ({"num_classes": 2.0}, TypeError, "num_classes must be of type int"),
        ({"head_kernel_size": 2}, ValueError, "head_kernel_size must be odd"),
        ({"encoder": nn.Identity()}, ValueError, "encoder.strides must be"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        tiny(**arguments)


@pytest.mark.parametrize(
    ("shape", "channels", "message"),
    [
        ((1, 1, 63, 64), 1, "at least 64 along every spatial axis"),
        ((1, 1, 64, 63), 1, "at least 64 along every spatial axis"),
        ((1, 2, 64, 64), 1, r"of 1 channel, \(N, C, H, W\), .*make the network with in_channels=2"),
        ((1, 1, 64, 64), 2, r"of 2 channels, \(N, C, H, W\)"),
        ((1, 64, 64), 1, r"of shape \(N, C, H, W\).*Add a batch axis"),
        ((1, 1, 64, 64, 64), 1, r"of shape \(N, C, H, W\)"),
        ((0, 1, 64, 64), 1, "a batch of at least one"),
    ],
)
def test_images_of_other_shapes_are_refused(shape, channels, message):
    with pytest.raises(ValueError, match=f"image must be {message}"):
        check_image(torch.zeros(shape), 2, channels)


def test_volumes_are_checked_along_three_axes():
    check_image(torch.zeros(1, 2, 64, 64, 64), 3, 2)
    with pytest.raises(ValueError, match=r"image must be of shape \(N, C, X, Y, Z\)"):
        check_image(torch.zeros(1, 2, 64, 64), 3, 2)
    with pytest.raises(ValueError, match=r"image must be of 2 channels, \(N, C, X, Y, Z\)"):
        check_image(torch.zeros(1, 1, 64, 64, 64), 3, 2)


def test_images_of_other_types_are_refused():
    check_image(torch.zeros(1, 1, 64, 64, dtype=torch.float64), 2, 1)
    with pytest.raises(ValueError, match="image must be of floating point numbers"):
        check_image(torch.zeros(1, 1, 64, 64, dtype=torch.uint8), 2, 1)
    with pytest.raises(TypeError, match="image must be of type Tensor"):
        check_image(np.zeros((1, 1, 64, 64)), 2, 1)


def test_nothing_is_checked_in_a_recorded_program(monkeypatch):
    monkeypatch.setattr("monai_pylon.networks.nets.heatmap.is_eager", lambda: False)
    check_image(torch.zeros(1, 1, 8, 8), 2, 1)
