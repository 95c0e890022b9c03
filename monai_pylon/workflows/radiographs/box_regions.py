"""Allowed regions of the mask loss in a radiograph: the boxes of a finding, if it has any."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.transforms import Identity, Transform
from monai.utils import TransformBackends, convert_to_tensor
from torch import nn
from torch.utils.data import Dataset

from monai_pylon.data.phantoms.datasets import PhantomRadiographs
from monai_pylon.metrics.instances import size_pair
from monai_pylon.utils import check
from monai_pylon.utils.outputs import attention_of
from monai_pylon.visualize.pass_conditions import evaluating

__all__ = ["box_regions", "training_regions"]


def _cells(first: float, last: float, size: int, cells: int) -> slice:
    """Return the grid cells along an axis that an interval of pixels touches; a border touches the cell after it."""
    start = min(max(math.floor(first / size * cells), 0), cells - 1)
    stop = min(math.ceil(last / size * cells), cells)
    return slice(start, max(stop, start + 1))


def box_regions(
    boxes: torch.Tensor, num_classes: int, image_size: int | Sequence[int], grid: Sequence[int]
) -> torch.Tensor:
    """Return the grid cells in which the evidence of each label may lie: those that its boxes touch.

    A label without a box may lie anywhere, be it absent or only not outlined: image-level labels say nothing about
    places. This differs from chest CT (section 3.5 of the HiResCAM paper), where an absent abnormality is forbidden
    everywhere. Of a radiograph's labels one or two have boxes. In the mean over the forbidden grid cells, those of
    the absent labels would hide theirs, and the cross entropy holds absent labels down already.

    Args:
        boxes: Boxes (K, 5) of [x1, y1, x2, y2, class], in pixel borders of the image. K may be 0.
        num_classes: Number of labels M.
        image_size: Rows and columns of the image.
        grid: Rows and columns (h, w) of the map, whose cells divide the image evenly.

    Returns:
        Allowed regions (M, h, w), bool.

    Raises:
        ValueError: If a class is not one of the labels.

    Example:
        >>> box_regions(torch.tensor([[0.0, 4.0, 3.0, 8.0, 0.0]]), 2, 8, (2, 4)).int().tolist()
        [[[0, 0, 0, 0], [1, 1, 0, 0]], [[1, 1, 1, 1], [1, 1, 1, 1]]]
    """
    rows, columns = size_pair(image_size)
    allowed = torch.ones(num_classes, *grid, dtype=torch.bool)
    classes = boxes[:, 4].long().tolist()
    known = all(0 <= label < num_classes for label in classes)
    check(known, "boxes", f"of classes from 0 to {num_classes - 1}", sorted(set(classes)))
    allowed[classes] = False
    for label, (x1, y1, x2, y2) in zip(classes, boxes[:, :4].tolist(), strict=True):
        allowed[label, _cells(y1, y2, rows, grid[0]), _cells(x1, x2, columns, grid[1])] = True
    return allowed


class _BoxRegionsd(Transform):
    """Transform that adds "allowed" (M, h, w), bool, to an item with "image" (C, H, W), "label" (M,) and "boxes"."""

    backend = [TransformBackends.TORCH]

    def __init__(self, grid: Sequence[int]) -> None:
        self.grid = tuple(grid)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Add the allowed regions to a copy of an item."""
        boxes = convert_to_tensor(data["boxes"], track_meta=False).reshape(-1, 5)
        size = tuple(data["image"].shape[1:])
        return {**data, "allowed": box_regions(boxes, len(data["label"]), size, self.grid)}


def _map_grid(network: nn.Module, image_size: int) -> tuple[int, ...]:
    """Return the rows and columns of a network's map."""
    parameter = next(network.parameters())
    with torch.no_grad(), evaluating(network):
        explanation = network.explain(parameter.new_zeros(1, 1, image_size, image_size))  # type: ignore[operator]
    return tuple(attention_of(explanation, "explanation").shape[2:])


def training_regions(mask_loss: float, network: nn.Module, image_size: int, data: Dataset | Sequence[Any]) -> Transform:
    """Make the transform that adds the allowed regions of the mask loss to the radiographs of a training.

    Put it after all spatial transforms, and after the boxes have followed them.

    Args:
        mask_loss: Weight of the mask loss.
        network: Network of radiographs (N, 1, H, W) with ``explain``. It is run once, to learn the grid of its map.
        image_size: Rows and columns of its input.
        data: Items of the training, with "boxes" (K, 5).

    Returns:
        A transform that adds "allowed" (M, h, w), bool (see :func:`box_regions`); with weight 0 one that does nothing.

    Raises:
        ValueError: If no radiograph of the training has a box: the mask loss would have no effect.

    Example:
        >>> import numpy as np
        >>> from monai_pylon.networks.nets import PYLON
        >>> item = {"image": torch.zeros(1, 64, 64), "label": np.zeros(14), "boxes": np.array([[0, 0, 64, 8, 3.0]])}
        >>> add = training_regions(1 / 3, PYLON(num_classes=14, encoder="resnet18"), 64, [item])
        >>> add(item)["allowed"].sum(dim=(1, 2))[2:4]
        tensor([256,  32])
    """
    if mask_loss == 0:
        return Identity()
    items: Any = getattr(data, "data", data)
    if not isinstance(data, PhantomRadiographs):
        outlined = any(len(item["boxes"]) for item in items)
        remedy = "Use a dataset with boxes, or --mask_loss 0. The boxes of ChestX-ray14 are all in its official test."
        check(outlined, "mask_loss", "0 where no radiograph of the training has a box", mask_loss, remedy)
    return _BoxRegionsd(_map_grid(network, image_size))
