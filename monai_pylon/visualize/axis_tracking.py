"""Tracker of a tensor's axes during a forward pass.

The shape of a layer's output does not show which of its axes holds the features, nor where its cells look in the
image: (2, 8, 8, 8) may be channels first or channels last. The operations that made it do. The tracker follows the
axes of the input (:mod:`monai_pylon.visualize.axis_factors`) through every operation
(:mod:`monai_pylon.visualize.axis_rules`), below PyTorch's autograd.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode

from monai_pylon.visualize.axis_factors import Axes, input_axes, unknown
from monai_pylon.visualize.axis_rules import Call, derived

__all__: list[str] = []


class AxisTracker(TorchDispatchMode):
    """Mode that records the axes of every tensor computed from an input.

    Args:
        x: Input of the network (N, C, *spatial), with values or only a shape (`FakeTensorMode`).

    Tensors are recognized by their memory, because PyTorch wraps the result of a view in a new object.

    Example:
        >>> x = torch.zeros(1, 1, 32)
        >>> with AxisTracker(x) as tracker:
        ...     result = torch.nn.functional.avg_pool1d(x, 4).transpose(1, 2)
        >>> [(axis[0].role, axis[0].origin, axis[0].spacing) for axis in tracker.axes_of(result)][1]
        ('0', 1.5, 4.0)
    """

    def __init__(self, x: torch.Tensor) -> None:
        super().__init__()
        self.active = True
        self._axes: dict[Any, Axes] = {}
        self._set(x, input_axes(x.shape))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Do not let PyTorch wrap the dispatch, which would import its compiler (seconds) at the first call."""
        return False

    def axes_of(self, tensor: torch.Tensor) -> Axes | None:
        """Return the axes of a tensor, None if they are unknown."""
        return self._axes.get(_memory(tensor))

    def places_of(self, tensor: torch.Tensor) -> Axes:
        """Return the axes of a tensor; those of unknown role if they are unknown."""
        return self.axes_of(tensor) or tuple(unknown(size) for size in tensor.shape)

    def _set(self, tensor: torch.Tensor, axes: Axes | None) -> None:
        key = _memory(tensor)
        if key is not None and axes is not None and len(axes) == tensor.ndim:
            self._axes[key] = axes
        else:
            self._axes.pop(key, None)

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Run an operation and derive the axes of its results."""
        kwargs = kwargs or {}
        if not self.active:
            return func(*args, **kwargs)
        # Before the call, because operations in place change their argument.
        known = [(tuple(t.shape), self.axes_of(t)) for t in _tensors((*args, *kwargs.values()))]
        result = func(*args, **kwargs)
        name = func._schema.name.rpartition("::")[2]
        named = {argument.name: value for argument, value in zip(func._schema.arguments, args, strict=False)} | kwargs
        for number, output in enumerate(_tensors([result])):
            self._set(output, derived(name, Call(named, known, tuple(output.shape), number)))
        return result


def _memory(tensor: torch.Tensor) -> tuple[Any, ...] | None:
    """Return a key of a tensor's memory and shape, None for tensors without memory of their own.

    The weak reference keeps the key from being used again after the memory is freed.
    """
    try:
        memory = StorageWeakRef(tensor.untyped_storage())
        return memory, tensor.storage_offset(), tensor.shape, tensor.stride()
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
