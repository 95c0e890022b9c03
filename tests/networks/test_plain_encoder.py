"""Plain encoders: their convolutions; the laws of all encoders are in test_encoders.py."""

from __future__ import annotations

from torch import nn

from monai_pylon.networks import make_encoder


def test_the_number_in_the_name_of_a_plain_encoder_is_that_of_its_convolutions():
    for name, number in (("conv5", 5), ("conv9", 9)):
        assert sum(isinstance(module, nn.Conv2d) for module in make_encoder(name, 2, 3).modules()) == number
