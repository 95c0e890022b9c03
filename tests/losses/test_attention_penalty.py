"""Tests of the mask loss: the authors' numbers, a slow reference, gradients and edge cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigParser
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedTrainer
from torch import nn

from monai_pylon.losses import MaskLoss, mask_loss
from tests.references.mask_loss import bce_penalty, l2_penalty

PENALTIES = {"bce": bce_penalty, "l2": l2_penalty}
EACH_PENALTY = pytest.mark.parametrize("penalty", PENALTIES)


def random_case(samples=2, labels=3, grid=(4, 3, 5)):
    attention = torch.randn(samples, labels, *grid, dtype=torch.float64)
    return attention, torch.rand(attention.shape) < 0.4


@pytest.fixture
def golden(golden_data):
    return {key: torch.from_numpy(value) for key, value in np.load(golden_data / "axialnet_head.npz").items()}


@pytest.mark.parametrize(("penalty", "key", "digits"), [("bce", "loss_total", 5e-8), ("l2", "loss_total_l2", 1e-10)])
def test_matches_the_authors_program(golden, penalty, key, digits):
    """The tolerance is wider for "bce": the authors' program computes it in single precision."""
    explanation = golden["volume_scores"], golden["disease_map"][None]
    labels, allowed = golden["labels"], golden["allowed"][None]
    loss = MaskLoss(1 / 3, penalty)(explanation, labels, allowed)
    torch.testing.assert_close(loss, golden[key], rtol=0, atol=digits)
    torch.testing.assert_close(MaskLoss(0)(explanation, labels, allowed), golden["loss_class"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("grid", [(7,), (4, 3), (4, 3, 5)])
@EACH_PENALTY
def test_matches_the_slow_reference(penalty, grid):
    attention, allowed = random_case(grid=grid)
    expected = PENALTIES[penalty](attention.numpy(), allowed.numpy())
    assert mask_loss(attention, allowed, penalty).item() == pytest.approx(expected, abs=1e-12)


def test_hand_computed_values():
    attention = torch.tensor([[[0.0, 2.0]], [[-1.0, 1.0]]])  # two samples, one label, two grid cells
    allowed = torch.tensor([[[False, True]], [[False, False]]])
    first, second = math.log(2), (math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2
    assert mask_loss(attention, allowed).item() == pytest.approx((first + second) / 2)
    assert mask_loss(attention, allowed, "l2").item() == pytest.approx((0 + math.sqrt(2)) / 2)


@EACH_PENALTY
def test_is_zero_without_forbidden_cells(penalty):
    attention = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = mask_loss(attention, torch.ones(2, 3, 4, 4), penalty)
    loss.backward()
    assert loss.item() == 0
    assert (attention.grad == 0).all()


@EACH_PENALTY
def test_sample_without_forbidden_cells_contributes_zero_to_the_mean(penalty):
    attention, allowed = random_case()
    allowed[0] = True
    alone = mask_loss(attention[1:], allowed[1:], penalty)
    torch.testing.assert_close(mask_loss(attention, allowed, penalty), alone / 2)


@EACH_PENALTY
def test_zero_attention_has_a_finite_gradient(penalty):
    """The norm has no derivative at 0. The gradient must not be NaN."""
    attention = torch.zeros(1, 2, 3, 3, requires_grad=True)
    mask_loss(attention, torch.zeros(1, 2, 3, 3), penalty).backward()
    assert attention.grad.isfinite().all()


@EACH_PENALTY
def test_only_forbidden_cells_have_a_gradient_and_it_is_positive(penalty):
    attention, allowed = random_case()
    attention = attention.abs().requires_grad_()
    mask_loss(attention, allowed, penalty).backward()
    assert (attention.grad[allowed] == 0).all()
    assert (attention.grad[~allowed] > 0).all()


@EACH_PENALTY
def test_ignores_allowed_cells_even_if_infinite(penalty):
    attention, allowed = random_case()
    expected = mask_loss(attention, allowed, penalty)
    attention[allowed] = torch.inf
    assert mask_loss(attention, allowed, penalty) == expected


@EACH_PENALTY
def test_gradient_matches_finite_differences(penalty):
    attention, allowed = random_case(grid=(2, 3))
    assert torch.autograd.gradcheck(lambda a: mask_loss(a, allowed, penalty), attention.requires_grad_())


@EACH_PENALTY
def test_is_the_mean_over_samples_and_independent_of_cell_order(penalty):
    attention, allowed = random_case(samples=4)
    each = [mask_loss(attention[n : n + 1], allowed[n : n + 1], penalty) for n in range(4)]
    together = mask_loss(attention, allowed, penalty)
    torch.testing.assert_close(together, torch.stack(each).mean())
    torch.testing.assert_close(mask_loss(attention.flip(2, 4), allowed.flip(2, 4), penalty), together)


@EACH_PENALTY
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int64, torch.float32, torch.bfloat16])
def test_accepts_numeric_allowed_regions(penalty, dtype):
    attention, allowed = random_case()
    expected = mask_loss(attention, allowed, penalty)
    assert mask_loss(attention, allowed.to(dtype), penalty) == expected
    assert mask_loss(attention, 0.25 * allowed.double(), penalty) == expected


@EACH_PENALTY
@pytest.mark.parametrize(
    ("given", "result"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_computes_in_float32_or_better(penalty, given, result):
    attention, allowed = random_case()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = mask_loss(attention.to(given), allowed, penalty)
    assert loss.dtype == result
    assert loss.item() == pytest.approx(mask_loss(attention, allowed, penalty).item(), rel=1e-2)


def test_large_attention_does_not_overflow():
    attention = torch.tensor([[[200.0, -200.0]]])
    assert mask_loss(attention, torch.zeros(1, 1, 2)).item() == 100


@pytest.mark.parametrize(
    ("attention", "allowed", "error", "message"),
    [
        (torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 3, 4), ValueError, r"of the attention's shape \(1, 2, 3, 3"),
        (torch.zeros(1, 2, 3, 3), torch.zeros(1, 1, 3, 3), ValueError, "Use the attention's grid"),
        (torch.zeros(1, 2, 3), torch.full((1, 2, 3), torch.nan), ValueError, "allowed must be without NaN"),
        (torch.zeros(1, 2), torch.zeros(1, 2), ValueError, r"attention must be of shape \(N, M, \*grid\)"),
        (torch.zeros(0, 2, 3), torch.zeros(0, 2, 3), ValueError, r"attention must be of shape \(N, M, \*grid\)"),
        (torch.zeros(1, 2, 3), np.zeros((1, 2, 3)), TypeError, "allowed must be of type Tensor"),
        (np.zeros((1, 2, 3)), torch.zeros(1, 2, 3), TypeError, "attention must be of type Tensor"),
    ],
)
def test_mask_loss_rejects_invalid_arguments(attention, allowed, error, message):
    with pytest.raises(error, match=message):
        mask_loss(attention, allowed)


def explanation_and_targets():
    attention, allowed = random_case()
    return (attention.flatten(2).mean(2), attention, None), torch.tensor([[1.0, 0, 1], [0, 0, 1]]), allowed


@EACH_PENALTY
def test_loss_is_cross_entropy_plus_weighted_penalty(penalty):
    explanation, labels, allowed = explanation_and_targets()
    entropy = nn.BCEWithLogitsLoss()(explanation[0], labels.double())
    expected = entropy + mask_loss(explanation[1], allowed, penalty)
    torch.testing.assert_close(MaskLoss(1, penalty)(explanation, labels, allowed), expected)
    expected = entropy + 0.7 * mask_loss(explanation[1], allowed, penalty)
    for kind in (torch.float32, torch.int64, torch.bool):
        torch.testing.assert_close(MaskLoss(0.7, penalty)(explanation, labels.to(kind), allowed), expected)
    torch.testing.assert_close(MaskLoss(0.7, penalty)(explanation, (labels, allowed)), expected)
    torch.testing.assert_close(MaskLoss(0.7, penalty)(explanation, [labels, allowed]), expected)


def test_default_weight_is_the_papers():
    assert MaskLoss().weight == pytest.approx(1 / 3)


def test_is_finite_without_positive_labels():
    explanation, labels, allowed = explanation_and_targets()
    assert MaskLoss()(explanation, torch.zeros_like(labels), torch.zeros_like(allowed)).isfinite()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            (torch.zeros(2, 3), torch.zeros(2, 3), None),
            TypeError,
            "explanation must be of type tuple or list.*Explained",
        ),
        (
            ((torch.zeros(2, 3),), torch.zeros(2, 3), None),
            ValueError,
            r"explanation must be \(logits, attention, ...\)",
        ),
        (
            ((torch.zeros(2, 3), torch.zeros(2, 3, 4)), torch.zeros(2, 3), None),
            ValueError,
            r"a pair \(labels, allowed\)",
        ),
        (
            ((torch.zeros(2, 3), torch.zeros(2, 3, 4)), torch.zeros(2, 4), torch.zeros(2, 3, 4)),
            ValueError,
            "labels must",
        ),
        (
            ((torch.zeros(2, 3), torch.zeros(2, 3, 4)), torch.full((2, 3), torch.nan), torch.zeros(2, 3, 4)),
            ValueError,
            "labels must be between 0 and 1, without NaN",
        ),
        (
            ((torch.zeros(2, 3), torch.zeros(2, 3, 4)), torch.full((2, 3), -1), torch.zeros(2, 3, 4)),
            ValueError,
            "labels must be between 0 and 1",
        ),
        (
            ((torch.zeros(2, 3), torch.zeros(2, 3, 4)), torch.full((2, 3), 1.5), torch.zeros(2, 3, 4)),
            ValueError,
            "labels must be between 0 and 1",
        ),
        (
            ((torch.zeros(2, 3), torch.zeros(2, 3, 4)), np.zeros((2, 3)), torch.zeros(2, 3, 4)),
            TypeError,
            "labels must be of type Tensor",
        ),
    ],
)
def test_loss_rejects_invalid_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        MaskLoss()(*arguments)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((-1,), ValueError, "weight must be a finite number"),
        ((math.inf,), ValueError, "weight must be a finite number"),
        (("1/3",), TypeError, "weight must be of type"),
        ((1, "l1"), ValueError, "penalty must be one of 'bce', 'l2'"),
    ],
)
def test_rejects_invalid_options(arguments, error, message):
    with pytest.raises(error, match=message):
        MaskLoss(*arguments)


class MapNet(nn.Module):
    """Network that returns logits (N, 2) and attention (N, 2, 4, 4) for images (N, 1, 4, 4)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)

    def forward(self, x):
        attention = self.conv(x)
        return attention.mean((2, 3)), attention


def test_works_as_loss_function_of_monais_trainer():
    torch.manual_seed(0)
    items = [
        {"image": torch.rand(1, 4, 4), "label": torch.tensor([1.0, 0.0]), "allowed": torch.eye(4).expand(2, 4, 4)}
    ] * 4
    net = MapNet()
    losses = []
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=2,
        train_data_loader=DataLoader(Dataset(items), batch_size=2),
        network=net,
        optimizer=torch.optim.SGD(net.parameters(), 0.5),
        loss_function=MaskLoss(),
        prepare_batch=lambda batch, *args, **kwargs: (batch["image"], (batch["label"], batch["allowed"])),
        decollate=False,
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: losses.append(engine.state.output["loss"]))
    trainer.run()
    assert len(losses) == 4
    assert losses[-1] < losses[0]


def test_can_be_created_from_a_bundle_config():
    parser = ConfigParser({"loss": {"_target_": "monai_pylon.losses.MaskLoss", "weight": 0.5, "penalty": "l2"}})
    assert parser.get_parsed_content("loss").penalty == "l2"
