"""Tests of the area under the ROC curve: counted pairs, MONAI's function, and undefined classes."""

from __future__ import annotations

import itertools
import warnings

import pytest
import torch
from monai.metrics import ROCAUCMetric, compute_roc_auc

from monai_pylon.metrics import PerClassAUROCMetric
from monai_pylon.metrics.auroc import auroc_per_class

NAN = float("nan")


@pytest.fixture
def scores() -> torch.Tensor:
    """Make scores (60, 4), rounded so that some are equal."""
    return torch.randn(60, 4, generator=torch.Generator().manual_seed(1)).round(decimals=1)


@pytest.fixture
def labels() -> torch.Tensor:
    """Make labels (60, 4). The third abnormality is never present, the fourth always."""
    some = torch.rand(60, 4, generator=torch.Generator().manual_seed(2)) < torch.tensor([0.3, 0.7, 0.0, 2.0])
    return some.to(torch.uint8)


def test_area_is_the_share_of_correctly_ordered_pairs(scores: torch.Tensor, labels: torch.Tensor) -> None:
    for column in (0, 1):
        score, label = scores[:, column].tolist(), labels[:, column].tolist()
        present = [s for s, y in zip(score, label, strict=True) if y]
        absent = [s for s, y in zip(score, label, strict=True) if not y]
        wins = sum((p > a) + 0.5 * (p == a) for p, a in itertools.product(present, absent))
        assert auroc_per_class(scores, labels)[column].item() == pytest.approx(wins / len(present) / len(absent))


def test_matches_monai_for_defined_classes(scores: torch.Tensor, labels: torch.Tensor) -> None:
    expected = torch.tensor(compute_roc_auc(scores[:, :2], labels[:, :2], average="none"))
    torch.testing.assert_close(auroc_per_class(scores, labels)[:2], expected, check_dtype=False)


def test_means_match_monai(scores: torch.Tensor, labels: torch.Tensor) -> None:
    metric, reference = PerClassAUROCMetric(), ROCAUCMetric()
    for part in torch.arange(60).split(25):
        metric(scores[part, :2], labels[part, :2])
        reference(scores[part, :2], labels[part, :2])
    found = metric.aggregate()
    assert found["macro"] == pytest.approx(reference.aggregate("macro"))
    assert found["weighted"] == pytest.approx(reference.aggregate("weighted"))


def test_means_ignore_classes_without_positives_or_negatives(scores: torch.Tensor, labels: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        metric = PerClassAUROCMetric()
        metric(list(scores), list(labels))
        found = metric.aggregate()
    assert found["per_class"].isnan().tolist() == [False, False, True, True]
    assert found["macro"] == pytest.approx(found["per_class"][:2].mean().item())
    share = labels[:, :2].sum(0) / labels[:, :2].sum()
    assert found["weighted"] == pytest.approx((found["per_class"][:2] * share).sum().item())


def test_means_are_nan_if_all_classes_are_undefined() -> None:
    metric = PerClassAUROCMetric()
    metric(torch.zeros(3, 2), torch.zeros(3, 2))
    found = metric.aggregate()
    assert found["per_class"].isnan().all()
    assert found["macro"] != found["macro"]
    assert found["weighted"] != found["weighted"]


def test_keeps_double_precision_and_drops_metadata() -> None:
    metric = PerClassAUROCMetric()
    scores = torch.tensor([[1.0], [1 + 1e-12]], dtype=torch.float64)  # equal in float32
    kept = metric(scores, torch.tensor([[0], [1]]))
    assert metric.aggregate()["macro"] == 1
    assert [type(part) for part in kept] == [torch.Tensor, torch.Tensor]
    assert metric(scores.bfloat16(), torch.tensor([[0], [1]]))[0].dtype == torch.float32


def test_unknown_label_excludes_the_image(scores: torch.Tensor, labels: torch.Tensor) -> None:
    unknown = labels.double()
    unknown[:9, 0] = NAN
    expected = auroc_per_class(scores[9:], labels[9:])[0]
    torch.testing.assert_close(auroc_per_class(scores, unknown)[0], expected)
    torch.testing.assert_close(auroc_per_class(scores, unknown)[1], auroc_per_class(scores, labels)[1])


def test_is_invariant_to_the_sigmoid_and_complemented_by_negation(scores: torch.Tensor, labels: torch.Tensor) -> None:
    areas = auroc_per_class(scores, labels)
    torch.testing.assert_close(auroc_per_class(scores.double().sigmoid(), labels), areas, equal_nan=True)
    torch.testing.assert_close(auroc_per_class(-scores, labels), 1 - areas, equal_nan=True)


def test_rejects_invalid_arguments(scores: torch.Tensor, labels: torch.Tensor) -> None:
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
