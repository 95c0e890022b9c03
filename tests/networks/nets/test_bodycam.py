"""BodyCAM: its map sums to the logit minus the bias and equals CAM, Grad-CAM and HiResCAM."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.networks.nets import BodyCAM
from tests.networks.tiny import TinyEncoder, shake_


def tiny_bodycam(**arguments):
    own = {"num_classes": 5, "reduction_channels": (8, 6), "reduction_padding": 1}
    return shake_(BodyCAM(encoder=TinyEncoder(in_channels=3), **own | arguments))


@pytest.mark.parametrize(
    ("size", "grid"), [((64, 96, 8), (2, 3, 3)), ((33, 64, 3), (2, 2, 1)), ((90, 32, 1), (3, 1, 1))]
)
def test_map_sums_to_the_logit_minus_the_bias(size, grid):
    net, x = tiny_bodycam().double(), torch.randn(2, 1, *size, dtype=torch.float64)
    logits, attention, slice_scores = net.explain(x)
    assert attention.shape == (2, 5, *grid)
    assert slice_scores is None
    assert logits.dtype == attention.dtype == torch.float64
    torch.testing.assert_close(attention.sum((2, 3, 4)) + net.head.bias, logits)
    torch.testing.assert_close(net(x), logits, rtol=0, atol=0)


def test_logit_is_a_linear_layer_on_the_average_of_all_cells():
    net, x = tiny_bodycam(), torch.randn(2, 1, 64, 96, 6)
    average = net.reduced(net.features(x)).mean((1, 3, 4))
    torch.testing.assert_close(net(x), torch.nn.functional.linear(average, net.head.weight, net.head.bias))


def test_map_is_hirescam_and_grad_cam_at_the_reduced_features():
    net, x = tiny_bodycam().double(), torch.randn(1, 1, 64, 96, 6, dtype=torch.float64)
    z = net.reduced(net.features(x)).detach().requires_grad_()  # (1, G, F, rows, columns)
    attention = net.explain(x).attention
    for label in range(5):
        (gradient,) = torch.autograd.grad(net._logits(z)[0, label], z)
        hirescam = (gradient * z).sum(2)[0].permute(2, 1, 0)
        grad_cam = (gradient.mean((1, 3, 4), keepdim=True) * z).sum(2)[0].permute(2, 1, 0)
        torch.testing.assert_close(attention[0, label], hirescam)
        torch.testing.assert_close(attention[0, label], grad_cam)


def test_attention_has_the_axes_x_y_and_groups():
    net, x = tiny_bodycam(reduction_channels=()), torch.randn(1, 1, 256, 320, 9)
    changed = x.clone()
    changed[0, 0, :32, -32:, 7] += 3
    difference = (net.explain(changed).attention - net.explain(x).attention)[0].abs().amax(0)
    assert difference[0, 9, 2] > 0
    assert (difference[..., :2] == 0).all()
    assert (difference[4:] == 0).all()
    assert (difference[:, :5] == 0).all()


def test_a_batch_gives_the_results_of_its_volumes():
    net, x = tiny_bodycam(chunk_size=2), torch.randn(3, 1, 64, 96, 6)
    together = net.explain(x)
    for number in range(3):
        alone = net.explain(x[number : number + 1])
        torch.testing.assert_close(alone.attention[0], together.attention[number], rtol=1e-4, atol=1e-6)
        torch.testing.assert_close(alone.logits[0], together.logits[number], rtol=1e-4, atol=1e-5)


def test_half_precision_gives_float32_maps_that_sum_to_the_logits():
    net, x = tiny_bodycam(), torch.randn(1, 1, 64, 96, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.inference_mode():
        logits, attention, _ = net.explain(x)
    assert attention.dtype == logits.dtype == torch.float32
    torch.testing.assert_close(attention.sum((2, 3, 4)) + net.head.bias, logits)


def test_slices_that_leave_no_cell_are_refused_with_the_smallest_size():
    net = tiny_bodycam(reduction_channels=(4, 4, 4, 4), reduction_padding=0)
    assert net(torch.randn(1, 1, 257, 257, 3)).shape == (1, 5)
    with pytest.raises(ValueError, match=r"volume must be at least \(257, 257\) voxels, but is \(257, 256\)"):
        net(torch.randn(1, 1, 257, 256, 3))
    with pytest.raises(ValueError, match="volume must be of 1 channel"):
        net(torch.randn(1, 3, 257, 257, 3))
