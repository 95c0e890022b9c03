"""BodyConv: features are the channels of its convolutions, and it refuses to explain."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks import Explained
from monai_pylon.networks.nets import BodyConv


def test_features_are_the_channels():
    assert not BodyConv.groups_are_channels


def test_refuses_to_explain_and_names_a_layer_for_hirescam():
    net, x = BodyConv(volume_size=(161, 161, 81)), torch.zeros(1, 1, 161, 161, 81)
    for explain in (net.explain, Explained(net)):
        with pytest.raises(NotImplementedError, match=r'BodyConv has no explanation.*HiResCAM\(net, "convolutions"\)'):
            explain(x)
    assert "convolutions" in dict(net.named_modules())
