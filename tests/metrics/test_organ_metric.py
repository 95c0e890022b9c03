"""Tests of OrganIoU over many volumes: tuned thresholds, all forms of input, and ignite engines."""

from __future__ import annotations

import json
from collections import namedtuple

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset
from monai.engines import SupervisedEvaluator

from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.metrics import OrganIoUMetric, organ_iou
from monai_pylon.metrics.organ_overlap import organ_iou_curve
from monai_pylon.metrics.thresholds import ORGAN_IOU_THRESHOLDS
from tests.references.organ_iou import organ_iou_table, tuned

NAN = float("nan")
THRESHOLDS = list(ORGAN_IOU_THRESHOLDS)


def random_part(samples=5, labels=3, seed=0):
    """Make attention that is higher in its region. The last label is never present. Absent labels have no region."""
    random = torch.Generator().manual_seed(seed)
    present = (torch.rand(samples, labels, generator=random) < 0.6).double()
    present[0], present[:, -1] = 1, 0
    region = torch.rand(samples, labels, 4, 4, 3, generator=random) < 0.4
    attention = torch.randn(region.shape, generator=random, dtype=torch.float64) + region
    return attention, present, region & (present[..., None, None, None] == 1)


def reference_tables(attention, present, allowed):
    parts = zip(attention.numpy(), allowed.numpy(), present.numpy(), strict=True)
    return np.stack([organ_iou_table(a, g, THRESHOLDS, m) for a, g, m in parts])


def test_keeps_tuned_thresholds_after_reset():
    attention, present, allowed = random_part()
    metric = OrganIoUMetric()
    curves = metric(attention, (present, allowed))
    tables = reference_tables(attention, present, allowed)
    np.testing.assert_allclose(curves, tables, atol=1e-7)
    chosen = metric.tune_thresholds()
    expected = tuned(tables, THRESHOLDS)
    np.testing.assert_allclose(chosen, expected, equal_nan=True)
    assert np.isnan(expected).tolist() == [False, False, True]
    metric.reset()

    attention, present, allowed = random_part(seed=1)
    present[1, 2] = 1  # a label that the first dataset does not have
    metric(attention, (present, allowed))
    other = OrganIoUMetric(chosen)
    values = other(attention, (present, allowed))
    for label, threshold in enumerate(expected[:2]):
        column = THRESHOLDS.index(threshold)
        np.testing.assert_allclose(values[:, label], reference_tables(attention, present, allowed)[:, label, column])
    assert values[:, 2].isnan().all()
    for kept, given in zip(metric.aggregate().values(), other.aggregate().values(), strict=True):
        np.testing.assert_allclose(kept, given, equal_nan=True)


def test_averages():
    values = torch.tensor([[1.0, NAN, 0.5], [0.0, NAN, NAN], [0.5, NAN, NAN]])
    metric = OrganIoUMetric(0.5)
    metric.extend(values)
    found = metric.aggregate()
    torch.testing.assert_close(found["per_class"], torch.tensor([0.5, NAN, 0.5]), equal_nan=True)
    assert found["macro"] == 0.5
    assert found["weighted"] == 0.5
    assert found["thresholds"].item() == 0.5


def test_aggregate_before_tuning_uses_the_best_thresholds():
    attention, present, allowed = random_part()
    metric = OrganIoUMetric()
    metric(attention, (present, allowed))
    before = metric.aggregate()
    assert metric.thresholds is None
    metric.tune_thresholds()
    after = metric.aggregate()
    assert before["macro"] == after["macro"]
    means = np.nanmean(reference_tables(attention, present, allowed)[:, :2], axis=0)
    np.testing.assert_allclose(before["per_class"][:2], means.max(1), atol=1e-6)


Explained = namedtuple("Explained", "logits attention slice_scores")


@pytest.mark.parametrize("thresholds", [0.3, None])
def test_all_forms_of_input_give_the_same_values(thresholds):
    attention, present, allowed = random_part(samples=2)
    function = organ_iou_curve if thresholds is None else organ_iou
    second = THRESHOLDS if thresholds is None else thresholds
    with_labels = [function(a, g, second, m) for a, g, m in zip(attention, allowed, present, strict=True)]
    without = [function(a, g, second) for a, g in zip(attention, allowed, strict=True)]
    explanation = Explained(attention.amax((2, 3, 4)), attention, None)
    forms = [
        ((attention, (present, allowed)), {}, with_labels),
        ((attention, [present, allowed]), {}, with_labels),
        ((attention, allowed), {"labels": present}, with_labels),
        ((list(attention), list(allowed)), {"labels": present}, with_labels),
        ((list(attention), list(zip(present, allowed, strict=True))), {}, with_labels),
        ((list(attention), [[m, g] for m, g in zip(present, allowed, strict=True)]), {}, with_labels),
        ((explanation, (present, allowed)), {}, with_labels),
        ((explanation, allowed), {}, without),
        ((attention, allowed), {}, without),
        ((list(attention), list(allowed)), {}, without),
    ]
    for arguments, named, expected in forms:
        given = OrganIoUMetric(thresholds)(*arguments, **named)
        torch.testing.assert_close(given, torch.stack(expected), equal_nan=True)


def test_accepts_lists_of_one_sample_and_explanations_of_two_parts():
    attention, allowed, labels = torch.tensor([[4.0, 3.0]]), torch.tensor([[1, 0]]), torch.tensor([1])
    metric = OrganIoUMetric(0.5)
    for y_pred in ([attention], (torch.zeros(1, 1), attention[None])):
        for y in ([allowed], [(labels, allowed)], (labels[None], allowed[None])):
            assert metric(y_pred, y).tolist() == [[0.5]]


def test_batch_equals_single_samples():
    attention, present, allowed = random_part()
    together, alone = OrganIoUMetric(), OrganIoUMetric()
    together(attention, (present, allowed))
    for n in range(5):
        alone(attention[n : n + 1], (present[n : n + 1], allowed[n : n + 1]))
    torch.testing.assert_close(alone.get_buffer(), together.get_buffer(), equal_nan=True)


def test_perfect_attention_is_zero_with_paper_code_compat():
    attention, allowed = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[1, 0]]])
    assert OrganIoUMetric(0.5)(attention, allowed).item() == 1
    assert OrganIoUMetric(0.5, paper_code_compat=True)(attention, allowed).item() == 0
    assert OrganIoUMetric(paper_code_compat=True)(attention, allowed).amax() == 0


def test_does_not_divide_relative_attention_again():
    attention, allowed = torch.tensor([[[0.2, 0.4]]]), torch.tensor([[[1, 0]]])
    assert OrganIoUMetric(0.3)(attention, allowed).item() == 0.5
    assert OrganIoUMetric(0.3, relative=True)(attention, allowed).item() == 0
    assert OrganIoUMetric(relative=True)(attention, allowed)[0, 0, 20] == 0


def test_thresholds_can_be_saved_as_json(tmp_path):
    attention, present, allowed = random_part()
    metric = OrganIoUMetric()
    metric(attention, (present, allowed))
    file = tmp_path / "thresholds.json"
    file.write_text(json.dumps(metric.tune_thresholds().tolist()))
    again = OrganIoUMetric(json.loads(file.read_text()))
    again(attention, (present, allowed))
    assert again.aggregate()["weighted"] == pytest.approx(metric.aggregate()["weighted"])


def test_handler_reports_each_class_in_monais_evaluator():
    attention, present, allowed = random_part()
    items = [{"image": a, "label": m, "allowed": g} for a, m, g in zip(attention, present, allowed, strict=True)]
    handler = PerClassMetricHandler(
        OrganIoUMetric(0.3),
        ["nodule", "mass", "heart failure"],
        key="weighted",
        output_transform=lambda output: (output["pred"], output["label"]),
    )
    evaluator = SupervisedEvaluator(
        device=torch.device("cpu"),
        val_data_loader=DataLoader(Dataset(items), batch_size=2),
        network=torch.nn.Identity(),
        prepare_batch=lambda batch, *args, **kwargs: (batch["image"], (batch["label"], batch["allowed"])),
        key_val_metric={"organ_iou": handler},
        decollate=False,
    )
    evaluator.run()
    expected = OrganIoUMetric(0.3)
    expected(attention, (present, allowed))
    found, metrics = expected.aggregate(), evaluator.state.metrics
    assert metrics["organ_iou"] == pytest.approx(found["weighted"])
    assert metrics["organ_iou_macro"] == pytest.approx(found["macro"])
    assert metrics["organ_iou_mass"] == pytest.approx(found["per_class"][1].item())
    assert np.isnan(metrics["organ_iou_heart failure"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((torch.ones(1, 2, 3), None), "y must be the allowed regions"),
        (([torch.ones(2, 3)], None), "y must be the allowed regions"),
        (([torch.ones(2, 3)], []), r"y must be allowed regions, or the pair \(labels, allowed\)"),
        ((torch.ones(1, 2), torch.ones(1, 2)), r"y_pred must be of shape \(N, M, \*grid\)"),
        ((torch.ones(2, 2, 3), torch.ones(1, 2, 3)), "y must be of 2 samples"),
        ((torch.ones(2, 2, 3), (torch.ones(1, 2), torch.ones(2, 2, 3))), "labels must be of 2 samples"),
        ((torch.ones(1, 2, 3), torch.ones(1, 2, 4)), "resample_attention"),
    ],
)
def test_rejects_invalid_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        OrganIoUMetric(0.5)(*arguments)


def test_accepts_thresholds_at_the_limits():
    attention, allowed = torch.tensor([[[4.0, 3.0], [4.0, 3.0]]]), torch.tensor([[[1, 0], [1, 1]]])
    assert OrganIoUMetric([0.0, 1.0])(attention, (torch.ones(1, 2), allowed)).tolist() == [[0.5, 0]]


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [(1.5, "between 0 and 1"), (-0.5, "between 0 and 1"), ([[0.1]], r"a number or of shape \(M,\)")],
)
def test_rejects_invalid_thresholds(thresholds, message):
    with pytest.raises(ValueError, match=f"thresholds must be {message}"):
        OrganIoUMetric(thresholds)


def test_rejects_tuning_of_fixed_thresholds_and_empty_aggregates():
    with pytest.raises(ValueError, match="fixed thresholds, which cannot be tuned"):
        OrganIoUMetric(0.5).tune_thresholds()
    with pytest.raises(ValueError, match="the metric must be called"):
        OrganIoUMetric().tune_thresholds()
    with pytest.raises(ValueError, match="the metric must be called"):
        OrganIoUMetric().aggregate()
