"""Encoders: feature maps at every stride in 2D and 3D, without unused parameters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_pylon.networks import make_encoder
from monai_pylon.networks.encoders import ENCODERS, as_encoder, dilate_last_stage
from tests.networks.tiny import TinyEncoder

#: The encoder of chest CTs is for volumes alone.
IN_2D = sorted(set(ENCODERS) - {"ct_resnet152"})


@pytest.mark.parametrize("name", IN_2D)
@pytest.mark.parametrize("size", [(64, 96), (75, 101)])
def test_maps_have_the_declared_channels_and_strides(name, size):
    encoder = make_encoder(name, 2, 3).eval()
    maps = encoder(torch.randn(1, 3, *size))
    assert encoder.strides == ((2, 4, 8) if name == "conv5" else (2, 4, 8, 16, 32))
    assert [map.shape[1] for map in maps] == list(encoder.channels)
    for stride, map in zip(encoder.strides, maps, strict=True):
        # some encoders round a partial cell at the border up, others down
        assert all(
            edge // stride <= cells <= -(-edge // stride) for edge, cells in zip(size, map.shape[2:], strict=True)
        )


@pytest.mark.parametrize("name", IN_2D)
def test_the_last_map_gives_every_parameter_a_gradient(name):
    encoder = make_encoder(name, 2, 1)
    encoder(torch.randn(2, 1, 64, 64))[-1].sum().backward()
    assert not [key for key, parameter in encoder.named_parameters() if parameter.grad is None]


@pytest.mark.parametrize("name", IN_2D)
def test_later_layers_change_no_map_in_place(name):
    encoder, x = make_encoder(name, 2, 1).eval(), torch.randn(1, 1, 64, 64)
    seen = []
    for module in encoder.modules():
        if not list(module.children()):
            module.register_forward_hook(lambda module, args, out: seen.append(out.clone()))
    maps = encoder(x)
    for map in maps[:-1]:  # equal to the output of some module
        found = any(map.shape == other.shape and torch.equal(map, other) for other in seen)
        assert found or name == "efficientnet_b0"  # its maps are sums, which no module computes


def test_resnets_in_3d():
    encoder = make_encoder("resnet18", 3, 1).eval()
    assert [tuple(map.shape) for map in encoder(torch.randn(1, 1, 64, 32, 64))] == [
        (1, 64, 32, 16, 32),
        (1, 64, 16, 8, 16),
        (1, 128, 8, 4, 8),
        (1, 256, 4, 2, 4),
        (1, 512, 2, 1, 2),
    ]


def test_parameters_of_the_paper():
    assert sum(p.numel() for p in make_encoder("resnet50", 2, 3).parameters()) == 23_508_032  # torchvision's, less fc


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_dilating_keeps_the_weights_and_the_strided_cells(name):
    """Every second cell of the dilated shortcut is a cell of the strided one, so the weights still fit."""
    encoder, x = make_encoder(name, 2, 1).eval(), torch.randn(1, 1, 128, 128)
    before = [map.detach() for map in encoder(x)]
    stage = encoder.layer4[0].downsample
    strided = stage(before[3])
    dilated = dilate_last_stage(encoder)
    assert dilated.strides == (2, 4, 8, 16, 16)
    after = dilated(x)
    assert after[-1].shape[2:] == before[3].shape[2:]
    torch.testing.assert_close(after[3], before[3], rtol=0, atol=0)
    torch.testing.assert_close(stage(before[3])[..., ::2, ::2], strided)
    assert {m.dilation for m in encoder.layer4.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)} == {
        (2, 2)
    }


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: make_encoder("resnet51", 2, 1), ValueError, "Did you mean 'resnet50'"),
        (lambda: make_encoder("densenet121", 3, 1), ValueError, "encoder must be a ResNet in 3D"),
        (lambda: make_encoder("resnet18", 1, 1), ValueError, "spatial_dims must be 2 or 3"),
        (lambda: make_encoder("resnet18", 2, 0), ValueError, "in_channels must be positive"),
        (lambda: make_encoder(18, 2, 1), TypeError, "encoder must be of type str"),
        (lambda: as_encoder(None, 2, 1), TypeError, "encoder must be of type Module"),
        (
            lambda: as_encoder(TinyEncoder(), 2, 1, (2, 4, 8, 16, 16)),
            ValueError,
            r"encoder.strides must be \(2, 4, 8, 16, 16",
        ),
        (lambda: dilate_last_stage(make_encoder("densenet121", 2, 1)), ValueError, "encoder must be a ResNet"),
        (lambda: as_encoder("conv5", 2, 1), ValueError, r"is \(2, 4, 8\). The encoder 'conv5' is too shallow"),
        (lambda: make_encoder("conv9", 3, 1), ValueError, "encoder must be a ResNet in 3D"),
    ],
)
def test_arguments_out_of_range_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_an_encoder_without_channels_is_refused():
    encoder = TinyEncoder()
    encoder.channels = (4, 6)
    with pytest.raises(ValueError, match=r"encoder.channels must be 5 numbers, but is \(4, 6\)"):
        as_encoder(encoder, 2, 1)


def test_monais_spelling_of_efficientnet_is_accepted():
    assert make_encoder("efficientnet-b0", 2, 1).name == "efficientnet_b0"


def test_any_strides_suffice_where_only_the_last_map_is_used():
    encoder = make_encoder("conv5", 2, 3)
    assert as_encoder(encoder, 2, 3, None) is encoder
    assert as_encoder("conv5", 2, 3, None).strides == (2, 4, 8)
