"""AxialNet that pools inside organs: exact sums, nothing outside the organs, and plain AxialNet as a special case."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.networks import optimize_for_inference
from monai_pylon.transforms import allowed_regions
from monai_pylon.visualize import HiResCAM, audit_explanation, map_geometry
from tests.networks.nets.test_axialnet import ABLATIONS, tiny_axialnet
from tests.networks.tiny import TinyEncoder

LUNGS, MEDIASTINUM = [True, False, True], [False, True, False]
TABLE = [LUNGS, MEDIASTINUM, [True, True, True], [True, False, False], LUNGS]


def volume(slices=8, samples=2, dtype=torch.float64):
    """Return volumes with organs: air, right lung, mediastinum and left lung along x, and an upper end along z."""
    x = torch.randn(samples, 2, 96, 128, slices, dtype=dtype)
    x[:, 1] = torch.tensor([0.0, 1, 2, 3, 0, 0]).repeat_interleave(16)[None, :, None, None]
    x[:, 1, :, :, 6:] = 0
    return x


def pooled(**arguments):
    return tiny_axialnet(label_organs=TABLE, **arguments)


@pytest.mark.parametrize("mask_input", [False, True])
@pytest.mark.parametrize("arguments", ABLATIONS, ids=str)
def test_cells_sum_to_slice_scores(arguments, mask_input):
    net, x = pooled(mask_input=mask_input, **arguments).double(), volume()
    logits, attention, slice_scores = net.explain(x)
    torch.testing.assert_close(attention.sum((2, 3)) + net.head.bias[:, None], slice_scores)
    torch.testing.assert_close(net(x), logits, rtol=0, atol=0)
    assert attention.flatten(2).abs().amax(2).min() > 0, "every label has evidence somewhere"


@pytest.mark.parametrize("arguments", ABLATIONS, ids=str)
def test_equals_plain_axialnet_if_every_voxel_is_allowed(arguments):
    torch.manual_seed(0)
    plain = tiny_axialnet(**arguments).double()
    net = tiny_axialnet(label_organs=torch.ones(5, 3), mask_input=True, **arguments).double()
    net.load_state_dict(plain.state_dict())
    x = volume()
    x[:, 1] = torch.randint(1, 4, x[:, 1].shape).double()
    for one, two in zip(net.explain(x), plain.explain(x[:, :1]), strict=True):
        torch.testing.assert_close(one, two)


def test_attention_outside_the_organs_is_zero():
    """Cells at x = 0, 32, 64: half of the first and of the last cell's voxels are organs."""
    net, x = pooled().double(), volume()
    attention = net.explain(x).attention  # (N, M, 3, 4, groups)
    assert attention[..., 2].abs().max() == 0, "the last group has no organ"
    assert attention[:, 3, 2].abs().max() == 0, "no right lung on the left"
    assert attention[:, 3, 0, :, :2].abs().min() == 0, "the first cell sees voxels 0 to 15 of air"
    assert attention[:, 3, 1, :, 0].abs().max() > 0


def test_weights_are_shares_of_voxels():
    """Hand values: the cell at x = 32 has the voxels 16 to 47, half right lung and half mediastinum."""
    weights = pooled()._weights(volume()[:, 1])[0, 0, :, 1]  # (M, columns)
    expected = torch.tensor([[0, 0.5, 0.5], [0, 0.5, 0], [0, 1, 0.5], [0, 0.5, 0], [0, 0.5, 0.5]])
    torch.testing.assert_close(weights, expected)


def test_whole_cells_are_those_in_which_nearest_allows_the_label():
    """Cells look at the voxels 0, 32 and 64 along x: air, mediastinum and air; the shares are halves there."""
    net, x = pooled(organ_weights="nearest").double(), volume()
    weights = net._weights(x[:, 1])[0, 0, :, 1]  # (M, columns)
    assert weights.tolist() == [[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    geometry = map_geometry(tiny_axialnet(), None, x.shape[2:])
    for weight, organs in zip(net._weights(x[:, 1]), x[:, 1].numpy(), strict=True):
        expected = allowed_regions(organs.astype(int), np.array(TABLE), (3, 4, 2), geometry=geometry)
        np.testing.assert_array_equal(weight[:2].permute(1, 3, 2, 0).numpy(), expected)
    _, attention, slice_scores = net.explain(x)
    torch.testing.assert_close(attention.sum((2, 3)) + net.head.bias[:, None], slice_scores)
    assert attention[:, 1, 1].abs().max() > 0
    assert attention[:, 0].abs().max() == 0
    with pytest.raises(ValueError, match="organ_weights must be"):
        pooled(organ_weights="area")


def test_voxels_outside_the_organs_change_nothing_if_the_input_is_masked():
    x = volume()
    other = x.clone()
    other[:, 0][x[:, 1] == 0] += 100
    masked, open_ = pooled(mask_input=True).double(), pooled().double()
    torch.testing.assert_close(masked(x), masked(other), rtol=0, atol=0)
    assert (open_(x) - open_(other)).abs().max() > 1e-3, "pooling alone does not hide them"


@pytest.mark.parametrize("mask_input", [False, True])
def test_hirescam_is_the_attention_and_the_audit_confirms_it(mask_input):
    net, x = pooled(mask_input=mask_input), volume(dtype=torch.float32)
    maps = HiResCAM(net, "reduction")(x, "all")
    torch.testing.assert_close(3 * maps.permute(0, 1, 4, 3, 2), net.explain(x).attention, rtol=1e-4, atol=1e-6)
    audit = audit_explanation(net, "reduction", x[:1])
    assert audit.provable
    assert audit.architecture == "affine head"


def test_encoder_that_does_not_say_where_it_looks_is_refused():
    encoder = TinyEncoder(in_channels=3)
    del encoder.first_cell
    tiny_axialnet(encoder=encoder)
    with pytest.raises(ValueError, match=r"encoder must be an encoder with first_cell.*map_geometry"):
        pooled(encoder=encoder)


def test_optimized_copy_in_half_precision_takes_the_same_cells():
    net, x = pooled(), volume(dtype=torch.float32)
    net.encoder.first_cell = 40  # as of an encoder without padding: more than a cell of 32 pixels further in
    fast = optimize_for_inference(net, torch.bfloat16)
    found = net.explain(x).attention == 0
    assert found.any()
    assert torch.equal(fast.explain(x).attention == 0, found)


def test_training_features_and_optimized_copy_agree():
    net, x = pooled(mask_input=True), volume(dtype=torch.float32)
    found = net.explain(x)
    for one, two in zip(net.explain_features(net.features(x), x[:, 1]), found, strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)
    fast = optimize_for_inference(net).explain(MetaTensor(x))
    for one, two in zip(fast, found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)
    net.train()(x).sum().backward()
    assert net.head.weight.grad.abs().max() > 0


def test_wrong_inputs_are_refused():
    net, x = pooled(), volume(dtype=torch.float32)
    with pytest.raises(ValueError, match=r"of 2 channels, \(N, 2, X, Y, Z\).* organ labels of partition_organs"):
        net(x[:, :1])
    with pytest.raises(ValueError, match="of 1 channel"):
        tiny_axialnet()(x)
    x[:, 1, 0, 0, 0] = 0.5
    with pytest.raises(ValueError, match="organ labels 0, 1, 2, 3"):
        net(x)
    with pytest.raises(ValueError, match="organs must be organ labels"):
        net.explain_features(torch.zeros(2, 12, 4, 3))
    with pytest.raises(ValueError, match="organs must be None without label_organs"):
        tiny_axialnet().explain_features(torch.zeros(2, 12, 4, 3), x[:, 1])
    with pytest.raises(ValueError, match="mask_input must be False without label_organs"):
        tiny_axialnet(mask_input=True)
