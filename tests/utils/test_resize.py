"""Tests of the interpolation: as in PyTorch, on any number of axes, and for one label."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from monai_pylon.utils import upsample
from monai_pylon.utils.resize import interpolate_linear, resize_linear
from tests.old_versions import needs_torch_2_5

MODES = {1: "linear", 2: "bilinear", 3: "trilinear"}
SIZES = [
    ((5,), (13,)), ((6,), (3,)), ((1,), (4,)), ((4,), (1,)),
    ((6, 6), (42, 42)), ((8, 5), (8, 31)), ((9, 4), (2, 7)), ((1, 1), (3, 2)),
    ((4, 6, 6), (12, 42, 42)), ((6, 5, 4), (3, 10, 4)), ((2, 3, 7), (2, 3, 7)),
]  # fmt: skip


@needs_torch_2_5  # older ones round otherwise, by up to 1.1e-6
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(("grid", "size"), SIZES)
def test_result_is_that_of_interpolate(grid: tuple[int, ...], size: tuple[int, ...], align_corners: bool) -> None:
    for dtype, tolerance in ((torch.float32, 1e-6), (torch.float64, 1e-12)):
        image = torch.randn(2, 3, *grid, dtype=dtype)
        expected = interpolate(image, size=size, mode=MODES[len(grid)], align_corners=align_corners)
        torch.testing.assert_close(resize_linear(image, size, align_corners), expected, atol=tolerance, rtol=0)
        for label in range(3):
            one = upsample(image, size, label, align_corners)
            torch.testing.assert_close(one, expected[:, label], atol=tolerance, rtol=0)


def test_by_hand() -> None:
    image = torch.tensor([[0.0, 4.0]])
    assert resize_linear(image, (4,)).tolist() == [[0.0, 1.0, 3.0, 4.0]]
    assert resize_linear(image, (5,), align_corners=True).tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0]]
    assert resize_linear(image, [2]).tolist() == image.tolist()
    assert resize_linear(torch.tensor([[1.0], [3.0]]), (3, 2), align_corners=True).tolist() == [[1, 1], [2, 2], [3, 3]]


def test_flips_transposition_constants_and_four_axes() -> None:
    """Flips and transposition commute, a constant stays, four axes work, and the input is unchanged."""
    image = torch.randn(2, 3, 4, 5)
    kept = image.clone()
    large = resize_linear(image, (9, 11))
    torch.testing.assert_close(resize_linear(image.flip(-1), (9, 11)), large.flip(-1))
    torch.testing.assert_close(resize_linear(image.mT, (11, 9)), large.mT)
    torch.testing.assert_close(resize_linear(torch.full((4, 5), 7.0), (9, 11)), torch.full((9, 11), 7.0))
    four = resize_linear(image, (4, 6, 4, 5))
    expected = interpolate(image.flatten(2)[None, None], (4, 6, 20), mode="trilinear").reshape(four.shape)
    torch.testing.assert_close(four, expected)
    assert torch.equal(image, kept)


def test_precision_and_gradients() -> None:
    image = torch.randn(2, 3, 4)
    assert resize_linear(image.bfloat16(), (9,)).dtype == torch.float32
    assert resize_linear(torch.arange(3), (5,), align_corners=True).tolist() == [0, 0.5, 1, 1.5, 2]
    with torch.autocast("cpu", torch.bfloat16):
        inside = resize_linear(image, (9, 9))
    torch.testing.assert_close(inside, resize_linear(image, (9, 9)), atol=0, rtol=0)
    assert torch.autograd.gradcheck(lambda t: resize_linear(t, (5, 7)), image.double().requires_grad_())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: upsample(x, (8, 8), 3), ValueError, "label must be between 0 and 2, but is 3"),
        (lambda x: upsample(x, (8, 8), -1), ValueError, "label must be between 0 and 2"),
        (lambda x: upsample(x, (8, 8), "Mass"), TypeError, "label must be of type int"),
        (lambda x: upsample(x, (8, 8, 8), 0), ValueError, "size must be one number for each of the grid's 2 axes"),
        (lambda x: upsample(x[0, 0], (8,), 0), ValueError, r"maps must be of shape \(N, M, \*grid\)"),
        (lambda x: upsample(x.numpy(), (8, 8), 0), TypeError, "maps must be of type Tensor"),
        (lambda x: upsample(x, 8, 0), TypeError, "size must be of type tuple or list"),
        (lambda x: resize_linear(np.zeros(3), (8,)), TypeError, "image must be of type Tensor"),
        (lambda x: resize_linear(x, (8, 0)), ValueError, "size must be positive numbers"),
        (lambda x: resize_linear(x, ()), ValueError, "size must be of 1 to 4 axes"),
        (lambda x: resize_linear(x, (1,) * 5), ValueError, "size must be of 1 to 4 axes"),
        (lambda x: resize_linear(x[..., :0], (5,)), ValueError, "image must be without empty axes"),
    ],
)  # fmt: skip
def test_errors(call, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(torch.zeros(2, 3, 4, 4))


def test_interpolates_at_any_positions() -> None:
    """Between centers linearly, half a cell beyond them constantly, then 0; along any axis, with gradients."""
    image = torch.tensor([[1.0, 3.0], [2.0, 2.0], [6.0, 0.0]], requires_grad=True)
    at = torch.tensor([-0.6, -0.4, 0.25, 2.0, 2.5, 2.6])
    found = interpolate_linear(image, -2, at)
    assert found[:, 0].tolist() == [0.0, 1.0, 1.25, 6.0, 6.0, 0.0]
    found.sum().backward()
    assert image.grad is not None
    assert image.grad[:, 0].tolist() == [1.75, 0.25, 2.0]
