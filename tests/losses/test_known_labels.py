"""Tests of the loss with unknown labels: equal to MaskLoss for known labels, unaffected by unknown ones."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.losses import KnownLabelsLoss, MaskLoss, mask_loss

NAN = torch.nan


def case(samples: int = 2) -> tuple[tuple[torch.Tensor, torch.Tensor], torch.Tensor, torch.Tensor]:
    logits = torch.randn(samples, 3, requires_grad=True)
    attention = torch.randn(samples, 3, 2, 2, 4, requires_grad=True)
    labels = (torch.rand(samples, 3) < 0.5).float()
    return (logits, attention), labels, torch.rand(samples, 3, 2, 2, 4) < 0.5


@pytest.mark.parametrize("penalty", ["bce", "l2"])
@pytest.mark.parametrize("weight", [0, 1 / 3])
def test_equals_mask_loss_if_all_labels_are_known(weight: float, penalty: str) -> None:
    explanation, labels, allowed = case()
    expected = MaskLoss(weight, penalty)(explanation, labels, allowed)
    torch.testing.assert_close(KnownLabelsLoss(weight, penalty)(explanation, (labels, allowed)), expected)


def test_ignores_unknown_labels_in_both_parts() -> None:
    (logits, attention), labels, allowed = case(1)
    unknown = labels.clone()
    unknown[0, 1] = NAN
    found = KnownLabelsLoss(0.5)((logits, attention), (unknown, allowed))
    some = [0, 2]
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits[:, some], labels[:, some])
    expected = entropy + 0.5 * mask_loss(attention[:, some], allowed[:, some])
    torch.testing.assert_close(found, expected)
    found.backward()
    assert not logits.grad[0, 1].any()
    assert not attention.grad[0, 1].any()


def test_sample_without_known_labels_has_no_gradient() -> None:
    explanation, labels, allowed = case(2)
    labels[1] = NAN
    KnownLabelsLoss()(explanation, (labels, allowed)).backward()
    for part in explanation:
        assert part.grad[0].any()
        assert not part.grad[1].any()
    explanation, labels, allowed = case(1)
    loss = KnownLabelsLoss()(explanation, (torch.full_like(labels, NAN), allowed))
    assert loss == 0
    loss.backward()
    assert not explanation[0].grad.any()


def test_accepts_logits_alone_with_weight_zero() -> None:
    (logits, _), labels, allowed = case()
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels)
    torch.testing.assert_close(KnownLabelsLoss(0)(logits, labels), expected)
    torch.testing.assert_close(KnownLabelsLoss(0)(logits, (labels, allowed)), expected)
    torch.testing.assert_close(KnownLabelsLoss(0)(logits.bfloat16(), labels), expected, atol=2e-2, rtol=0)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_accepts_numeric_allowed_regions(dtype: torch.dtype) -> None:
    explanation, labels, allowed = case()
    expected = KnownLabelsLoss()(explanation, (labels, allowed))
    torch.testing.assert_close(KnownLabelsLoss()(explanation, (labels, allowed.to(dtype))), expected)


def test_rejects_a_pair_with_further_regions() -> None:
    explanation, labels, allowed = case()
    with pytest.raises(ValueError, match="labels must be labels, or a pair"):
        KnownLabelsLoss()(explanation, (labels, allowed), allowed)


def test_is_finite_without_positive_labels() -> None:
    explanation, labels, allowed = case()
    assert KnownLabelsLoss()(explanation, (torch.zeros_like(labels), torch.zeros_like(allowed))).isfinite()


@pytest.mark.parametrize(
    ("weight", "prediction", "targets", "error", "message"),
    [
        (1, torch.zeros(1, 2), torch.zeros(1, 2), TypeError, "explanation must be of type tuple.*weight=0"),
        (0, torch.zeros(1, 2), torch.zeros(1, 3), ValueError, r"labels must be of the logits' shape \(1, 2\)"),
        (0, torch.zeros(1, 2), torch.full((1, 2), 2.0), ValueError, "labels must be between 0 and 1, or NaN"),
        (0, torch.zeros(1, 2), torch.full((1, 2), -1.0), ValueError, "labels must be between 0 and 1, or NaN"),
        (0, torch.zeros(1, 2), (torch.zeros(1, 2),) * 3, ValueError, r"labels must be labels, or a pair"),
        (1, (torch.zeros(1, 2), torch.zeros(1, 2, 3)), torch.zeros(1, 2), TypeError, "allowed must be.*Pass the pair"),
        (
            1,
            (torch.zeros(1, 2), torch.zeros(1, 2, 3)),
            (torch.zeros(1, 2), torch.zeros(1, 2, 4)),
            ValueError,
            "allowed must be of the attention's",
        ),
        (
            1,
            (torch.zeros(1, 2), torch.zeros(1, 2, 3)),
            (torch.zeros(1, 2), torch.full((1, 2, 3), NAN)),
            ValueError,
            "allowed must be without NaN",
        ),
    ],
)
def test_rejects_invalid_arguments(weight, prediction, targets, error, message) -> None:
    with pytest.raises(error, match=message):
        KnownLabelsLoss(weight)(prediction, targets)


def test_present_labels_can_weigh_more() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([[1.0, 0, NAN], [0, 1, 1], [NAN, NAN, 0], [1, 1, 0]])
    weights = [1.0, 2.5, 4.0]
    known = ~labels.isnan()
    each = -(labels * torch.tensor(weights) * logits.sigmoid().log() + (1 - labels) * (1 - logits.sigmoid()).log())
    expected = each[known].mean()
    torch.testing.assert_close(KnownLabelsLoss(0, pos_weight=weights)(logits, labels), expected)
    half = KnownLabelsLoss(0, pos_weight=torch.tensor(weights))(logits.bfloat16(), labels)
    torch.testing.assert_close(half, expected, atol=0.02, rtol=0)
    for wrong in ([1.0, 0.0, 2.0], [[1.0, 2.0, 3.0]], [float("nan")] * 3):
        with pytest.raises(ValueError, match="pos_weight must be M positive numbers"):
            KnownLabelsLoss(0, pos_weight=wrong)
    with pytest.raises(ValueError, match="Give one weight for each label"):
        KnownLabelsLoss(0, pos_weight=[1.0, 2.0])(logits, labels)


def test_the_default_weight_is_that_of_the_paper() -> None:
    assert KnownLabelsLoss().weight == pytest.approx(1 / 3)
