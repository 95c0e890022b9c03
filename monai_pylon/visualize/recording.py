"""Forward pass of a network in which only the head, the part after a layer, is recorded for differentiation.

A hook replaces the layer's output by a copy that starts a new graph. The part before the layer runs without a graph. No
parameter requires gradients during the pass, so the graph of the head contains only what the gradient of the
activations needs. The state of the network is restored afterwards, also after an exception.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any, NamedTuple, cast

import torch
from monai.data import MetaTensor
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from monai_pylon.utils import check, check_type

__all__: list[str] = []


class Recording(NamedTuple):
    """Output of a layer, and the scores that the network computed from it.

    Attributes:
        activations: Output of the layer (R, C, *grid), a leaf of the graph. R is N, or N·S if the network folds S
            slices into the batch.
        logits: Scores (N, M), with a graph that leads back to the activations.
        entry: Graph node at which the activations enter the head.
        call: Number of the recorded call of the layer, from 0.
    """

    activations: torch.Tensor
    logits: torch.Tensor
    entry: Any
    call: int


def bare_network(network: nn.Module) -> nn.Module:
    """Return the network inside DataParallel, DistributedDataParallel and torch.compile.

    A single forward pass would disturb DistributedDataParallel's reducer, and compiled code ignores hooks.
    """
    check_type(network, nn.Module, "network")
    while True:
        if isinstance(network, DataParallel | DistributedDataParallel):
            network = network.module
        elif isinstance(inner := getattr(network, "_orig_mod", None), nn.Module):
            network = inner
        else:
            return network


def find_layer(network: nn.Module, target_layer: str | nn.Module) -> nn.Module:
    """Find a layer by its name, or check that a module is part of the network."""
    check_type(target_layer, (str, nn.Module), "target_layer")
    layers = {name: module for name, module in network.named_modules(remove_duplicate=False) if name}
    network_type = type(network).__name__
    if isinstance(target_layer, nn.Module):
        inside = any(target_layer is module for module in layers.values())
        remedy = "Pass its name instead: a copied or wrapped network has other modules."
        check(inside, "target_layer", f"a layer of {network_type}", type(target_layer).__name__, remedy)
        return target_layer
    if target_layer not in layers:  # the search for similar names is slow
        near = difflib.get_close_matches(target_layer, layers, n=3, cutoff=0.5)
        near += [name for name in layers if name.endswith(f".{target_layer}")][: 3 - len(near)]
        remedy = f"Its parts are {', '.join(name for name, _ in network.named_children())}."
        if near:
            remedy = f"Did you mean {' or '.join(repr(name) for name in dict.fromkeys(near))}?"
        check(False, "target_layer", f"the name of a layer of {network_type}", target_layer, remedy)
    return layers[target_layer]


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


class _CutHook:
    """Forward hook that starts a new graph at a layer's output.

    Args:
        call: Call of the layer to record, from 0. None: the last.
        replacement: Activations (R, C, *grid) that replace the layer's own output in the recorded call.
    """

    def __init__(self, call: int | None, replacement: torch.Tensor | None) -> None:
        self.call, self.replacement = call, replacement
        self.calls = 0
        self.activations: torch.Tensor | None = None
        self.entry: Any = None

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Replace the output by a copy with a new graph, if this call is to be recorded."""
        self.calls += 1
        if self.call is not None and self.calls - 1 != self.call:
            return None
        own = _first_tensor(output)
        remedy = "Choose a layer before the pooling or flattening."
        is_map = own.ndim >= 3 and own.is_floating_point()
        check(is_map, "target_layer", "a layer with output (N, C, *grid)", _summary(output), remedy)
        # A call that uses the result of an earlier one has that call's graph. Without a graph the calls are
        # independent parts, such as chunks of slices, and the last one is not the whole output.
        remedy = "Select a call with call=0, ..., choose a later layer, or run the network without chunks."
        dependent = self.activations is None or own.requires_grad
        check(dependent, "target_layer", "a layer whose calls depend on each other", "called independently", remedy)
        torch.set_grad_enabled(True)  # holds until the end of a no_grad block inside the network, if there is one
        leaf = own if self.replacement is None else self.replacement.to(own)
        self.activations = leaf.detach().requires_grad_()
        passed = self.activations.clone()  # in-place operations of the head may change the clone
        self.entry = passed.grad_fn
        return _with_first_tensor(output, passed)


def record(
    network: nn.Module,
    layer: nn.Module,
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any],
    call: int | None = None,
    replacement: torch.Tensor | None = None,
) -> Recording:
    """Run a network on its inputs, the first of which is x (N, ...), and record its head after a layer.

    Call it within :func:`evaluating` and outside of inference mode.
    """
    check_type(inputs[0], torch.Tensor, "x")
    hook = _CutHook(call, replacement)
    handle = layer.register_forward_hook(hook)
    try:
        with torch.enable_grad():
            copies = _copies_of_inference_tensors(network)
            plain = tuple(_plain(value) if isinstance(value, torch.Tensor) else value for value in inputs)
            output = torch.func.functional_call(network, copies, plain, kwargs) if copies else network(*plain, **kwargs)
    finally:
        handle.remove()
    if hook.activations is None:
        wanted = "called in the network's forward pass" + (f" at least {call + 1} times" if call else "")
        count = f"called {hook.calls} times" if hook.calls else "never called"
        remedy = "Choose a layer that the forward pass calls as a module, so that its hooks run."
        check(False, "target_layer", wanted, count, remedy)
    activations = cast(torch.Tensor, hook.activations)
    logits = scores_of(output)
    remedy = "Choose a layer between input and scores. All operations after it must have gradients."
    check(logits.requires_grad, "target_layer", "a layer on which the scores depend", "without effect on them", remedy)
    return Recording(activations, logits, hook.entry, hook.calls - 1 if call is None else call)


def _copies_of_inference_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Copy the parameters and buffers created in inference mode, which do not support differentiation."""
    members = (chain(module._parameters.values(), module._buffers.values()) for module in network.modules())
    if not any(tensor.is_inference() for tensor in chain.from_iterable(members) if tensor is not None):
        return {}  # the common case, without the slower listing of names
    named = chain(network.named_parameters(), network.named_buffers())
    return {name: tensor.clone() for name, tensor in named if tensor.is_inference()}


def scores_of(output: Any) -> torch.Tensor:
    """Return the scores (N, M) in a network's output, or raise a ValueError."""
    logits = _first_tensor(output)
    remedy = "Wrap the network so that it returns one score per label, as a tensor or as the first part of a tuple."
    check(logits.ndim == 2, "network", "a module with output (N, M)", _summary(output), remedy)
    return logits


def _plain(x: torch.Tensor) -> torch.Tensor:
    """Return x (N, ...) as a plain tensor: its metadata are not valid for the results of a network."""
    plain = x.as_tensor() if isinstance(x, MetaTensor) else x
    return plain.clone() if plain.is_inference() else plain.detach()


def _first_tensor(output: Any) -> torch.Tensor:
    """Return the output itself, or the first tensor of a tuple or list; an empty tensor (0,) if there is none."""
    parts = output if isinstance(output, tuple | list) else [output]
    return next((part for part in parts if isinstance(part, torch.Tensor)), torch.empty(0))


def _summary(output: Any) -> Any:
    """Return the part of an output to show in an error: its first tensor, or its type if there is none."""
    first = _first_tensor(output)
    return first if len(first) else type(output).__name__


def _with_first_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """Replace the first tensor of an output, keeping its type (tuple, NamedTuple or list)."""
    if isinstance(output, torch.Tensor):
        return tensor
    index = next(i for i, part in enumerate(output) if isinstance(part, torch.Tensor))
    parts = [*output[:index], tensor, *output[index + 1 :]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


def score_gradients(logits: torch.Tensor, inputs: Any, cotangents: torch.Tensor) -> torch.Tensor:
    """Compute the gradients of K weighted sums of scores by one batched vector-Jacobian product of the head.

    Args:
        logits: Scores (N, M).
        inputs: Activations (R, C, *grid), or an edge of the graph.
        cotangents: Weights of the scores in each sum (K, N, M).

    Returns:
        Gradients (K, *shape of the inputs).
    """

    def gradient(weights: torch.Tensor, batched: bool = False) -> torch.Tensor:
        found = torch.autograd.grad(
            logits, [inputs], weights, retain_graph=True, is_grads_batched=batched, allow_unused=True
        )[0]
        effect = "without effect on them"
        check(found is not None, "target_layer", "a layer on which the scores depend", effect, "Choose a later layer.")
        return found

    if len(cotangents) > 1:
        try:
            return gradient(cotangents, batched=True)
        except RuntimeError:  # an operator in the head does not support batched gradients: compute them one by one
            pass
    return torch.stack([gradient(weights) for weights in cotangents])
