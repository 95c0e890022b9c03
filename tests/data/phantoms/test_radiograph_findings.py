"""Tests of the choice and placement of radiograph findings."""

from collections import Counter

import numpy as np

from monai_pylon.data.phantoms.radiograph_findings import RADIOGRAPH_FINDINGS, draw_radiograph_findings


def test_nearly_half_are_normal_and_classes_are_as_frequent_as_published():
    drawn = [draw_radiograph_findings(np.random.default_rng(seed)) for seed in range(2000)]
    assert 0.42 < np.mean([not names for names in drawn]) < 0.48
    counts = Counter(name for names in drawn for name in set(names))
    assert set(counts) == set(RADIOGRAPH_FINDINGS)
    assert counts["Atelectasis"] > 1.5 * counts["Nodule"]
    assert {len(set(names)) for names in drawn} == {0, 1, 2, 3}


def test_only_some_classes_are_drawn_twice():
    drawn = [draw_radiograph_findings(np.random.default_rng(seed)) for seed in range(500)]
    twice = {name for names in drawn for name, count in Counter(names).items() if count == 2}
    assert twice == {"Effusion", "Nodule", "Infiltration", "Atelectasis", "Pneumonia"}
    assert all(names == sorted(names, key=RADIOGRAPH_FINDINGS.index) for names in drawn)
