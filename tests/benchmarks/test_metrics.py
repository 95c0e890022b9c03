"""Speed of the localization metrics for 1,000 images with 14 classes: at least 20 times that of the slow reference."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
import torch

from monai_pylon.metrics import BoxLocalizationMetric, PointLocalizationMetric
from tests.references.localization import overlaps, point_hits

SIZE = (256, 256)


@pytest.fixture(scope="module")
def cases() -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Make 1,000 images, each with 14 maps of 64 x 64 and one or two boxes."""
    random = torch.Generator().manual_seed(0)
    maps, boxes = torch.randn(1000, 14, 64, 64, generator=random), []
    for image in range(1000):
        count = 1 + (image // 10) % 2
        corner, label = 150 * torch.rand(count, 2, generator=random), torch.randint(14, (count, 1), generator=random)
        boxes.append(torch.cat([corner, corner + 20 + 80 * torch.rand(count, 2, generator=random), label], dim=1))
    return maps, boxes


def cpu_seconds(function: Callable, repeats: int = 5) -> float:
    """Measure the median CPU time of several calls."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


@pytest.mark.parametrize("name", ["point", "box"])
def test_is_20_times_as_fast_as_single_maps(
    name: str, cases: tuple[torch.Tensor, list[torch.Tensor]], capsys: pytest.CaptureFixture
) -> None:
    maps, boxes = cases
    some_maps, some_boxes = maps[::10].numpy(), boxes[::10]  # all would take too long

    def one_by_one() -> None:
        if name == "point":
            point_hits(some_maps, some_boxes, SIZE)
        else:
            overlaps(some_maps, some_boxes, SIZE, 0.5)

    metric = PointLocalizationMetric(SIZE) if name == "point" else BoxLocalizationMetric(SIZE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ratio = 10 * cpu_seconds(one_by_one, 1) / cpu_seconds(lambda: metric(maps, boxes))
    finally:
        torch.set_num_threads(threads)
    with capsys.disabled():
        print(f"\n{name} localization: {ratio:.0f} times as fast as single maps")
    assert ratio >= 20
