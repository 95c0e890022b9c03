"""Share of peaks inside the mask: the highest cell of a map against the mask of its class."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from monai_pylon.utils import check, check_type

__all__ = ["MASK_BASELINES", "mask_hits"]

#: Names of the results of :func:`mask_hits` beside the network's "peak": what a map without any sight of the image has.
MASK_BASELINES = ("random_point", "image_center")


def mask_hits(maps: Tensor, masks: Tensor) -> dict[str, Tensor]:
    """Return for each image and class whether the highest cell of the map lies in the mask of the class.

    A map of another size is resampled to that of the masks (bilinear or trilinear, ``align_corners=False``). Of equally
    high cells the first counts. An *instance* is a class with a mask in an image.

    Args:
        maps: Maps (N, M, *size), one for each class; larger is more evidence.
        masks: Masks (N, M, *grid), bool.

    Returns:
        "peak", 1 hit or 0 miss; "random_point", the share of the cells in the mask, which a random point hits; and
        "image_center", whether the center lies in the mask. Each is (N, M), float32, NaN for a class without a mask.

    Raises:
        TypeError: If maps or masks is not a tensor.
        ValueError: If the numbers of images or classes differ, or the map of an instance contains NaN.

    Example:
        >>> maps, masks = torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4, dtype=torch.bool)
        >>> maps[0, 1, 3, 0] = 5
        >>> masks[0, 1, 2:, :2] = True
        >>> {name: values.tolist() for name, values in mask_hits(maps, masks).items()}
        {'peak': [[nan, 1.0]], 'random_point': [[nan, 0.25]], 'image_center': [[nan, 0.0]]}
    """
    check_type(maps, Tensor, "maps")
    check_type(masks, Tensor, "masks")
    fits = maps.ndim == masks.ndim >= 3 and maps.shape[:2] == masks.shape[:2]
    check(fits, "masks", f"of the images and classes of maps {tuple(maps.shape[:2])}, and its number of axes", masks)
    grid = masks.shape[2:]
    found = {name: torch.full(maps.shape[:2], torch.nan) for name in ("peak", *MASK_BASELINES)}
    center = tuple((size - 1) // 2 for size in grid)
    for image, label in masks.flatten(2).any(dim=2).nonzero().tolist():
        heat, mask = maps[image, label].detach().float(), masks[image, label]
        check(not bool(heat.isnan().any()), "maps", "without NaN", heat, "Check the training of the network.")
        if heat.shape != grid:
            mode = {1: "linear", 2: "bilinear", 3: "trilinear"}[len(grid)]
            heat = interpolate(heat[None, None], tuple(grid), mode=mode, align_corners=False)[0, 0]
        found["peak"][image, label] = float(mask.flatten()[heat.flatten().argmax()])
        found["random_point"][image, label] = float(mask.float().mean())
        found["image_center"][image, label] = float(mask[center])
    return found
