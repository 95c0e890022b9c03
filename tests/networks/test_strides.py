"""Strides of the feature maps of encoders, compared with the sizes of the maps."""

from __future__ import annotations

import torch

from monai_pylon.networks import make_encoder
from monai_pylon.networks.encoders import dilate_last_stage
from monai_pylon.networks.strides import DILATED_STRIDES, STRIDES, copy_grid


def test_the_strides_are_those_of_the_maps() -> None:
    x = torch.zeros(1, 1, 64, 64)
    plain, dilated = make_encoder("conv9", 2, 1), make_encoder("resnet18", 2, 1)
    dilate_last_stage(dilated)
    for encoder, strides in ((plain, STRIDES), (dilated, DILATED_STRIDES)):
        assert encoder.strides == strides
        assert tuple(64 // map.shape[-1] for map in encoder.eval()(x)) == strides


def test_a_wrapper_gets_only_what_the_encoder_says() -> None:
    encoder, wrapper = torch.nn.Identity(), torch.nn.Identity()
    encoder.strides = (2, 4)  # type: ignore[assignment]
    copy_grid(encoder, wrapper)
    assert wrapper.strides == (2, 4)
    assert not hasattr(wrapper, "first_cell")
