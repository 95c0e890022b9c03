"""HiResCAM and Grad-CAM as functions of activations and gradients (HiResCAM paper, section 3.3).

The functions have no state and no hooks. Maps are signed: a negative value means that the grid cell lowered the score.
Clipping at zero and scaling to 0-1 belong to the display.
"""

from __future__ import annotations

import torch

from monai_pylon.utils import check, check_type
from monai_pylon.utils.precision import at_least_float32

__all__ = ["grad_cam", "hires_cam"]


def hires_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Multiply each activation by its own gradient and sum over the features (HiResCAM, equation 5).

    Args:
        activations: Output (N, C, *grid) of a layer with C features.
        gradients: Gradients (N, C, *grid) of one score per sample, or (N, M, C, *grid) of M scores.

    Returns:
        Signed maps (N, *grid), or (N, M, *grid) for M scores, at least float32. If the score is an affine function of
        the activations, the sum of the map is the score minus the score at zero activations.

    Raises:
        TypeError: If an argument is not a tensor.
        ValueError: If the shapes do not fit.

    Example:
        >>> activations = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # 1 sample, 2 features, 2 grid cells
        >>> gradients = torch.tensor([[[1.0, 0.0], [0.0, -1.0]]])
        >>> hires_cam(activations, gradients)
        tensor([[ 1., -4.]])
    """
    activations, many = _checked(activations, gradients)
    # One label at a time: the products of all labels would need as much memory as the gradients.
    maps = [(activations * g.to(activations.dtype)).sum(1) for g in many.unbind(1)]
    return _like_given(maps, gradients, activations)


def grad_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Weight the features by the means of their gradients over the grid (Grad-CAM, equations 3 and 4).

    The map is signed: the final ReLU is omitted. Because of the means, the map may show evidence in grid cells that did
    not affect the score.

    Args:
        activations: Output (N, C, *grid) of a layer with C features.
        gradients: Gradients (N, C, *grid) of one score per sample, or (N, M, C, *grid) of M scores.

    Returns:
        Signed maps (N, *grid), or (N, M, *grid) for M scores, at least float32.

    Raises:
        TypeError: If an argument is not a tensor.
        ValueError: If the shapes do not fit.

    Example:
        >>> activations = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # 1 sample, 2 features, 2 grid cells
        >>> gradients = torch.tensor([[[1.0, 0.0], [0.0, -1.0]]])
        >>> grad_cam(activations, gradients)
        tensor([[-1., -1.]])
    """
    activations, many = _checked(activations, gradients)
    weights = many.to(activations.dtype).flatten(3).mean(-1)
    maps = [weighted_features(activations, w[:, None])[:, 0] for w in weights.unbind(1)]
    return _like_given(maps, gradients, activations)


def weighted_features(activations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum features (N, C, *grid) with weights (N, M, C) to maps (N, M, *grid), at least float32, also in autocast."""
    activations = at_least_float32(activations)
    with torch.autocast(activations.device.type, enabled=False):  # autocast would compute the product in half precision
        maps = torch.bmm(weights.to(activations.dtype), activations.flatten(2))
    return maps.reshape(*maps.shape[:2], *activations.shape[2:])


def _checked(activations: torch.Tensor, gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the activations in float32 or better, and the gradients as (N, M, C, *grid)."""
    check_type(activations, torch.Tensor, "activations")
    check_type(gradients, torch.Tensor, "gradients")
    check(activations.ndim >= 3, "activations", "of shape (N, C, *grid)", activations, "Keep the batch axis.")
    shape = tuple(activations.shape)
    one = gradients.shape == activations.shape
    many = gradients.ndim == len(shape) + 1 and (gradients.shape[0], *gradients.shape[2:]) == shape
    requirement = f"of the activations' shape {shape}, or (N, M, C, *grid) for M scores"
    check(one or many, "gradients", requirement, gradients)
    return at_least_float32(activations), gradients[:, None] if one else gradients


def _like_given(maps: list[torch.Tensor], gradients: torch.Tensor, activations: torch.Tensor) -> torch.Tensor:
    """Return one map (N, *grid), or stack the maps of M scores to (N, M, *grid), M = 0 included."""
    if gradients.ndim == activations.ndim:
        return maps[0]
    empty = activations.new_zeros((len(activations), 0, *activations.shape[2:]))
    return torch.stack(maps, 1) if maps else empty
