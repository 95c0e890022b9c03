"""Share of peaks in masks: collected over batches, with intervals by name."""

from __future__ import annotations

import numpy as np
import torch

from monai_pylon.workflows.bundle.peak_hits import PeakHits


def test_batches_are_joined_and_sound_rows_counted() -> None:
    hits = PeakHits("peak_in_mask")
    maps = torch.tensor([[[0.0, 2.0, 1.0]], [[3.0, 2.0, 1.0]], [[3.0, 2.0, 1.0]]])
    masks = torch.tensor([[[False, True, False]], [[False, True, True]], [[False, False, False]]])
    hits.collect(maps[:1], masks[:1], torch.ones(1, 1))
    hits.collect(maps[1:], masks[1:], torch.zeros(2, 1))
    hits.gather()
    np.testing.assert_array_equal(hits.gathered[0], [[1], [0], [np.nan]])
    np.testing.assert_array_equal(hits.gathered[3], [[1], [0], [0]])
    found = hits.intervals(np.array([True, True, True]), np.arange(3), ["a"], 10)
    assert list(found) == ["peak_in_mask", "peak_in_mask, random_point", "peak_in_mask, image_center"]
    assert [found[name]["a"]["estimate"] for name in found] == [0.5, 0.5, 1.0]
    first = hits.intervals(np.array([True, False, False]), np.arange(1), ["a"], 10)
    assert first["peak_in_mask"]["a"]["estimate"] == 1


def test_nothing_collected_gives_nothing() -> None:
    hits = PeakHits("peak_in_nodule")
    hits.collect(torch.zeros(1, 1, 2), torch.ones(1, 1, 2, dtype=torch.bool))
    hits.reset()
    hits.gather()
    assert hits.gathered == []
    assert hits.intervals(np.ones(0, dtype=bool), np.zeros(0), ["a"], 10) == {}
