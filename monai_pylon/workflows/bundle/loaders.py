"""Transforms and data loaders for training and evaluation."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from monai.data import DataLoader
from monai.transforms import Compose
from torch.utils.data import Dataset, Sampler

from monai_pylon.data.seeded_dataset import SeededDataset, SeededSampler

__all__ = ["join_transforms", "make_dataloader"]


def join_transforms(groups: Sequence[Sequence[Callable]]) -> Compose:
    """Join lists of transforms.

    Args:
        groups: Lists of transforms, in the order in which they are applied. Composed transforms are flattened, so that
            they do not change the random numbers of the others.

    Returns:
        One composed transform.

    Example:
        >>> join_transforms([[abs], [float]])(-1)
        1.0
    """
    return Compose([transform for group in groups for transform in group]).flatten()


def _default_workers() -> int:
    """Return the number of processors of this process, at most four."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, available)


def make_dataloader(
    dataset: Dataset,
    batch_size: int,
    training: bool = False,
    sampler: Sampler | None = None,
    num_workers: int | None = None,
    device: torch.device | str = "cpu",
    collate_fn: Callable | None = None,
) -> DataLoader:
    """Make a data loader.

    Args:
        dataset: Dataset of items with images (C, *spatial).
        batch_size: Items per batch.
        training: Whether to shuffle (unless there is a sampler), and to drop an incomplete last batch if there are
            complete ones. Order and random transforms then depend on seed, epoch and item only, see
            :class:`~monai_pylon.data.seeded_dataset.SeededDataset`; :class:`TrainingCheckpoints` sets the epoch.
        sampler: Order of the items, such as that of one of several processes.
        num_workers: Loading processes; by default one per processor, at most four.
        device: Device of the network. For CUDA the batches are pinned in memory.
        collate_fn: Function that makes a batch from items; by default MONAI's.

    Returns:
        The data loader.

    Example:
        >>> loader = make_dataloader([{"image": torch.zeros(1, 4, 4)}] * 5, batch_size=2, training=True, num_workers=0)
        >>> len(loader), next(iter(loader))["image"].shape
        (2, torch.Size([2, 1, 4, 4]))
    """
    workers = _default_workers() if num_workers is None else num_workers
    more: dict[str, Any] = {} if collate_fn is None else {"collate_fn": collate_fn}
    if training:
        dataset = SeededDataset(dataset)
        sampler = SeededSampler(dataset) if sampler is None else sampler
        more["generator"] = torch.Generator()  # starting workers would draw from the global one
    return DataLoader(
        dataset,
        num_workers=workers,
        batch_size=batch_size,
        sampler=sampler,
        pin_memory=torch.device(device).type == "cuda",
        persistent_workers=workers > 0,
        drop_last=training and len(dataset) > batch_size,  # type: ignore[arg-type]
        **more,
    )
