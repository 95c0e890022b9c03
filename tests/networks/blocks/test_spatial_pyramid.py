"""Image pooling, separable convolutions and the atrous pyramid against plain functions."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.blocks.spatial_pyramid import AtrousSpatialPyramid, ImagePooling, separable_conv
from tests.networks.tiny import shake_
from tests.references import segmentation_nets


def test_image_pooling_is_a_convolution_of_the_average():
    block, x = shake_(ImagePooling(2, 3, 5)), torch.randn(2, 3, 4, 6)
    expected = segmentation_nets.conv(x.mean((2, 3), keepdim=True), dict(block.state_dict()), "conv")
    torch.testing.assert_close(block(x), expected)
    assert shake_(ImagePooling(3, 3, 5))(torch.randn(1, 3, 4, 6, 2)).shape == (1, 5, 1, 1, 1)


@pytest.mark.parametrize("dilation", [None, 1, 4])
def test_separable_convolution(dilation):
    block = shake_(separable_conv(2, 3, 5) if dilation is None else separable_conv(2, 3, 5, dilation))
    x, state = torch.randn(2, 3, 11, 9), {f"block.{key}": value for key, value in block.state_dict().items()}
    torch.testing.assert_close(block(x), segmentation_nets.separable(x, state, "block", dilation or 1))
    assert block[0].bias is None
    assert block[1].conv.bias is None


@pytest.mark.parametrize("image_pooling", [None, True, False])
@pytest.mark.parametrize("rates", [None, (2, 3), ()])
def test_pyramid(image_pooling, rates):
    given = {"rates": rates, "image_pooling": image_pooling}
    block = AtrousSpatialPyramid(2, 3, 5, **{key: value for key, value in given.items() if value is not None})
    block, x = shake_(block).double(), torch.randn(2, 3, 40, 41, dtype=torch.float64)
    expected_rates = (12, 24, 36) if rates is None else rates
    reference = segmentation_nets.spatial_pyramid(
        dict(block.state_dict()), x, "", expected_rates, image_pooling is not False
    )
    torch.testing.assert_close(block(x), reference)
    assert block.branches[0].conv.bias is None
    assert block.project[0].conv.bias is None


def test_dropout_after_the_branches():
    assert AtrousSpatialPyramid(2, 3, 5).project[1].p == 0.5
    assert AtrousSpatialPyramid(2, 3, 5, dropout=0.2).project[1].p == 0.2


def test_a_global_average_cannot_be_trained_on_one_image():
    x = torch.randn(1, 3, 64, 64)
    for block in (ImagePooling(2, 3, 5), AtrousSpatialPyramid(2, 3, 5)):
        with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
            block.train()(x)
    assert AtrousSpatialPyramid(2, 3, 5, image_pooling=False).train()(x).shape == (1, 5, 64, 64)
