"""Pyramid attention against the paper's figure in plain functions."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.blocks.pyramid_attention import PyramidAttention
from tests.networks.tiny import shake_
from tests.references import segmentation_nets


@pytest.mark.parametrize("size", [(16, 24), (5, 7), (9, 33)])
def test_equals_the_reference(size):
    block = shake_(PyramidAttention(2, in_channels=3)).double()
    x = torch.randn(2, 3, *size, dtype=torch.float64)
    expected = segmentation_nets.pyramid_attention(dict(block.state_dict()), x, "")
    assert block(x).shape == (2, 1, *size)
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-12)


def test_upsampling_can_be_unaligned():
    aligned = shake_(PyramidAttention(2, 3))
    unaligned, x = PyramidAttention(2, 3, align_corners=False).eval(), torch.randn(1, 3, 16, 16)
    unaligned.load_state_dict(aligned.state_dict())
    assert (unaligned(x) - aligned(x)).abs().max() > 1e-3


def test_volumes():
    assert shake_(PyramidAttention(3, 2))(torch.randn(1, 2, 4, 5, 9)).shape == (1, 1, 4, 5, 9)


def test_training_needs_two_values_on_the_smallest_level():
    block = PyramidAttention(2, 3).train()
    with pytest.raises(ValueError, match="batch size must be at least 2 in training"):
        block(torch.randn(1, 3, 8, 8))
    assert block(torch.randn(1, 3, 9, 8)).shape == (1, 1, 9, 8)
