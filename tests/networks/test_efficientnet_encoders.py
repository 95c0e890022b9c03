"""EfficientNet encoders: no global average in the Lite ones; the laws of all encoders are in test_encoders.py."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks import make_encoder
from monai_pylon.networks.efficientnet_encoders import LITE_NAMES


@pytest.mark.parametrize("name", [LITE_NAMES[0], "efficientnet_b0"])
def test_a_lite_cell_depends_on_its_receptive_field_only(name):
    """A pixel in one corner changes no early cell in the other; with squeeze-and-excitation it does."""
    encoder, image = make_encoder(name, 2, 1).eval(), torch.rand(1, 1, 192, 192)
    changed = image.clone()
    changed[..., 0, 0] += 1
    with torch.no_grad():
        before, after = encoder(image)[1], encoder(changed)[1]
    assert torch.equal(before[..., -4:, -4:], after[..., -4:, -4:]) == (name in LITE_NAMES)
    assert not torch.equal(before, after)
