"""Joined transforms and data loaders."""

from __future__ import annotations

import random

import numpy as np
import torch
from monai.data import Dataset
from monai.transforms import Compose, RandFlipd, Randomizable, Transform
from monai.utils import set_determinism
from torch.utils.data import RandomSampler, SequentialSampler

from monai_pylon.workflows.bundle import join_transforms, make_dataloader

ITEMS = [{"image": torch.full((1, 2, 2), float(k))} for k in range(5)]


def test_composed_transforms_do_not_change_the_random_numbers() -> None:
    """The same seed gives the same augmentation, however the deterministic transforms are grouped."""

    def flips(*groups: list) -> list[bool]:
        set_determinism(0)
        joined = join_transforms([*groups, [RandFlipd("image", prob=0.5, spatial_axis=0)]])
        images = [joined({"image": torch.arange(2.0).reshape(1, 2, 1)})["image"] for _ in range(20)]
        set_determinism(None)
        return [bool(image[0, 0, 0]) for image in images]

    assert flips([]) == flips([Compose([]), Compose([dict, dict])])
    assert len(set(flips([]))) == 2


def test_training_shuffles_and_drops_an_incomplete_batch() -> None:
    loader = make_dataloader(ITEMS, 2, training=True, num_workers=0)
    assert isinstance(loader.sampler, RandomSampler)
    assert len(loader) == 2
    assert len(make_dataloader(ITEMS, 8, training=True, num_workers=0)) == 1, "the only batch is not dropped"
    assert len(make_dataloader(ITEMS, 5, training=True, num_workers=0)) == 1


def test_evaluation_keeps_order_and_every_item() -> None:
    loader = make_dataloader(ITEMS, 2, num_workers=0)
    assert [batch["image"][:, 0, 0, 0].tolist() for batch in loader] == [[0, 1], [2, 3], [4]]


def test_a_sampler_replaces_the_shuffling() -> None:
    loader = make_dataloader(ITEMS, 2, training=True, sampler=SequentialSampler(ITEMS), num_workers=0)
    assert [batch["image"][:, 0, 0, 0].tolist() for batch in loader] == [[0, 1], [2, 3]]


def test_workers_persist_and_are_four_at_most() -> None:
    loader = make_dataloader(ITEMS, 2)
    assert 1 <= loader.num_workers <= 4
    assert loader.persistent_workers
    assert not make_dataloader(ITEMS, 2, num_workers=0).persistent_workers


def test_pins_memory_for_cuda_and_takes_another_collate_function() -> None:
    assert make_dataloader(ITEMS, 2, num_workers=0, device=torch.device("cuda")).pin_memory
    loader = make_dataloader(ITEMS, 2, num_workers=0, collate_fn=len)
    assert not loader.pin_memory
    assert list(loader) == [2, 2, 1]


class Noise(Randomizable, Transform):
    """Random numbers of a transform, and of all global generators."""

    def __call__(self, item: dict) -> dict:
        numbers = [self.R.random(), random.random(), np.random.random(), float(torch.rand(1))]
        return {"item": int(item["image"][0, 0, 0]), "noise": torch.tensor(numbers)}


def epochs(workers: int, numbers: list[int], seed: int = 0) -> list[tuple[list[int], list[list[float]]]]:
    """Return order and noise of some epochs."""
    loader = make_dataloader(Dataset(ITEMS, Compose([Noise()])), 1, training=True, num_workers=workers)
    result = []
    for epoch in numbers:
        loader.dataset.set_epoch(seed, epoch)  # type: ignore[attr-defined]
        batches = list(loader)
        result.append(([int(b["item"]) for b in batches], [b["noise"][0].tolist() for b in batches]))
    return result


def test_random_numbers_depend_on_seed_epoch_and_item_only() -> None:
    """Not on the number of loading processes, nor on the epochs that they loaded before."""
    first, second, third = epochs(0, [1, 2, 3])
    assert epochs(2, [2, 3]) == [second, third]
    assert epochs(0, [3]) == [third]
    assert epochs(0, [3], seed=1) != [third]
    orders = [order for order, _ in (first, second, third)]
    assert len({tuple(order) for order in orders}) == 3
    assert all(sorted(order) == [0, 1, 2, 3, 4] for order in orders)
    numbers = [number for _, noise in (first, second, third) for item in noise for number in item]
    assert len(set(numbers)) == 60, "no two items or epochs share a number"


def test_loading_does_not_change_the_generators_of_the_training() -> None:
    loader = make_dataloader(Dataset(ITEMS, Noise()), 1, training=True, num_workers=0)
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    list(loader)
    assert states == (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist())
