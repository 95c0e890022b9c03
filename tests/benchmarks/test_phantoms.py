"""Benchmarks of the phantoms on one processor: 30 ms for a radiograph of 256 pixels, 10 s for a CT at 2 mm."""

import itertools
import time

import pytest

from monai_pylon.data import phantom_chest_ct, phantom_radiograph


@pytest.mark.benchmark(timer=time.process_time)
def test_radiograph_takes_at_most_30_ms(benchmark):
    seeds = itertools.count()
    benchmark.pedantic(lambda: phantom_radiograph(next(seeds), size=256), rounds=60, warmup_rounds=5)
    if benchmark.stats is not None:
        assert benchmark.stats.stats.median < 0.030


@pytest.mark.benchmark(timer=time.process_time)
def test_chest_ct_takes_at_most_10_s(benchmark):
    benchmark.pedantic(
        phantom_chest_ct, (1,), {"shape": (160, 160, 180), "spacing": (2.0, 2.0, 2.0), "effusion": "left"}, rounds=2
    )
    if benchmark.stats is not None:
        assert benchmark.stats.stats.median < 10.0
