"""Li et al. 2018: a grid of patches from the deepest map, pooled as instances of a bag."""

from __future__ import annotations

import inspect

import pytest
import torch

from monai_pylon.networks.nets import Li2018
from tests.networks.tiny import TinyEncoder, shake_
from tests.references import segmentation_nets


@pytest.mark.parametrize("minimum", [0.98, 0.5])
def test_logits_are_the_noisy_or_of_the_patches(minimum):
    net = shake_(Li2018(encoder=TinyEncoder(), hidden_channels=16, minimum=minimum)).double()
    logits, attention, _ = net.explain(torch.randn(2, 1, 70, 150, dtype=torch.float64))
    assert attention.shape == (2, 14, 20, 20)
    assert net.decoder.conv.conv.kernel_size == (3, 3)
    assert net.head.kernel_size == (1, 1)
    torch.testing.assert_close(torch.sigmoid(logits), segmentation_nets.noisy_or(attention, minimum))


def test_patches_resample_the_deepest_map_with_aligned_corners():
    net = shake_(Li2018(encoder=TinyEncoder(), hidden_channels=16, grid_size=7)).double()
    maps = net.encoder(torch.randn(1, 1, 100, 130, dtype=torch.float64))
    grid = segmentation_nets.enlarge(maps[-1], (7, 7))
    reference = segmentation_nets.conv(grid, dict(net.decoder.state_dict()), "conv")
    torch.testing.assert_close(net.decoder(maps), reference, rtol=0, atol=1e-12)


def test_defaults_are_the_papers():
    defaults = {name: p.default for name, p in inspect.signature(Li2018).parameters.items()}
    assert [defaults[name] for name in ("grid_size", "hidden_channels", "minimum")] == [20, 512, 0.98]


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="grid_size must be positive"):
        Li2018(encoder=TinyEncoder(), grid_size=0)
    with pytest.raises(ValueError, match="minimum must be above 0 and below 1"):
        Li2018(encoder=TinyEncoder(), minimum=1.0)
    assert Li2018(encoder=TinyEncoder(), grid_size=1).decoder.size == (1, 1)
