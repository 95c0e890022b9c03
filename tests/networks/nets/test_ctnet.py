"""CTNet: slice groups are the channels of its convolutions, and it refuses to explain."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks import Explained
from monai_pylon.networks.nets import CTNet


def test_slice_groups_are_the_channels():
    assert CTNet.groups_are_channels


def test_refuses_to_explain_and_names_the_encoders_last_layer_for_hirescam():
    net, x = CTNet(volume_size=(161, 161, 3)).eval(), torch.zeros(1, 1, 161, 161, 3)
    for explain in (net.explain, Explained(net)):
        with pytest.raises(NotImplementedError, match=r'CTNet has no explanation.*HiResCAM\(net, "encoder.layer4"\)'):
            explain(x)
    images, outputs = torch.randn(1, 3, 64, 64), []
    net.encoder.layer4.register_forward_hook(lambda module, args, output: outputs.append(output))
    torch.testing.assert_close(net.encoder(images)[-1], outputs[0])
