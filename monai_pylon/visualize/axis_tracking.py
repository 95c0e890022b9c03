"""Tracker of the axes' roles during a forward pass (see :mod:`monai_pylon.visualize.axis_roles`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from monai_pylon.visualize.axis_roles import (
    CHANNEL,
    FEATURE,
    OTHER,
    Axes,
    Factor,
    concatenated,
    input_axes,
    is_spatial,
    product,
    reshaped,
    resized,
    sliced,
    unknown,
    with_features,
)

__all__: list[str] = []

_RESHAPES = {"view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze", "squeeze_", "unsqueeze_"}
_RESHAPES |= {"view_copy", "_reshape_copy", "squeeze_copy", "unsqueeze_copy", "flatten", "unflatten"}
_CONVOLUTIONS = {"convolution", "_convolution", "convolution_overrideable", "cudnn_convolution", "mkldnn_convolution"}
#: Operations that reorder values along an axis.
_REORDERING = {"index", "index_select", "gather", "sort", "topk", "take", "index_put", "scatter", "unique", "kthvalue"}
_REORDERING |= {"embedding", "as_strided", "unfold", "im2col", "col2im", "channel_shuffle", "renorm"}
_NEW_FEATURES_LAST = {"linear", "mkldnn_rnn_layer", "lstm", "gru", "rnn_tanh", "rnn_relu", "_cudnn_rnn", "miopen_rnn"}


class AxisTracker(TorchDispatchMode):
    """Mode that records the roles of the axes of every tensor computed from an input.

    Args:
        x: Input of the network (N, C, *spatial).

    Tensors are recognized by their memory, because PyTorch wraps the result of a view in a new object.
    """

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.active = True
        self._axes: dict[tuple[Any, ...], Axes] = {}
        self._set(x, input_axes(x.shape))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Do not let PyTorch wrap the dispatch, which would import its compiler (seconds) at the first call."""
        return False

    def axes_of(self, tensor: torch.Tensor) -> Axes | None:
        """Return the roles of a tensor's axes, None if they are unknown."""
        key = _memory(tensor)
        return None if key is None else self._axes.get(key)

    def _set(self, tensor: torch.Tensor, axes: Axes | None) -> None:
        key = _memory(tensor)
        if key is not None and axes is not None and len(axes) == tensor.ndim:
            self._axes[key] = axes
        elif key is not None:
            self._axes.pop(key, None)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Run an operation and derive the roles of its results."""
        kwargs = kwargs or {}
        if not self.active:
            return func(*args, **kwargs)
        known = [(t, self.axes_of(t)) for t in _tensors((*args, *kwargs.values()))]
        result = func(*args, **kwargs)
        name = func._schema.name.rsplit("::", 1)[-1]
        outputs = _tensors([result])
        if not any(axes is not None for _, axes in known):
            for output in outputs:
                self._set(output, None)
            return result
        start = 0  # of a part along the axis that is split
        for output in outputs[:1] if name == "_native_multi_head_attention" else outputs:
            try:
                self._set(output, self._derived(name, args, kwargs, known, output, start))
            except (IndexError, KeyError, TypeError, ValueError):  # a form of the operation that is not known here
                self._set(output, None)
            if name in ("split", "split_with_sizes", "chunk"):
                start += output.shape[_argument(args, kwargs, 2, "dim", 0)]
        return result

    def _derived(
        self, name: str, args: Any, kwargs: Any, known: list[tuple[torch.Tensor, Axes | None]], output: Any, start: int
    ) -> Axes | None:
        """Return the roles of one result of an operation."""
        primary, axes = next((tensor, axes) for tensor, axes in known if axes is not None)
        shape = tuple(output.shape)
        if name in _RESHAPES:
            return reshaped(axes, shape)
        if (order := _order(name, args, len(axes))) is not None:
            return tuple(axes[i] for i in order)
        if name in _CONVOLUTIONS or name.endswith("_convolution"):
            spatial = (_spatial_or_unknown(resized(a, n), n) for a, n in zip(axes[2:], shape[2:], strict=True))
            return (axes[0], (Factor(shape[1], FEATURE),), *spatial)
        if name in ("mm", "bmm", "addmm", "baddbmm"):
            (_, first), (_, second) = known[-2:]
            return product(first, second, shape) if first or second else None  # None: only the added term is known
        if name in _NEW_FEATURES_LAST:
            kept = _aligned(known, primary, axes, shape)
            return with_features(kept, len(shape) - 1, shape[-1]) if kept is not None else None
        if name == "native_layer_norm" and len(args[1]) == 1 and any(a and a[0].role == CHANNEL for a in axes[:-1]):
            return with_features(axes, len(shape) - 1, shape[-1]) if len(shape) == len(axes) else None
        if name in ("select", "select_copy", "unbind"):
            dim = _argument(args, kwargs, 1, "dim", 0) % len(axes)
            return tuple(a for i, a in enumerate(axes) if i != dim)
        if name in ("slice", "narrow", "split", "split_with_sizes", "chunk"):
            return self._part(name, args, kwargs, axes, shape, start)
        if name in ("cat", "concat"):
            return _cat(args, kwargs, known, axes, shape)
        if name == "stack":
            dim = _argument(args, kwargs, 1, "dim", 0) % len(shape)
            return (*axes[:dim], unknown(shape[dim]), *axes[dim:])
        if name in _REORDERING:
            return (
                tuple(_reordered(a, n) for a, n in zip(axes, shape, strict=True)) if len(axes) == len(shape) else None
            )
        if len(shape) < primary.ndim and (dims := _dims(args, kwargs, primary.ndim)) is not None:
            return tuple(a for i, a in enumerate(axes) if i not in dims)
        return _aligned(known, primary, axes, shape)

    @staticmethod
    def _part(name: str, args: Any, kwargs: Any, axes: Axes, shape: Sequence[int], start: int) -> Axes:
        """Return the roles of a part along one axis."""
        dim = _argument(args, kwargs, 1 if name in ("slice", "narrow") else 2, "dim", 0) % len(axes)
        size = _size(axes[dim])
        if name in ("slice", "narrow"):
            start = _argument(args, kwargs, 2, "start", 0) or 0
            start = max(0, start + size if start < 0 else start)
            step = _argument(args, kwargs, 4, "step", 1) if name == "slice" else 1
            if step != 1:
                return (*axes[:dim], resized(axes[dim], shape[dim]), *axes[dim + 1 :])
        return (*axes[:dim], sliced(axes[dim], start, shape[dim]), *axes[dim + 1 :])


def _memory(tensor: torch.Tensor) -> tuple[Any, ...] | None:
    """Return a key of a tensor's memory and shape, None for tensors without memory of their own."""
    try:
        return tensor.data_ptr(), tensor.shape, tensor.stride()
    except (RuntimeError, NotImplementedError, AttributeError):
        return None


def _tensors(values: Iterable[Any]) -> list[torch.Tensor]:
    """List the tensors among values and in the lists among them."""
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += [part for part in value if isinstance(part, torch.Tensor)]
    return found


def _argument(args: Any, kwargs: Any, position: int, name: str, default: Any) -> Any:
    """Return an argument of an operation by its position or name."""
    return args[position] if len(args) > position else kwargs.get(name, default)


def _size(axis: Sequence[Factor]) -> int:
    size = 1
    for factor in axis:
        size *= factor.size
    return size


def _order(name: str, args: Any, ndim: int) -> list[int] | None:
    """Return the order of axes after an operation that permutes them, None for other operations."""
    base = name.removesuffix("_copy").removesuffix("_")
    if base == "permute":
        return [dim % ndim for dim in args[1]]
    if base in ("transpose", "t", "swapaxes", "swapdims"):
        first, second = (dim % ndim for dim in (args[1:3] if len(args) > 2 else (0, ndim - 1)))
        order = list(range(ndim))
        order[first], order[second] = second, first
        return order
    return None


def _dims(args: Any, kwargs: Any, ndim: int) -> set[int] | None:
    """Return the axes over which a reduction runs, None if they are unknown."""
    dims = _argument(args, kwargs, 1, "dim", None)
    if isinstance(dims, int) and not isinstance(dims, bool):
        dims = [dims]
    if not isinstance(dims, list | tuple) or not all(isinstance(dim, int) for dim in dims):
        return None
    return {dim % ndim for dim in dims}


def _spatial_or_unknown(axis: tuple[Factor, ...], size: int) -> tuple[Factor, ...]:
    """Return the axis if it holds places, as a convolution's axes 2, 3, ... do, else an unknown one."""
    return axis if is_spatial(axis) else unknown(size)


def _reordered(axis: tuple[Factor, ...], size: int) -> tuple[Factor, ...]:
    """Return an axis whose values may have another order: places are no longer known."""
    return unknown(size) if is_spatial(axis) else resized(axis, size)


def _cat(args: Any, kwargs: Any, known: list[tuple[torch.Tensor, Axes | None]], axes: Axes, shape: Any) -> Axes:
    """Return the roles of concatenated tensors."""
    parts = [(tensor, found) for tensor, found in known if tensor.ndim == len(shape)]
    dim = _argument(args, kwargs, 1, "dim", 0) % len(shape)
    along = [None if found is None else found[dim] for _, found in parts]
    joined = concatenated(along, [tensor.shape[dim] for tensor, _ in parts])
    return (*axes[:dim], joined, *axes[dim + 1 :])


def _aligned(
    known: list[tuple[torch.Tensor, Axes | None]], primary: torch.Tensor, axes: Axes, shape: Sequence[int]
) -> Axes | None:
    """Return the roles of an elementwise result, or of one with the same number of axes and other sizes.

    None if the number of axes changes: the operation is then unknown.
    """
    if max(tensor.ndim for tensor, found in known if found is not None) != len(shape):
        return None
    for tensor, found in known:
        if found is not None and tuple(tensor.shape) == tuple(shape):
            return found
    result = []
    for i, size in enumerate(shape):
        back = len(shape) - i
        fitting = [
            found[-back]
            for tensor, found in known
            if found is not None and back <= tensor.ndim <= len(shape) and tensor.shape[-back] == size
        ]
        axis = next((axis for axis in fitting if axis and axis[0].role != OTHER), fitting[0] if fitting else None)
        if axis is None:
            axis = resized(axes[i], size) if primary.ndim == len(shape) and primary.shape[i] != 1 else unknown(size)
        result.append(axis)
    return tuple(result)
