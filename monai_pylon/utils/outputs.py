"""Outputs of networks and labels, as metrics and losses take them.

A network returns logits (N, M), or an explanation: logits and attention (N, M, *grid), and possibly more. Engines may
have split a batch of either into a list of samples.
"""

from __future__ import annotations

from typing import Any

import torch
from monai.utils import convert_to_tensor

from monai_pylon.utils.checks import check, check_type

__all__ = ["attention_of", "check_binary_labels", "logits_of", "stacked"]

_POLICY = "Convert -1 (uncertain in CheXpert) to NaN (unknown), 0 or 1 first."


def _is_explanation(output: Any, batch_axes: int = 1) -> bool:
    """Return whether an output begins with logits and attention: (N, M) and (N, M, *grid), or without N of a sample."""
    if not isinstance(output, tuple | list) or len(output) < 2:
        return False
    logits, attention = output[:2]
    tensors = isinstance(logits, torch.Tensor) and isinstance(attention, torch.Tensor)
    return tensors and logits.ndim == batch_axes + 1 < attention.ndim and attention.shape[: logits.ndim] == logits.shape


def stacked(values: Any, argument: str) -> torch.Tensor:
    """Stack a list of samples, or return a tensor without its metadata.

    Args:
        values: Tensor (N, ...), or a list of N tensors (...) of one shape.
        argument: Name of the argument for an error.

    Returns:
        Tensor (N, ...).

    Raises:
        TypeError: If values is neither a tensor nor a list of them.
        ValueError: If the list is empty, or its tensors have several shapes.

    Example:
        >>> stacked([torch.zeros(3), torch.ones(3)], "labels").shape
        torch.Size([2, 3])
    """
    if isinstance(values, torch.Tensor):
        return convert_to_tensor(values, track_meta=False)
    check_type(values, (torch.Tensor, tuple, list), argument)
    check(len(values) > 0, argument, "a list of at least one sample", values)
    for one in values:
        check_type(one, torch.Tensor, argument, "Give a tensor, or a list of one tensor for each sample.")
    shapes = sorted({tuple(one.shape) for one in values})
    check(len(shapes) == 1, argument, "tensors of one shape", shapes)
    return torch.stack([convert_to_tensor(one, track_meta=False) for one in values])


def logits_of(output: Any, argument: str = "y_pred") -> torch.Tensor:
    """Return the logits of a network's output.

    Args:
        output: Logits (N, M), an explanation, or a list of either for each sample.
        argument: Name of the argument for an error.

    Returns:
        Logits (N, M).

    Raises:
        TypeError: If the output has no tensor.
        ValueError: If the logits are not (N, M).

    Example:
        >>> logits_of((torch.zeros(2, 14), torch.zeros(2, 14, 8, 8))).shape
        torch.Size([2, 14])
    """
    logits = _part(output, 0, argument)
    check(logits.ndim == 2, argument, "of shape (N, M), one score for each label", logits, "Keep both axes.")
    return logits


def attention_of(output: Any, argument: str = "y_pred") -> torch.Tensor:
    """Return the attention of a network's output.

    Args:
        output: Attention (N, M, *grid), an explanation, or a list of either for each sample.
        argument: Name of the argument for an error.

    Returns:
        Attention (N, M, *grid).

    Raises:
        TypeError: If the output has no tensor.
        ValueError: If the attention is not (N, M, *grid).

    Example:
        >>> attention_of((torch.zeros(2, 14), torch.zeros(2, 14, 8, 8))).shape
        torch.Size([2, 14, 8, 8])
    """
    attention = _part(output, 1, argument)
    remedy = "Give the output of Explained(net), or its attention."
    check(attention.ndim >= 3, argument, "of shape (N, M, *grid)", attention, remedy)
    return attention


def _part(output: Any, number: int, argument: str) -> torch.Tensor:
    """Return a part of an explanation, or the output itself."""
    if _is_explanation(output):
        return stacked(output[number], argument)
    if isinstance(output, tuple | list) and output and all(_is_explanation(one, 0) for one in output):
        return stacked([one[number] for one in output], argument)
    return stacked(output, argument)


def check_binary_labels(labels: torch.Tensor, argument: str, unknown: bool = True) -> None:
    """Raise an error unless labels are 0, 1 or unknown.

    Args:
        labels: Labels (...).
        argument: Name of the argument for the error.
        unknown: Whether NaN, for unknown, is allowed.

    Raises:
        ValueError: If another value occurs, such as -1 for uncertain.

    Example:
        >>> check_binary_labels(torch.tensor([0.0, -1.0]), "y")
        Traceback (most recent call last):
        ...
        ValueError: y must be 0, 1 or NaN, but is [-1.0]. Convert -1 (uncertain in CheXpert) to NaN (unknown), 0 ...
    """
    fits = (labels == 0) | (labels == 1)
    if unknown:
        fits |= labels.isnan()
    requirement = "0, 1 or NaN" if unknown else "0 or 1"
    if not bool(fits.all()):
        check(False, argument, requirement, labels[~fits].unique()[:5].tolist(), _POLICY)
