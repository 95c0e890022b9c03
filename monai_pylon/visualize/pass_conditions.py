"""Conditions of a forward pass whose last part is differentiated; all are undone when the pass ends.

The network is in evaluation mode and no parameter requires gradients. Activation checkpointing, compiled code and
cuDNN's recurrent layers, which a hook or a gradient in evaluation mode would break, are switched off. They change the
speed and the memory of a pass, not its result.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.utils.checkpoint
from torch import nn

__all__: list[str] = []


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Run a network in evaluation mode without gradients of parameters, and restore its state afterwards.

    The flags are set module by module. ``network.eval()`` may do more (some networks merge weights in it), and
    ``network.train()`` afterwards would change parts that the user keeps in evaluation mode.
    """
    modules = list(network.modules())
    training = [module for module in modules if module.training]
    trainable = [p for module in modules for p in module._parameters.values() if p is not None and p.requires_grad]
    try:
        for module in training:
            module.training = False
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trainable:
            parameter.requires_grad_(True)


@contextmanager
def converted(network: nn.Module, convert: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Run a network with converted parameters and buffers, and put its own back.

    `torch.func.functional_call` leaves converted tensors behind in modules that the network holds under two names.

    Args:
        network: Any module.
        convert: Function of a parameter or buffer. It may return the same tensor.
    """
    copies: dict[int, torch.Tensor] = {}  # a tensor that several modules share is converted once
    originals: list[tuple[dict[str, Any], str, torch.Tensor]] = []
    recurrent = [module for module in network.modules() if isinstance(module, nn.RNNBase)]
    try:
        for module in network.modules():
            both: tuple[dict[str, Any], ...] = (module._parameters, module._buffers)
            for members in both:
                for name, tensor in list(members.items()):
                    if tensor is None:
                        continue
                    if id(tensor) not in copies:
                        copies[id(tensor)] = convert(tensor)
                    originals.append((members, name, tensor))
                    members[name] = copies[id(tensor)]
        _list_weights_again(recurrent)
        yield
    finally:
        for members, name, tensor in originals:
            members[name] = tensor
        _list_weights_again(recurrent)


def _list_weights_again(recurrent: list[nn.RNNBase]) -> None:
    """Update the lists in which recurrent layers keep their weights once more."""
    for module in recurrent:
        module._flat_weights = [getattr(module, name) for name in module._flat_weights_names]


@contextmanager
def differentiable(network: nn.Module) -> Iterator[None]:
    """Run every part of a network as plain PyTorch operations whose gradient exists in evaluation mode."""
    with ExitStack() as stack:
        stack.enter_context(_without_checkpointing())
        stack.enter_context(_without_compilation(network))
        stack.enter_context(_without_cudnn_in_recurrent_layers(network))
        yield


class _PlainCall:
    """Replacement of PyTorch's reentrant checkpoint, which calls the function and keeps its graph."""

    @staticmethod
    def apply(function: Any, preserve_rng_state: bool, *args: Any) -> Any:
        return function(*args)


def _plain_generator(*args: Any, **kwargs: Any) -> Iterator[None]:
    """Replace PyTorch's non-reentrant checkpoint, a generator that runs before and after the function."""
    yield


@contextmanager
def _without_checkpointing() -> Iterator[None]:
    """Let `torch.utils.checkpoint.checkpoint` call its function.

    A checkpointed part of the network runs again in the backward pass, where the hook that starts the graph is missing.
    Both kinds look up their implementation in the module at each call, also for those who imported the function.
    """
    module: Any = torch.utils.checkpoint
    replaced = {"CheckpointFunction": _PlainCall, "_checkpoint_without_reentrant_generator": _plain_generator}
    originals = {name: getattr(module, name) for name in replaced if hasattr(module, name)}
    try:
        for name in originals:
            setattr(module, name, replaced[name])
        yield
    finally:
        for name, original in originals.items():
            setattr(module, name, original)


@contextmanager
def _without_compilation(network: nn.Module) -> Iterator[None]:
    """Run compiled modules and functions as plain Python: compiled code ignores hooks, or keeps them."""
    compiled = [module for module in network.modules() if module.__dict__.get("_compiled_call_impl") is not None]
    implementations = [module.__dict__["_compiled_call_impl"] for module in compiled]
    set_stance = getattr(torch.compiler, "set_stance", None)  # PyTorch 2.6
    with ExitStack() as stack:
        if set_stance is not None and "torch._dynamo" in sys.modules:
            stack.enter_context(set_stance("force_eager"))
        try:
            for module in compiled:
                module._compiled_call_impl = None
            yield
        finally:
            for module, implementation in zip(compiled, implementations, strict=True):
                module._compiled_call_impl = implementation


@contextmanager
def _without_cudnn_in_recurrent_layers(network: nn.Module) -> Iterator[None]:
    """Run recurrent layers without cuDNN, whose backward pass exists in training mode only."""
    running: list[ExitStack] = []
    handles = []

    def enter(module: nn.Module, args: Any) -> None:
        running.append(ExitStack())
        running[-1].enter_context(torch.backends.cudnn.flags(enabled=False))

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        running.pop().close()

    try:
        for module in network.modules():
            if isinstance(module, nn.RNNBase):
                handles.append(module.register_forward_pre_hook(enter))
                handles.append(module.register_forward_hook(leave, always_call=True))
        yield
    finally:
        for handle in handles:
            handle.remove()
        while running:
            running.pop().close()


#: Parts of PyTorch's errors about gradients, and what helps.
_REMEDIES = {
    "cudnn RNN backward": "Run the call within torch.backends.cudnn.flags(enabled=False).",
    "heckpoint": "Switch off the activation checkpointing of the network.",
    "nference tensor": "Remove inference_mode from the network's forward; use no_grad instead.",
}


@contextmanager
def readable_errors() -> Iterator[None]:
    """Add the remedy to errors of PyTorch that a layer's gradient is known to cause."""
    try:
        yield
    except RuntimeError as error:
        remedy = next((remedy for part, remedy in _REMEDIES.items() if part in str(error)), None)
        if remedy is None:
            raise
        raise ValueError(
            f"network must have a gradient in evaluation mode, but PyTorch says: {error} {remedy}"
        ) from error
