"""Every metric, loss and handler checks its inputs in each call, and takes an explanation where it takes its parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.losses import KnownLabelsLoss, MaskLoss, mask_loss
from monai_pylon.metrics import (
    BoxLocalizationMetric,
    OrganIoUMetric,
    PerClassAUROCMetric,
    PointLocalizationMetric,
    box_localization,
    organ_iou,
    point_localization,
)
from monai_pylon.metrics.auroc import auroc_per_class
from monai_pylon.metrics.organ_overlap import organ_iou_curve
from monai_pylon.networks import Explanation
from monai_pylon.reports.heatmap import heatmap_on_image

NAN = float("nan")
TRUTH = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, NAN], [0.0, 0.0]])
FOUND = Explanation(torch.rand(4, 2), torch.randn(4, 2, 6, 6))
ALLOWED = torch.rand(4, 2, 6, 6) > 0.5
BOXES = [torch.tensor([[0.0, 0, 9, 9, 1]]), torch.zeros(0, 5), torch.zeros(0, 5), torch.tensor([[0.0, 0, 9, 9, 0]])]

#: A call of every metric and loss with labels.
LABEL_USERS: dict[str, Callable[[torch.Tensor], Any]] = {
    "PerClassAUROCMetric": lambda labels: PerClassAUROCMetric()(FOUND.logits, labels),
    "PerClassAUROCMetric, lists": lambda labels: PerClassAUROCMetric()(list(FOUND.logits), list(labels)),
    "auroc_per_class": lambda labels: auroc_per_class(FOUND.logits, labels),
    "OrganIoUMetric": lambda labels: OrganIoUMetric()(FOUND, (labels, ALLOWED)),
    "OrganIoUMetric, given": lambda labels: OrganIoUMetric(0.5)(FOUND.attention, ALLOWED, labels=labels),
    "organ_iou": lambda labels: organ_iou(FOUND.attention[0], ALLOWED[0], 0.5, labels[0]),
    "organ_iou_curve": lambda labels: organ_iou_curve(FOUND.attention[0], ALLOWED[0], labels=labels[0]),
    "MaskLoss": lambda labels: MaskLoss()(FOUND, labels, ALLOWED),
    "MaskLoss, pair": lambda labels: MaskLoss()(FOUND, (labels, ALLOWED)),
    "MaskLoss, weight 0": lambda labels: MaskLoss(0)(FOUND, labels, ALLOWED),
    "KnownLabelsLoss": lambda labels: KnownLabelsLoss()(FOUND, (labels, ALLOWED)),
    "KnownLabelsLoss, weight 0": lambda labels: KnownLabelsLoss(0)(FOUND.logits, labels),
}


@pytest.mark.parametrize("user", LABEL_USERS)
def test_uncertain_labels_are_refused_at_once_with_the_remedy(user: str) -> None:
    labels = torch.tensor([[1.0, -1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match=r"must be (0, 1|between 0 and 1).*-1"):
        LABEL_USERS[user](labels)


@pytest.mark.parametrize("user", LABEL_USERS)
@pytest.mark.parametrize("shape", [(4,), (4, 1), (4, 3), (2, 4), (3, 2), (4, 2, 1)])
def test_labels_of_another_shape_are_refused_at_once(user: str, shape: tuple[int, ...]) -> None:
    if shape == (3, 2) and user.startswith("organ_iou"):
        return  # one sample is taken out of the labels
    with pytest.raises((ValueError, IndexError)):
        LABEL_USERS[user](torch.zeros(shape))


def test_binary_scores_without_a_class_axis_are_refused() -> None:
    with pytest.raises(ValueError, match=r"y_pred must be of shape \(N, M\).*Keep both axes"):
        PerClassAUROCMetric()(torch.rand(4), torch.tensor([1, 0, 1, 0]))
    for loss in (MaskLoss(0), KnownLabelsLoss(0)):
        with pytest.raises(ValueError, match=r"explanation must be .*logits \(N, M\)"):
            loss((torch.rand(4), torch.rand(4)), torch.zeros(4), torch.zeros(4))


def test_unknown_labels_are_taken_by_those_who_can_ignore_them() -> None:
    for user, call in LABEL_USERS.items():
        if user.startswith("MaskLoss"):
            with pytest.raises(ValueError, match=r"labels must be between 0 and 1, without NaN.*KnownLabelsLoss"):
                call(TRUTH)
        else:
            call(TRUTH)


def test_scores_and_maps_with_nan_are_refused_at_once() -> None:
    broken = FOUND.logits.clone()
    broken[2, 1] = NAN
    with pytest.raises(ValueError, match="y_pred must be without NaN"):
        PerClassAUROCMetric()(broken, TRUTH)
    for metric in (PointLocalizationMetric(64), BoxLocalizationMetric(64)):
        with pytest.raises(ValueError, match="heatmaps must be without NaN"):
            metric(FOUND.attention * NAN, BOXES)
    with pytest.raises(ValueError, match="attention must be finite"):
        OrganIoUMetric()(FOUND.attention * NAN, ALLOWED)


def test_regions_with_nan_or_of_another_shape_are_refused_at_once() -> None:
    regions = ALLOWED.float()
    regions[0, 0, 0, 0] = NAN
    known = TRUTH.nan_to_num(0)
    for call in (
        lambda allowed: OrganIoUMetric()(FOUND, allowed),
        lambda allowed: organ_iou(FOUND.attention[0], allowed[0], 0.5),
        lambda allowed: mask_loss(FOUND.attention, allowed),
        lambda allowed: MaskLoss()(FOUND, known, allowed),
        lambda allowed: KnownLabelsLoss()(FOUND, known, allowed),
    ):
        with pytest.raises(ValueError, match="allowed must be without NaN"):
            call(regions)
        with pytest.raises(ValueError, match="allowed must be of the attention's"):
            call(ALLOWED[:, :1])  # would broadcast


@pytest.mark.parametrize("box", [[0, 0, 9, 9, -1], [0, 0, 9, 9, 2], [0, 0, 9, 9, 0.5], [0, 0, NAN, 9, 0]])
def test_boxes_of_unknown_classes_are_refused_at_once(box: list[float]) -> None:
    for metric in (PointLocalizationMetric(64), BoxLocalizationMetric(64)):
        with pytest.raises(ValueError, match="box"):
            metric(FOUND.attention[:1], [torch.tensor([box])])


def test_another_number_of_classes_is_refused_at_once() -> None:
    for metric, first, second in (
        (PerClassAUROCMetric(), (FOUND, TRUTH), (torch.rand(1, 3), torch.zeros(1, 3))),
        (PointLocalizationMetric(64), (FOUND, BOXES), (torch.rand(1, 3, 6, 6), BOXES[:1])),
        (OrganIoUMetric(), (FOUND, ALLOWED), (torch.rand(1, 3, 6, 6), torch.ones(1, 3, 6, 6))),
    ):
        metric(*first)
        with pytest.raises(ValueError, match="y_pred must be of 2 classes, as before"):
            metric(*second)
        metric.reset()
        metric(*second)
        assert len(metric.aggregate()["per_class"]) == 3


def test_wrong_class_names_are_refused_in_the_first_iteration() -> None:
    handler = PerClassMetricHandler(PerClassAUROCMetric(), ["a", "b", "c"], save_details=False)
    with pytest.raises(ValueError, match="class_names must be 2 names"):
        handler.update([FOUND, TRUTH])


def as_tuple(found: Explanation) -> Any:
    return tuple(found)


def as_pair(found: Explanation) -> Any:
    return found[:2]


def with_slices(found: Explanation) -> Any:
    return found._replace(slice_scores=torch.rand(4, 2, 3))


def as_samples(found: Explanation) -> Any:
    return [Explanation(logits, attention) for logits, attention in zip(*found[:2], strict=True)]


def as_metatensors(found: Explanation) -> Any:
    return Explanation(MetaTensor(found.logits), MetaTensor(found.attention))


FORMS = [as_tuple, as_pair, with_slices, as_samples, as_metatensors, lambda found: found]
OUTPUT_USERS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "PerClassAUROCMetric": (0, lambda out: updated(PerClassAUROCMetric(), out, TRUTH)),
    "PerClassAUROCMetric, labels in a list": (0, lambda out: updated(PerClassAUROCMetric(), out, list(TRUTH))),
    "auroc_per_class": (0, lambda out: auroc_per_class(out, TRUTH)),
    "PointLocalizationMetric": (1, lambda out: updated(PointLocalizationMetric(64), out, BOXES)),
    "BoxLocalizationMetric": (1, lambda out: updated(BoxLocalizationMetric(64), out, BOXES)),
    "OrganIoUMetric": (1, lambda out: updated(OrganIoUMetric(), out, (TRUTH, ALLOWED))),
    "OrganIoUMetric, regions alone": (1, lambda out: updated(OrganIoUMetric(0.3), out, ALLOWED)),
    "OrganIoUMetric, samples": (1, lambda out: updated(OrganIoUMetric(), out, list(zip(TRUTH, ALLOWED, strict=True)))),
    "mask_loss": (1, lambda out: mask_loss(out, ALLOWED)),
    "heatmap_on_image": (1, lambda out: heatmap_on_image(out, (9, 9))),
    "PerClassMetricHandler": (0, lambda out: handled(out)),
}


def updated(metric: Any, output: Any, target: Any) -> Any:
    metric(output, target)
    return list(metric.aggregate().values())


def handled(output: Any) -> Any:
    handler = PerClassMetricHandler(PerClassAUROCMetric(), save_details=False)
    handler.update([output, TRUTH])
    return [handler.compute(), *handler._scalars.values()]


@pytest.mark.parametrize("user", OUTPUT_USERS)
@pytest.mark.parametrize("form", FORMS)
def test_an_explanation_gives_the_result_of_its_part(user: str, form: Callable[[Explanation], Any]) -> None:
    part, call = OUTPUT_USERS[user]
    torch.testing.assert_close(call(form(FOUND)), call(FOUND[part]), equal_nan=True, check_dtype=False)


def test_an_explanation_of_a_batch_is_refused_where_one_sample_is_needed() -> None:
    box = torch.tensor([[0, 0, 9, 9]]), torch.tensor([0])
    for call in (
        lambda: organ_iou(FOUND, ALLOWED[0], 0.5),
        lambda: organ_iou_curve(FOUND, ALLOWED[0]),
        lambda: point_localization(FOUND, *box, 64),
        lambda: box_localization(FOUND, *box, 64),
    ):
        with pytest.raises(TypeError, match=r"explanation\.attention\[0\]"):
            call()


def test_lists_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="y must be of the scores' shape"):
        PerClassAUROCMetric()(list(FOUND.logits), list(TRUTH[:3]))
    with pytest.raises(ValueError, match="y must be a list of 4 tensors"):
        PointLocalizationMetric(64)(FOUND, BOXES[:3])
    with pytest.raises(TypeError, match="y_pred must be of type Tensor"):
        PerClassAUROCMetric()([np.zeros(2)], [torch.zeros(2)])
