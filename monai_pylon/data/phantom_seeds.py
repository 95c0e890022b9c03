"""Phantoms by number: what data sets of patients who do not exist share."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from monai_pylon.utils import check, check_type

__all__: list[str] = []


class SeededPhantoms(Dataset):
    """Patients who are made anew, each from a seed of its own, whenever they are asked for.

    Args:
        count: how many.
        first_seed: of the first; the others count on from there.
    """

    def __init__(self, count: int, first_seed: int) -> None:
        for name, value in (("count", count), ("first_seed", first_seed)):
            check_type(value, int, name)
        check(count > 0, "count", "positive", count)
        check(first_seed >= 0, "first_seed", "0 or more", first_seed)
        self.count, self.first_seed = count, first_seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        if not -self.count <= index < self.count:
            raise IndexError(f"index must be below {self.count}, but is {index}.")
        return self.make(self.first_seed + index % self.count)

    def make(self, seed: int) -> dict[str, Any]:
        """The item of a seed."""
        raise NotImplementedError
