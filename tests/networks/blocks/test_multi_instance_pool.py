"""Pooling of scores: the formula where it is exact, and finite values and gradients far from zero."""

from __future__ import annotations

import math

import pytest
import torch

from monai_pylon.networks.blocks.multi_instance_pool import NoisyOrPool, mean_probability_logit, noisy_or_logit
from tests.references.segmentation_nets import noisy_or


@pytest.mark.parametrize("minimum", [0.98, 0.5, 0.01])
@pytest.mark.parametrize("spread", [0.1, 3.0, 10.0])
def test_equals_the_formula(minimum, spread):
    x = spread * torch.randn(2, 3, 4, 5, dtype=torch.float64)
    torch.testing.assert_close(torch.sigmoid(noisy_or_logit(x, minimum)), noisy_or(x, minimum))


def test_a_value_by_hand():
    """Two cells, one at 0: q = 0.9 + 0.1 * 0.5 = 0.95; one at log(3): q = 0.9 + 0.1 * 0.25 = 0.925."""
    x = torch.tensor([[[0.0, math.log(3)]]], dtype=torch.float64)
    p = 1 - 0.95 * 0.925
    assert noisy_or_logit(x, 0.9).item() == pytest.approx(math.log(p / (1 - p)), rel=1e-12)


@pytest.mark.parametrize("value", [-300.0, -80.0, -30.0, 0.0, 30.0, 1e4])
def test_logit_and_gradient_are_exact_far_from_zero(value):
    """In float32 sigmoid(-300) is 0 and 1 - sigmoid(30) too; the logit of 400 such cells is known in closed form."""
    x = torch.full((1, 1, 20, 20), value, requires_grad=True)
    logit = noisy_or_logit(x)
    if value < -20:  # p = 400 * 0.02 * exp(x), and log(p / (1 - p)) = log(p)
        expected = math.log(400 * 0.02) + value
    else:
        q = -400 * math.log1p(-0.02 / (1 + math.exp(-value)))
        expected = math.log(-math.expm1(-q)) + q
    assert logit.item() == pytest.approx(expected, rel=1e-5)
    (gradient,) = torch.autograd.grad(logit, x)
    assert torch.isfinite(gradient).all()
    if value < -20:  # each cell contributes equally
        torch.testing.assert_close(gradient, torch.full_like(gradient, 1 / 400), rtol=1e-4, atol=0)


def test_the_largest_cell_dominates_a_negative_map():
    x = torch.full((1, 1, 20, 20), -200.0)
    x[..., 3, 4] = -100
    assert noisy_or_logit(x).item() == pytest.approx(math.log(0.02) - 100, rel=1e-6)


def test_gradients_are_those_of_finite_differences():
    x = (4 * torch.randn(2, 2, 3, 3, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(noisy_or_logit, (x,))
    assert torch.autograd.gradcheck(lambda x: noisy_or_logit(x, 0.05), (x,))


def test_order_does_not_matter_and_larger_scores_give_larger_logits():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    shuffled = x.flatten(2)[..., torch.randperm(20)].reshape(x.shape)
    torch.testing.assert_close(noisy_or_logit(shuffled), noisy_or_logit(x))
    assert (noisy_or_logit(x + 0.1) > noisy_or_logit(x)).all()
    torch.testing.assert_close(NoisyOrPool(0.9)(x)[..., 0], noisy_or_logit(x, 0.9), rtol=0, atol=0)


@pytest.mark.parametrize("minimum", [0.0, 1.0, -0.1])
def test_the_minimum_lies_between_0_and_1(minimum):
    with pytest.raises(ValueError, match="minimum must be above 0 and below 1"):
        noisy_or_logit(torch.zeros(1, 1, 1), minimum)
    with pytest.raises(ValueError, match="minimum must be above 0 and below 1"):
        NoisyOrPool(minimum)


def test_mean_probability_by_hand():
    """sigmoid(log 3) = 3/4 and sigmoid(0) = 1/2 have the mean 5/8, and logit(5/8) = log(5/3)."""
    x = torch.tensor([[[math.log(3), 0.0], [0.0, 0.0]]], dtype=torch.float64)
    expected = torch.tensor([[math.log(5 / 3), 0.0]], dtype=torch.float64)
    torch.testing.assert_close(mean_probability_logit(x), expected)


@pytest.mark.parametrize("value", [-200.0, 200.0])
def test_mean_probability_is_exact_far_from_zero(value):
    assert mean_probability_logit(torch.full((1, 1, 3), value)).item() == pytest.approx(value, rel=1e-6)


def test_default_minimum_is_the_papers():
    x = torch.zeros(1, 1, 2, dtype=torch.float64)
    expected = noisy_or(x, 0.98)
    torch.testing.assert_close(torch.sigmoid(noisy_or_logit(x)), expected)
    torch.testing.assert_close(torch.sigmoid(NoisyOrPool()(x)[..., 0]), expected)
