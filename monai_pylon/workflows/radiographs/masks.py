"""Masks of findings on the pixels of a network's input."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.transforms import Transform
from monai.utils import TransformBackends

from monai_pylon.data.datasets.chexlocalize import is_chexlocalize
from monai_pylon.data.datasets.masks import draw_mask
from monai_pylon.transforms.boxes import pixel_moves

__all__ = ["MasksOnImaged", "unknown_radiograph"]


def _moved_mask(filled: np.ndarray, move: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Move a mask to the pixels of an image of a size: each takes the mask's pixel at its center.

    A mask that falls between the centers keeps the pixels into which its own move.
    """
    row, column = np.indices(size).reshape(2, -1)
    back = np.linalg.inv(move)
    source = np.rint(back @ np.stack([row, column, np.ones_like(row)]))[:2].astype(int)
    inside = ((source >= 0) & (source < np.array(filled.shape)[:, None])).all(axis=0)
    moved = np.zeros(size, dtype=bool)
    moved[row[inside], column[inside]] = filled[source[0, inside], source[1, inside]]
    if not moved.any():
        row, column = filled.nonzero()
        target = np.rint(move @ np.stack([row, column, np.ones_like(row)]))[:2].astype(int)
        target = target[:, ((target >= 0) & (target < np.array(size)[:, None])).all(axis=0)]
        moved[target[0], target[1]] = True
    return moved


class MasksOnImaged(Transform):
    """Transform that draws the masks of an item on its image, wherever MONAI's transforms have moved the pixels.

    Put it after all spatial transforms. Items without masks are unchanged.

    Args:
        image_key: Item with the image, MetaTensor (1, H, W).
        masks_key: Item with the masks: dictionaries with "label", "size", "counts" or "polygons" (see
            :func:`~monai_pylon.data.datasets.masks.draw_mask`), and "image_size", rows and columns of the image file.
            They become (M, H, W) bool.
        label_key: Item with the labels (M,).

    Example:
        >>> from monai.data import MetaTensor
        >>> from monai.transforms import Flip
        >>> mask = {"label": 1, "size": [2, 3], "image_size": [2, 3], "counts": [0, 2, 4]}
        >>> item = {"image": Flip(1)(MetaTensor(torch.zeros(1, 2, 3))), "label": np.zeros(2), "masks": [mask]}
        >>> MasksOnImaged()(item)["masks"][1].int().tolist()
        [[0, 0, 1], [0, 0, 1]]
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, image_key: str = "image", masks_key: str = "masks", label_key: str = "label") -> None:
        self.image_key, self.masks_key, self.label_key = image_key, masks_key, label_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Draw the masks (M, H, W) in a copy of an item."""
        item = dict(data)
        if self.masks_key not in item:
            return item
        image = item[self.image_key]
        size = (int(image.shape[1]), int(image.shape[2]))
        drawn, move = np.zeros((len(item[self.label_key]), *size), dtype=bool), pixel_moves(image)
        for mask in item[self.masks_key]:
            filled = draw_mask(mask)
            scale = np.array(mask["image_size"]) / filled.shape
            onto_file = np.array([[scale[0], 0, scale[0] / 2 - 0.5], [0, scale[1], scale[1] / 2 - 0.5], [0, 0, 1]])
            drawn[mask["label"]] |= _moved_mask(filled, move @ onto_file, size)
        item[self.masks_key] = torch.from_numpy(drawn)
        return item


def unknown_radiograph(
    image_size: int, labels: Sequence[str], dataset_dir: str | PathLike[str] = "phantom"
) -> dict[str, Any]:
    """Make the item that replaces an unreadable radiograph in an evaluation: an empty image without any known label.

    Args:
        image_size: Rows and columns of the network's input.
        labels: Names of the M labels.
        dataset_dir: The dataset; the items of CheXlocalize have masks.

    Returns:
        "image" (1, H, W), "label" (M,) of NaN, "boxes" (0, 5), the facts "view", "sex" and "age", and perhaps "masks".

    Example:
        >>> unknown_radiograph(8, ["Mass"])["label"].tolist()
        [nan]
    """
    facts = {"view": "", "sex": "", "age": float("nan")}
    item = {"image": torch.zeros(1, image_size, image_size), "label": torch.full((len(labels),), torch.nan)}
    size = (len(labels), image_size, image_size)
    masks = {"masks": torch.zeros(size, dtype=torch.bool)} if is_chexlocalize(Path(dataset_dir).expanduser()) else {}
    return {**item, "boxes": torch.zeros(0, 5), **facts, **masks}
