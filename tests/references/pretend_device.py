"""Simulate an accelerator on the CPU, to find habits that work only on a CPU.

Within ``PretendDevice("cuda")`` or ``PretendDevice("mps")``, tensors can be moved to that device. They keep their data
on the CPU, but report the other device, refuse NumPy and refuse to be mixed with tensors on the CPU. On "mps" they also
refuse float64. Other numbers, kernels, streams and memory are not simulated.

A tensor is on the device if its storage is marked. A function mode sees every call from Python: it answers questions
about the device and takes ``device=`` out of the arguments. A dispatch mode sees every operation, those of the backward
pass included: it refuses mixed devices and marks the results.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

_ATEN = torch.ops.aten
#: Operations that move numbers between devices.
_COPIES = {_ATEN.copy_.default, _ATEN._to_copy.default}
#: Operations whose first tensor decides the device, while the indices may be on the CPU.
_INDEXING = {_ATEN.index.Tensor, _ATEN.index_put_.default, _ATEN.index_put.default, _ATEN._index_put_impl_.default}
#: DistributedDataParallel makes its buckets of gradients unseen, on the device of the gradients, and fills them so.
_INTO_BUCKETS = {_ATEN.mul.out}
_DTYPES_REFUSED_BY_MPS = {torch.float64, torch.complex128}
_T = torch.Tensor
#: Conversions that need the numbers in the memory of the CPU.
_HOST = {_T.numpy, _T.__array__, _T.__dlpack__}
#: Questions about the device.
_QUESTIONS: dict[Any, Callable[[torch.device], Any]] = {
    _T.device.__get__: lambda device: device,  # type: ignore[attr-defined]
    _T.is_cuda.__get__: lambda device: device.type == "cuda",  # type: ignore[attr-defined]
    _T.is_mps.__get__: lambda device: device.type == "mps",  # type: ignore[attr-defined]
    _T.is_cpu.__get__: lambda device: device.type == "cpu",  # type: ignore[attr-defined]
    _T.get_device: lambda device: 0 if device.type != "cpu" else -1,
}


def _tensors(*trees: Any) -> Iterator[torch.Tensor]:
    """Yield all tensors in arguments or results."""
    return (leaf for leaf in tree_flatten(trees)[0] if isinstance(leaf, torch.Tensor))


def _storage(tensor: torch.Tensor) -> torch.UntypedStorage:
    """Return the storage of a tensor, also within vmap."""
    while torch._C._functorch.is_functorch_wrapped_tensor(tensor):
        tensor = torch._C._functorch.get_unwrapped(tensor)
    return tensor.untyped_storage()


class PretendDevice(TorchDispatchMode):
    """Context in which a device "cuda" or "mps" seems to exist.

    Args:
        kind: "cuda" or "mps".

    Example:
        >>> with PretendDevice("mps") as device:
        ...     torch.zeros(2).to(device) + torch.zeros(2)
        Traceback (most recent call last):
        ...
        RuntimeError: Expected all tensors to be on the same device, but found mps:0 and cpu in aten.add.Tensor
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.device = torch.device(kind, 0)
        self.functions = _Functions(self)
        self.marked: dict[int, StorageWeakRef] = {}  # a weak reference keeps the address from being used again

    def __enter__(self) -> torch.device:  # type: ignore[override]
        gc.freeze()  # collecting then looks at the objects made inside alone, and takes no time in a large process
        super().__enter__()
        self.functions.__enter__()
        return self.device

    def __exit__(self, *error: Any) -> None:
        self.functions.__exit__(*error)
        super().__exit__(*error)
        gc.collect()
        gc.unfreeze()

    def holds(self, tensor: torch.Tensor) -> bool:
        """Return whether a tensor is on the device."""
        return tensor.layout == torch.strided and _storage(tensor)._cdata in self.marked

    def place(self, tensor: torch.Tensor, on_device: bool) -> None:
        """Put the storage of a tensor on the device or on the CPU."""
        if tensor.layout != torch.strided:
            return
        storage = _storage(tensor)
        if not on_device:
            self.marked.pop(storage._cdata, None)
        elif storage._cdata not in self.marked:
            if self.device.type == "mps" and tensor.dtype in _DTYPES_REFUSED_BY_MPS:
                raise TypeError(
                    "Cannot convert a MPS Tensor to float64 dtype as the MPS framework does not support it."
                )
            self.marked[storage._cdata] = StorageWeakRef(storage)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation, refuse mixed devices, and put new results where the operands are."""
        operands = list(_tensors(args, kwargs))
        if func in _INTO_BUCKETS and self.holds(args[0]):
            self.place(kwargs["out"], True)
        held = [self.holds(tensor) for tensor in operands]
        given_by_index = func in _INDEXING and held[:1] == [True]
        if any(held) and not given_by_index and func not in _COPIES:
            mixed = any(not on and tensor.dim() > 0 for on, tensor in zip(held, operands, strict=True))
            if mixed:
                text = f"Expected all tensors to be on the same device, but found {self.device} and cpu in {func}"
                raise RuntimeError(text)
        known = {_storage(tensor)._cdata for tensor in operands if tensor.layout == torch.strided}
        result = func(*args, **(kwargs or {}))
        if any(held) and func is not _ATEN.copy_.default:
            for tensor in _tensors(result):
                if tensor.layout == torch.strided and _storage(tensor)._cdata not in known:
                    self.place(tensor, True)
        return result

    def moved(self, tensor: torch.Tensor, on_device: bool) -> torch.Tensor:
        """Return the tensor itself if it is there already, else a copy at the other place."""
        if self.holds(tensor) == on_device:
            return tensor
        copy = tensor.clone(memory_format=torch.preserve_format)
        self.place(copy, on_device)
        return copy


class _Functions(TorchFunctionMode):
    """Calls from Python: questions about the device, conversions to NumPy, and arguments that name a device."""

    def __init__(self, owner: PretendDevice) -> None:
        super().__init__()
        self.owner = owner

    def _target(self, value: Any) -> bool | None:
        """Return whether a value names the device (True) or the CPU (False); None for other values."""
        if isinstance(value, str | torch.device):
            return torch.device(value).type == self.owner.device.type
        return None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, owner = dict(kwargs or {}), self.owner
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        if func in _QUESTIONS and first is not None:
            return _QUESTIONS[func](owner.device if owner.holds(first) else torch.device("cpu"))
        if func in _HOST and first is not None and owner.holds(first):
            text = f"can't convert {owner.device} device type tensor to numpy. Use Tensor.cpu() to copy it first."
            raise TypeError(text)
        if func in (_T.to, _T.cpu, _T.cuda) and first is not None:
            return self._to(func, first, args[1:], kwargs)
        if func in (torch.tensor, torch.as_tensor, torch.asarray) and not isinstance(args[0], torch.Tensor):
            args = (tree_map(lambda leaf: leaf.item() if isinstance(leaf, torch.Tensor) else leaf, args[0]), *args[1:])
        if kwargs.get("pin_memory"):
            kwargs["pin_memory"] = False
        target = self._target(kwargs.get("device"))
        if target is None:
            result = func(*args, **kwargs)
            if func is _T.__deepcopy__ and first is not None and owner.holds(first):
                owner.place(result, True)
            return result
        del kwargs["device"]
        if isinstance(func, type(torch.Generator)):
            return func(*args, **kwargs)
        if first is not None and func in (torch.tensor, torch.as_tensor, torch.asarray):
            return owner.moved(func(*args, **kwargs), target)
        result = func(*args, **kwargs)
        for tensor in _tensors(result):
            owner.place(tensor, target)
        return result

    def _to(self, func: Any, tensor: torch.Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
        """Move a tensor as ``to``, ``cpu`` and ``cuda`` do."""
        owner = self.owner
        target = func is _T.cuda
        if func is _T.to:
            target = owner.holds(tensor)
            values = [*args, kwargs.pop("device", None), kwargs.pop("other", None)]
            for value in values:
                if isinstance(value, torch.Tensor):
                    target = owner.holds(value)
                    kwargs["dtype"] = value.dtype
                elif isinstance(value, torch.dtype):
                    kwargs["dtype"] = value
                elif (named := self._target(value)) is not None:
                    target = named
        on_host = owner.holds(tensor) and not target
        tensor = owner.moved(tensor, False) if on_host else tensor
        # a new precision is made before the numbers arrive on the device
        result = _T.to(tensor, **kwargs) if kwargs else tensor
        return owner.moved(result, target)
