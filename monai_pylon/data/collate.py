"""Batches of radiographs in which boxes stay a list, because images have different numbers of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from monai.data import list_data_collate
from monai.utils import convert_to_tensor

from monai_pylon.utils import check

__all__ = ["collate_radiographs"]


def collate_radiographs(batch: Sequence[Mapping[str, Any]], list_keys: Sequence[str] = ("boxes",)) -> dict[str, Any]:
    """Collate items like MONAI, but keep some keys as lists; a `collate_fn` for data loaders.

    MONAI's decollation cannot split such a list: give trainers and evaluators ``decollate=False``.

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
        key: [convert_to_tensor(item[key], dtype=torch.float32, track_meta=False) for item in batch]
        for key in list_keys
        if key in batch[0]
    }
    return {**list_data_collate(rest), **lists}
