"""Baselines of point localization against loops, and against maps that know nothing of the image."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_pylon.metrics import LocalizationBaselinesMetric, PointLocalizationMetric, class_points
from monai_pylon.metrics.baselines import BASELINES, highest_pixels, localization_baselines
from tests.references.localization import image_map

SIZE = 32


def cohort(count: int = 24, classes: int = 3) -> tuple[torch.Tensor, list[torch.Tensor], list[int]]:
    """Make maps, boxes (up to three an image) and patients with two images each."""
    generator = torch.Generator().manual_seed(1)
    boxes = []
    for _ in range(count):
        table = torch.rand(int(torch.randint(0, 4, (1,), generator=generator)), 5, generator=generator)
        corner, size = (table[:, :2] * 20).floor(), (table[:, 2:4] * 11).floor()
        label = (table[:, 4:] * classes).floor()
        boxes.append(torch.cat([corner, corner + size, label], 1))
    return torch.randn(count, classes, 5, 4, generator=generator), boxes, [number // 2 for number in range(count)]


def hit(point: tuple[float, float], boxes: np.ndarray) -> bool:
    row, column = point
    return any(x1 <= column <= x2 and y1 <= row <= y2 for x1, y1, x2, y2 in boxes)


def by_loops(maps: torch.Tensor, boxes: list[torch.Tensor], patients: list[int]) -> list[dict[str, float]]:
    """Compute the network's hit, the center's, and the share of other patients' points, an instance at a time."""
    instances = []
    for number, table in enumerate(boxes):
        for label in sorted({int(row[4]) for row in table}):
            large = image_map(maps[number, label].numpy(), (SIZE, SIZE))
            point = np.unravel_index(large.argmax(), large.shape)
            mine = table[table[:, 4] == label, :4].numpy()
            instances.append((label, patients[number], point, mine))
    found = []
    for label, patient, point, mine in instances:
        others = [p for kind, who, p, _ in instances if kind == label and who != patient]
        share = np.mean([hit(p, mine) for p in others]) if others else np.nan
        covered = np.mean([[hit((row, column), mine) for column in range(SIZE)] for row in range(SIZE)])
        found.append(
            {
                "network": hit(point, mine),
                "random_point": covered,
                "image_center": hit(((SIZE - 1) / 2, (SIZE - 1) / 2), mine),
                "other_patients": share,
                "image_specific_gain": hit(point, mine) - share,
            }
        )
    return found


def test_agrees_with_loops_in_any_batches() -> None:
    maps, boxes, patients = cohort()
    expected = by_loops(maps, boxes, patients)
    metric, points = LocalizationBaselinesMetric(SIZE), PointLocalizationMetric(SIZE)
    for part in (slice(0, 5), slice(5, 6), slice(6, None)):
        metric(maps[part], boxes[part], patients[part])
        points(maps[part], boxes[part])
    found, classes, who = metric.values()
    assert len(expected) == len(classes) == len(who) > 12
    for name in expected[0]:
        np.testing.assert_allclose(found[name], [each[name] for each in expected], err_msg=name)
    assert np.isnan(found["class_point"]).all()
    assert metric.aggregate()["network"] == pytest.approx(points.aggregate()["weighted"])


def test_maps_that_ignore_the_image_gain_nothing() -> None:
    """The same map for everybody: all hits are those of a place, and other patients' maps hit as often."""
    maps, boxes, patients = cohort(40)
    metric = LocalizationBaselinesMetric(SIZE)
    metric(maps[:1].expand(40, -1, -1, -1), boxes, patients)
    found = metric.values()[0]
    assert found["network"].any()
    assert not found["image_specific_gain"].any()


def test_perfect_maps_gain_all_that_others_miss() -> None:
    _, boxes, patients = cohort(40)
    maps = torch.zeros(40, 3, SIZE, SIZE)
    for number, table in enumerate(boxes):
        for x1, y1, _, _, label in table.long().tolist():
            maps[number, label] = 0
            maps[number, label, y1, x1] = 9
    metric = LocalizationBaselinesMetric(SIZE)
    metric(maps, boxes, patients)
    found = metric.aggregate()
    assert found["network"] == 1
    assert found["other_patients"] < 0.3
    assert found["image_specific_gain"] == pytest.approx(1 - found["other_patients"])


def test_the_fixed_point_lies_in_most_boxes_of_other_patients() -> None:
    boxes = torch.tensor([[0, 0, 9, 9, 0], [5, 2, 12, 8, 0], [6, 3, 30, 20, 0], [20, 20, 25, 25, 2]])
    points = class_points(boxes, 4, (24, 32))
    row, column = points[0].tolist()
    assert 3 <= row <= 8
    assert 6 <= column <= 9
    assert points.isnan().all(1).tolist() == [False, True, False, True]
    metric = LocalizationBaselinesMetric((24, 32), points)
    metric(torch.randn(1, 4, 3, 3), [torch.tensor([[6, 2, 9, 9, 0], [0, 0, 9, 9, 1], [0, 0, 9, 9, 2]])], [5])
    np.testing.assert_array_equal(metric.values()[0]["class_point"], [1, np.nan, 0])


def test_large_patient_numbers_stay_apart_and_reset_forgets() -> None:
    metric = LocalizationBaselinesMetric(8)
    maps, box = torch.eye(4)[None, None].expand(2, -1, -1, -1), torch.tensor([[0, 0, 3, 3, 0]])
    numbers = [(1 << 47) + (1 << 24) + 1, (1 << 47) + (1 << 24) + 2]
    metric(maps, [box, box], numbers)
    found, _, patients = metric.values()
    assert patients.tolist() == numbers
    assert found["other_patients"].tolist() == [1, 1]
    metric.reset()
    metric(maps, [box, box], [7, 7])
    assert np.isnan(metric.values()[0]["other_patients"]).all(), "one patient alone"
    metric.reset()
    metric(maps, [torch.zeros(0, 5), torch.zeros(0, 5)], [7, 7])
    assert len(metric.values()[1]) == 0
    assert all(np.isnan(value) for value in metric.aggregate().values())


def test_highest_pixels_are_those_of_point_localization() -> None:
    maps = torch.randn(5, 6, 7)
    for one, point in zip(maps, highest_pixels(maps, (20, 30)), strict=True):
        large = image_map(one.numpy(), (20, 30))
        assert np.unravel_index(large.argmax(), large.shape) == tuple(point.tolist())


@pytest.mark.parametrize(("row", "column", "hits"), [(4.0, 5.5, 1), (4.5, 5.5, 0), (3.5, 5.5, 0), (4, 6, 0), (4, 5, 0)])
def test_the_center_lies_between_the_outermost_pixels(row: float, column: float, hits: int) -> None:
    box = torch.tensor([[column, row, column, row]], dtype=torch.float64)
    found = localization_baselines(torch.zeros(1, 2), torch.zeros(1), [1], box, torch.zeros(1), (9, 12))
    assert found["image_center"].tolist() == [hits]


def test_names_are_those_of_the_results() -> None:
    found = localization_baselines(torch.zeros(1, 2), torch.zeros(1), [1], torch.zeros(1, 4), torch.zeros(1), 8)
    assert set(found) == {"network", *BASELINES}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": torch.zeros(2, 2)}, r"points must be of shape \(1, 2\), one for each instance"),
        ({"patients": [1, 2]}, "patients must be 1, one for each instance, but is 2"),
        ({"owner": torch.ones(1)}, "owner must be the instance of each box"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(change: dict[str, object], message: str) -> None:
    fine = {"points": torch.zeros(1, 2), "classes": torch.zeros(1), "patients": [1], "boxes": torch.zeros(1, 4)}
    with pytest.raises(ValueError, match=message):
        localization_baselines(**{**fine, "owner": torch.zeros(1), "image_size": 8, **change})


def test_boxes_without_a_class_are_refused() -> None:
    with pytest.raises(ValueError, match=r"boxes must be of shape \(K, 5\)"):
        class_points(torch.zeros(2, 4), 1, 8)


def test_values_before_any_call_are_refused() -> None:
    for read in (LocalizationBaselinesMetric(8).values, LocalizationBaselinesMetric(8).aggregate):
        with pytest.raises(ValueError, match="the metric must be called with maps, boxes and patients"):
            read()
