"""Soft maximum: its formula, limits and gradients, and a pooling that is the maximum in evaluation."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from monai_pylon.networks.blocks.soft_maximum import SoftMaximumPool, soft_maximum


@pytest.mark.parametrize("grid", [(5, 7), (3, 4, 5)])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 16.0])
def test_agrees_with_the_formula_in_numpy(grid, sharpness):
    x = torch.randn(2, 3, *grid, dtype=torch.float64)
    flat = x.numpy().reshape(2, 3, -1)
    expected = np.log(np.mean(np.exp(sharpness * flat), axis=2)) / sharpness
    np.testing.assert_allclose(soft_maximum(x, sharpness).numpy(), expected)


def test_lies_between_mean_and_maximum_and_rises_with_the_sharpness():
    x = torch.randn(1, 1, 9, 9, dtype=torch.float64)
    values = [x.mean().item(), *(soft_maximum(x, r).item() for r in (1e-4, 1, 4, 16, 1e4)), x.max().item()]
    assert values == sorted(values)
    assert values[1] == pytest.approx(values[0], abs=1e-3)
    assert values[-2] == pytest.approx(values[-1], abs=1e-3)


def test_large_values_do_not_overflow():
    x = torch.tensor([[[[-900.0, 900.0]]]])
    assert soft_maximum(x, 16).item() == pytest.approx(900 - math.log(2) / 16)


def test_gives_every_cell_its_share_of_the_gradient():
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    soft_maximum(x, 2.0).sum().backward()
    torch.testing.assert_close(x.grad.flatten(), (2 * x.detach()).flatten().softmax(0))


@pytest.mark.parametrize("spatial_dims", [2, 3])
def test_pool_is_soft_in_training_and_the_maximum_in_evaluation(spatial_dims):
    pool, x = SoftMaximumPool(spatial_dims, 3.0), torch.randn(2, 4, *[5] * spatial_dims)
    assert pool(x).shape == (2, 4, *[1] * spatial_dims)
    torch.testing.assert_close(pool(x).flatten(1), soft_maximum(x, 3.0))
    assert torch.equal(pool.eval()(x).flatten(1), x.flatten(2).amax(2))
    pool.train().sharpness = math.inf
    assert torch.equal(pool(x).flatten(1), x.flatten(2).amax(2))
    pool.sharpness = 2.0
    assert pool.sharpness == 2.0
    torch.testing.assert_close(pool(x).flatten(1), soft_maximum(x, 2.0))


def test_pool_is_two_dimensional_with_a_sharpness_of_one_by_default():
    x = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(SoftMaximumPool()(x), soft_maximum(x, 1.0)[..., None, None])
    assert torch.equal(SoftMaximumPool().eval()(x), x.amax((2, 3), keepdim=True))


def test_pool_leaves_checkpoints_alone_and_can_be_copied():
    pool = SoftMaximumPool(2, 5.0)
    assert not pool.state_dict()
    assert copy.deepcopy(pool).sharpness == 5.0


@pytest.mark.parametrize("sharpness", [0.0, -1.0, math.inf, math.nan])
def test_a_sharpness_out_of_range_is_refused(sharpness):
    with pytest.raises(ValueError, match="sharpness must be above 0 and finite"):
        soft_maximum(torch.zeros(1, 1, 2, 2), sharpness)


def test_pool_refuses_a_sharpness_out_of_range():
    with pytest.raises(ValueError, match="sharpness must be above 0, but is 0"):
        SoftMaximumPool(2, 0)
