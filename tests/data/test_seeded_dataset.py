"""Dataset with random transforms that a resumed training repeats."""

from __future__ import annotations

import torch
from monai.data import Dataset
from monai.transforms import Compose, RandFlip, RandGaussianNoise

from monai_pylon.data.seeded_dataset import SeededDataset, SeededSampler


def test_items_repeat_in_any_order() -> None:
    data = SeededDataset(Dataset([torch.zeros(1, 4)] * 3, Compose([RandGaussianNoise(prob=1.0), RandFlip(prob=0.5)])))
    data.set_epoch(seed=7, epoch=2)
    forward = [data[k] for k in (0, 1, 2)]
    backward = [data[k] for k in (2, 1, 0)][::-1]
    assert all(torch.equal(one, other) for one, other in zip(forward, backward, strict=True))
    assert not torch.equal(forward[0], forward[1])
    data.set_epoch(seed=7, epoch=3)
    assert not torch.equal(forward[0], data[0])


def test_order_is_that_of_the_epoch() -> None:
    data = SeededDataset(list(range(20)))
    sampler = SeededSampler(data)
    data.set_epoch(0, 1)
    first = list(sampler)
    assert list(sampler) == first
    data.set_epoch(0, 2)
    assert list(sampler) != first
    assert sorted(sampler) == list(range(20))
    data.set_epoch(2**64 - 1, 1)  # torch.initial_seed() may be that large
    assert len(sampler) == len(list(sampler)) == 20


def test_parts_with_their_own_random_state_differ() -> None:
    """Two transforms of one kind must not draw the same numbers."""
    data = SeededDataset(Dataset([torch.zeros(1, 4)], Compose([RandGaussianNoise(prob=1.0)])))
    both = SeededDataset([0])
    both._random = [RandGaussianNoise(prob=1.0), RandGaussianNoise(prob=1.0)]
    both[0]
    noises = [part(torch.zeros(1, 4)) for part in both._random]
    assert not torch.equal(noises[0], noises[1])
    assert len(data._random) == 1
