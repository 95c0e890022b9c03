"""Numbers of any origin as NumPy arrays, and in double precision; bounding boxes.

A user's tensor may be on a device, require gradients, carry metadata, or have a type that NumPy does not know. Some
devices have no float64 (Apple's MPS), so double precision is computed on the CPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor

__all__ = ["as_array", "as_float64", "bounding_box"]


def as_array(value: Any) -> np.ndarray:
    """Convert an array, tensor, number or nested sequence to a NumPy array.

    Args:
        value: Numbers (...). A tensor may be on any device, require gradients, and be of any type. NumPy does
            not know bfloat16, which becomes float32.

    Returns:
        Array (...). It shares the memory of an array, or of a tensor on the CPU.

    Example:
        >>> as_array(torch.ones(2, dtype=torch.bfloat16, requires_grad=True))
        array([1., 1.], dtype=float32)
    """
    if isinstance(value, tuple | list) and any(isinstance(part, torch.Tensor) for part in value):
        return np.stack([as_array(part) for part in value])
    if not isinstance(value, torch.Tensor):
        return np.asarray(value)
    plain = value.as_tensor() if isinstance(value, MetaTensor) else value
    on_host = plain.detach().cpu()
    return (on_host.float() if on_host.dtype == torch.bfloat16 else on_host).resolve_conj().resolve_neg().numpy()


def as_float64(value: Any) -> torch.Tensor:
    """Convert numbers to a float64 tensor on the CPU, without gradients and metadata.

    Args:
        value: Numbers (...), as in :func:`as_array`.

    Returns:
        Tensor (...), float64.

    Example:
        >>> as_float64([0.5, float("nan")])
        tensor([0.5000,    nan], dtype=torch.float64)
    """
    if isinstance(value, torch.Tensor):
        plain = value.as_tensor() if isinstance(value, MetaTensor) else value
        return plain.detach().cpu().double()  # two steps: the precision changes after the numbers left the device
    return torch.as_tensor(as_array(value), dtype=torch.float64)


def bounding_box(mask: np.ndarray) -> tuple[slice, ...] | None:
    """Compute the bounding box of a mask.

    Many times faster than ``scipy.ndimage.find_objects`` on a volume with one label.

    Args:
        mask: Bool or integers (...), any number of axes; every value other than 0 belongs to the mask.

    Returns:
        A slice along each axis, or None if the mask is empty.

    Example:
        >>> bounding_box(np.array([[0, 0, 0], [0, 1, 1]]))
        (slice(1, 2, None), slice(1, 3, None))
    """
    box: list[slice] = []
    for axis in range(mask.ndim):
        window = mask[tuple(box)]
        hit = np.flatnonzero(window.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        if not len(hit):
            return None
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    return tuple(box)
