"""Batches of radiographs in which boxes stay a list, because images have different numbers of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.data import list_data_collate
from monai.utils import convert_to_tensor

from monai_pylon.utils import check

__all__ = ["collate_radiographs"]


class _TensorsOfItems(list):
    """List with one tensor for each item of a batch, which the decollation of MONAI 1.6 gives back item by item.

    MONAI transposes a plain list of tensors: the first item gets the first row of every tensor. A value without
    dimensions it takes as it is, by ``item()``.
    """

    ndim = 0

    def item(self) -> list[torch.Tensor]:
        """Return the tensors as a list."""
        return list(self)


def collate_radiographs(batch: Sequence[Mapping[str, Any]], list_keys: Sequence[str] = ("boxes",)) -> dict[str, Any]:
    """Collate items like MONAI, but keep some keys as lists; a `collate_fn` for data loaders.

    The `decollate_batch` of MONAI 1.6 and newer splits the batch into its items again. With older releases, and for
    trainers and evaluators whose network returns an `Explanation`, set ``decollate=False``: MONAI would transpose the
    boxes, and turn an explanation into plain lists.

    Args:
        batch: N items with the same keys.
        list_keys: Keys whose shapes differ between items, such as boxes (K, 5). Keys that the items do not have are
            skipped.

    Returns:
        One dictionary: tensors (N, ...), and for each of `list_keys` a list of N plain tensors.

    Raises:
        ValueError: If the batch is empty.

    Example:
        >>> items = [{"image": torch.zeros(1, 8, 8), "boxes": torch.zeros(k, 5)} for k in (2, 0)]
        >>> [boxes.shape for boxes in collate_radiographs(items)["boxes"]]
        [torch.Size([2, 5]), torch.Size([0, 5])]
    """
    check(len(batch) > 0, "batch", "at least one item", len(batch))
    rest = [{key: value for key, value in item.items() if key not in list_keys} for item in batch]
    lists = {
        key: _TensorsOfItems(convert_to_tensor(item[key], dtype=torch.float32, track_meta=False) for item in batch)
        for key in list_keys
        if key in batch[0]
    }
    return {**list_data_collate(rest), **lists}
