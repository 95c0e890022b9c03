"""The baseline: a linear map of the deepest features, pooled by maximum or average."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.nets import MaxPoolBackbone
from tests.networks.tiny import TinyEncoder, shake_


def test_scores_the_deepest_map_cell_by_cell():
    net, x = shake_(MaxPoolBackbone(encoder=TinyEncoder())).double(), torch.randn(2, 1, 96, 64, dtype=torch.float64)
    logits, attention, _ = net.explain(x)
    cells = torch.einsum("mc,nchw->nmhw", net.head.weight[:, :, 0, 0], net.encoder(x)[-1])
    torch.testing.assert_close(attention, cells + net.head.bias[:, None, None])
    torch.testing.assert_close(logits, attention.flatten(2).max(2).values, rtol=0, atol=0)


def test_average_pooling_gives_the_class_activation_map():
    net = shake_(MaxPoolBackbone(encoder=TinyEncoder(), pooling="average")).double()
    x = torch.randn(2, 1, 96, 64, dtype=torch.float64)
    logits, attention, _ = net.explain(x)
    torch.testing.assert_close(attention.mean((2, 3)), logits)
    pooled = net.encoder(x)[-1].mean((2, 3))
    torch.testing.assert_close(pooled @ net.head.weight[:, :, 0, 0].T + net.head.bias, logits)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_volumes(pooling):
    net = shake_(MaxPoolBackbone(3, 1, 5, TinyEncoder(3), pooling))
    logits, attention, _ = net.explain(torch.randn(2, 1, 64, 96, 64))
    assert attention.shape == (2, 5, 2, 3, 2)
    assert logits.shape == (2, 5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "avg"}, "pooling must be one of 'max', 'average'"),
        ({"spatial_dims": 1}, "spatial_dims must be 2 or 3"),
        ({"spatial_dims": 4}, "spatial_dims must be 2 or 3"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaxPoolBackbone(encoder=TinyEncoder(), **arguments)
