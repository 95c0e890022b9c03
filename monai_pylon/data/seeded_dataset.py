"""Dataset whose random transforms depend on seed, epoch and index only, not on workers or on what was read before.

A training that was killed and resumed then sees the same images as an uninterrupted one, with any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import Dataset, RandomSampler

from monai_pylon.utils.seeds import derived_seed, seeded

__all__ = ["SeededDataset", "SeededSampler"]


def _randomizable(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the objects with a random state in and below a value, as MONAI's `set_rnd` finds them."""
    if id(value) in seen or isinstance(value, torch.Tensor):
        return
    seen.add(id(value))
    if hasattr(value, "set_random_state"):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _randomizable(part, seen)
    elif hasattr(value, "__dict__") and not isinstance(value, type):
        for part in list(vars(value).values()):
            yield from _randomizable(part, seen)


class SeededDataset(Dataset):
    """Dataset that seeds random transforms, and the global generators, for each item.

    Args:
        dataset: Dataset with random transforms.

    Example:
        >>> import random
        >>> data = SeededDataset([0, 1])
        >>> data.set_epoch(seed=0, epoch=1)
        >>> len(data), data[1]
        (2, 1)
    """

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset
        self._random = list(_randomizable(dataset, set()))
        self._seed_and_epoch = torch.zeros(2, dtype=torch.int64).share_memory_()  # loading processes see changes

    def set_epoch(self, seed: int, epoch: int) -> None:
        """Set seed and epoch; call it before an epoch, in the main process."""
        self._seed_and_epoch[:] = torch.tensor([seed % 2**63, epoch])

    def order(self) -> list[int]:
        """Return the indices in the random order of this epoch."""
        generator = torch.Generator().manual_seed(derived_seed(*self._seed_and_epoch.tolist()))
        return torch.randperm(len(self), generator=generator).tolist()

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        seed = derived_seed(*self._seed_and_epoch.tolist(), index)
        for number, transform in enumerate(self._random):
            transform.set_random_state(seed=derived_seed(seed, number))
        with seeded(seed):
            return self.dataset[index]


class SeededSampler(RandomSampler):
    """Sampler with the random order of a :class:`SeededDataset`.

    Args:
        dataset: The dataset.

    Example:
        >>> sorted(SeededSampler(SeededDataset(["a", "b"])))
        [0, 1]
    """

    def __init__(self, dataset: SeededDataset) -> None:
        super().__init__(dataset)
        self.dataset = dataset

    def __iter__(self) -> Iterator[int]:
        return iter(self.dataset.order())
