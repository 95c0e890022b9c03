"""The area under the ROC curve: pairs counted by hand, MONAI's own function, and classes where it is undefined."""

from __future__ import annotations

import itertools
import warnings

import pytest
import torch
from monai.metrics import ROCAUCMetric, compute_roc_auc

from monai_pylon.metrics import PerClassAUROCMetric, auroc_per_class

NAN = float("nan")


@pytest.fixture
def scores() -> torch.Tensor:
    """(60, 4), rounded so that some are equal."""
    return torch.randn(60, 4, generator=torch.Generator().manual_seed(1)).round(decimals=1)


@pytest.fixture
def labels() -> torch.Tensor:
    """(60, 4); nobody has the third abnormality, everybody the fourth."""
    some = torch.rand(60, 4, generator=torch.Generator().manual_seed(2)) < torch.tensor([0.3, 0.7, 0.0, 2.0])
    return some.to(torch.uint8)


def test_it_is_the_share_of_pairs_in_order(scores: torch.Tensor, labels: torch.Tensor) -> None:
    for column in (0, 1):
        score, label = scores[:, column].tolist(), labels[:, column].tolist()
        present = [s for s, y in zip(score, label, strict=True) if y]
        absent = [s for s, y in zip(score, label, strict=True) if not y]
        wins = sum((p > a) + 0.5 * (p == a) for p, a in itertools.product(present, absent))
        assert auroc_per_class(scores, labels)[column].item() == pytest.approx(wins / len(present) / len(absent))


def test_it_agrees_with_monai_where_monai_gives_a_number(scores: torch.Tensor, labels: torch.Tensor) -> None:
    expected = torch.tensor(compute_roc_auc(scores[:, :2], labels[:, :2], average="none"))
    torch.testing.assert_close(auroc_per_class(scores, labels)[:2], expected, check_dtype=False)


def test_the_means_agree_with_monai(scores: torch.Tensor, labels: torch.Tensor) -> None:
    ours, theirs = PerClassAUROCMetric(), ROCAUCMetric()
    for part in torch.arange(60).split(25):
        ours(scores[part, :2], labels[part, :2])
        theirs(scores[part, :2], labels[part, :2])
    found = ours.aggregate()
    assert found["macro"] == pytest.approx(theirs.aggregate("macro"))
    assert found["weighted"] == pytest.approx(theirs.aggregate("weighted"))


def test_a_class_without_positives_or_negatives_is_nan_and_left_out(scores: torch.Tensor, labels: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric = PerClassAUROCMetric()
        metric(list(scores), list(labels))
        found = metric.aggregate()
    assert found["per_class"].isnan().tolist() == [False, False, True, True]
    assert found["macro"] == pytest.approx(found["per_class"][:2].mean().item())
    share = labels[:, :2].sum(0) / labels[:, :2].sum()
    assert found["weighted"] == pytest.approx((found["per_class"][:2] * share).sum().item())


def test_all_undefined_is_nan() -> None:
    metric = PerClassAUROCMetric()
    metric(torch.zeros(3, 2), torch.zeros(3, 2))
    found = metric.aggregate()
    assert found["per_class"].isnan().all()
    assert found["macro"] != found["macro"]
    assert found["weighted"] != found["weighted"]


def test_an_unknown_label_leaves_out_that_image(scores: torch.Tensor, labels: torch.Tensor) -> None:
    unknown = labels.double()
    unknown[:9, 0] = NAN
    expected = auroc_per_class(scores[9:], labels[9:])[0]
    torch.testing.assert_close(auroc_per_class(scores, unknown)[0], expected)
    torch.testing.assert_close(auroc_per_class(scores, unknown)[1], auroc_per_class(scores, labels)[1])


def test_probabilities_give_the_same_as_logits_and_reversal_the_complement(
    scores: torch.Tensor, labels: torch.Tensor
) -> None:
    areas = auroc_per_class(scores, labels)
    torch.testing.assert_close(auroc_per_class(scores.double().sigmoid(), labels), areas, equal_nan=True)
    torch.testing.assert_close(auroc_per_class(-scores, labels), 1 - areas, equal_nan=True)


def test_wrong_input_is_named(scores: torch.Tensor, labels: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="labels must be of the scores' shape"):
        auroc_per_class(scores, labels[:, :2])
    with pytest.raises(ValueError, match="scores must be without NaN"):
        auroc_per_class(scores * NAN, labels)
    with pytest.raises(ValueError, match="labels must be 0, 1 or NaN"):
        auroc_per_class(scores, labels * 2)
    with pytest.raises(ValueError, match="y must be of the scores' shape"):
        PerClassAUROCMetric()(scores, labels[:, :2])
    with pytest.raises(ValueError, match="before aggregate"):
        PerClassAUROCMetric().aggregate()
