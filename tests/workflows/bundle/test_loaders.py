"""Joined transforms and data loaders."""

from __future__ import annotations

import torch
from monai.transforms import Compose, RandFlipd
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
