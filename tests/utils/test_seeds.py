"""Seeds that depend on a few numbers."""

from __future__ import annotations

import random

import numpy as np
import torch

from monai_pylon.utils.seeds import derived_seed, seed_everything, seeded


def draw() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))


def test_seeds_of_different_numbers_differ() -> None:
    seeds = [derived_seed(a, b) for a in range(30) for b in range(30)]
    assert len(set(seeds)) == 900
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert derived_seed(2**64 - 1, 3) == derived_seed(2**64 - 1, 3)


def test_a_seeded_block_repeats_and_leaves_the_generators_alone() -> None:
    seed_everything(3)
    expected = draw(), draw()
    seed_everything(3)
    first = draw()
    with seeded(5):
        inside = draw()
    assert (first, draw()) == expected
    with seeded(5):
        assert draw() == inside
