"""HiResCAM and Grad-CAM as functions of activations and gradients (HiResCAM paper, section 3.3).

No state, no hooks. Both are signed: where a map is negative, the place lowered the score. Cutting off at zero and
stretching to 0-1 are a matter of display, not of the explanation.
"""

from __future__ import annotations

import torch

from monai_pylon.utils import at_least_float32, check, check_type

__all__ = ["grad_cam", "hires_cam"]


def hires_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """HiResCAM: each activation times its own gradient, summed over the features (equation 5).

    Args:
        activations: (N, C, *grid), the output of a layer with C features.
        gradients: (N, C, *grid), of one score a sample; or (N, M, C, *grid), of M scores.

    Returns:
        (N, *grid), or (N, M, *grid) for M scores; signed, at least float32. Where the score is an affine function
        of the activations, the map's sum is the score less the score at zero activations.

    Raises:
        TypeError: where an argument is no tensor.
        ValueError: where the shapes do not fit.

    Example:
        >>> activations = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # 1 sample, 2 features, 2 cells
        >>> gradients = torch.tensor([[[1.0, 0.0], [0.0, -1.0]]])
        >>> hires_cam(activations, gradients)
        tensor([[ 1., -4.]])
    """
    activations, many = _checked(activations, gradients)
    # label by label: the products of all labels at once would take as much memory as the gradients
    maps = [(activations * g.to(activations.dtype)).sum(1) for g in many.unbind(1)]
    return _like_given(maps, gradients, activations)


def grad_cam(activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """Grad-CAM: the features weighed by their gradients' means over the grid (equations 3 and 4).

    Without the final ReLU: signed, as everything here. The means are what may move the evidence to places that did not
    count.

    Args:
        activations: (N, C, *grid), the output of a layer with C features.
        gradients: (N, C, *grid), of one score a sample; or (N, M, C, *grid), of M scores.

    Returns:
        (N, *grid), or (N, M, *grid) for M scores; signed, at least float32.

    Raises:
        TypeError: where an argument is no tensor.
        ValueError: where the shapes do not fit.

    Example:
        >>> activations = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])  # 1 sample, 2 features, 2 cells
        >>> gradients = torch.tensor([[[1.0, 0.0], [0.0, -1.0]]])
        >>> grad_cam(activations, gradients)
        tensor([[-1., -1.]])
    """
    activations, many = _checked(activations, gradients)
    weights = many.to(activations.dtype).flatten(3).mean(-1)
    maps = [weighted_features(activations, w[:, None])[:, 0] for w in weights.unbind(1)]
    return _like_given(maps, gradients, activations)


def weighted_features(activations: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sum features (N, C, *grid) by weights (N, M, C) to maps (N, M, *grid), at least in float32, autocast or not."""
    activations = at_least_float32(activations)
    with torch.autocast(activations.device.type, enabled=False):  # it would turn the product to half precision
        maps = torch.bmm(weights.to(activations.dtype), activations.flatten(2))
    return maps.reshape(*maps.shape[:2], *activations.shape[2:])


def _checked(activations: torch.Tensor, gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The activations with enough precision, and the gradients as (N, M, C, *grid)."""
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
    """One map as (N, *grid), or the maps of M scores as (N, M, *grid), M = 0 included."""
    if gradients.ndim == activations.ndim:
        return maps[0]
    empty = activations.new_zeros((len(activations), 0, *activations.shape[2:]))
    return torch.stack(maps, 1) if maps else empty
