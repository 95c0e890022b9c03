"""Forward pass of a network in which only the head, the part after a layer, is recorded for differentiation.

A hook replaces the layer's output by a copy that starts a new graph. The part before the layer runs without a graph. No
parameter requires gradients during the pass, so the graph of the head contains only what the gradient of the
activations needs. The state of the network is restored afterwards, also after an exception.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from itertools import chain
from typing import Any, NamedTuple, cast

import torch
from monai.data import MetaTensor
from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

from monai_pylon.utils import check, check_type
from monai_pylon.visualize.axis_factors import Axes
from monai_pylon.visualize.axis_tracking import AxisTracker
from monai_pylon.visualize.map_layout import Layout, ToGrid, layout_of
from monai_pylon.visualize.pass_conditions import converted, differentiable, readable_errors

__all__: list[str] = []


class Recording(NamedTuple):
    """Output of a layer, and the scores that the network computed from it.

    Attributes:
        activations: Output of the layer in its own layout, a leaf of the graph. Arranged, it is (R, C, *grid), where R
            is N, or N·S if the network folds S slices into the batch.
        logits: Scores (N, M), with a graph that leads back to the activations.
        entry: Graph node at which the activations enter the head.
        call: Number of the recorded call of the layer, from 0.
        layout: Arrangement of the activations as (R, C, *grid).
    """

    activations: torch.Tensor
    logits: torch.Tensor
    entry: Any
    call: int
    layout: Layout


class RecordedLayer(NamedTuple):
    """Layer after which a network is cut, and the arrangement of its output.

    Attributes:
        layer: Layer after which the head begins.
        call: Call of the layer to record, from 0. None: the last.
        feature_axis: Axis of the features, None if it is to be found.
        to_grid: Numbers of cells of a grid of tokens, or a function to (R, C, *grid).
        layout: Layout that is known from another pass. It is found anew if the output has another shape or strides.
    """

    layer: nn.Module
    call: int | None = None
    feature_axis: int | None = None
    to_grid: ToGrid = None
    layout: Layout | None = None


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


_ORIGINAL = "A scripted, traced or exported network does not call its layers as modules: pass the original network."


class _CutHook:
    """Forward hook that starts a new graph at a layer's output.

    Args:
        place: Layer, call and arrangement.
        replacement: Activations that replace the layer's own output in the recorded call.
        tracker: Tracker of the axes' roles, None if the arrangement is known.
    """

    def __init__(self, place: RecordedLayer, replacement: torch.Tensor | None, tracker: AxisTracker | None) -> None:
        self.place, self.replacement, self.tracker = place, replacement, tracker
        self.calls = 0
        self.activations: torch.Tensor | None = None
        self.axes: Axes | None = None
        self.memory: tuple[Any, ...] = ()
        self.entry: Any = None

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Replace the output by a copy with a new graph, if this call is to be recorded."""
        self.calls += 1
        if self.place.call is not None and self.calls - 1 != self.place.call:
            return None
        own = _first_tensor(output)
        remedy = "Choose a layer before the pooling or flattening."
        is_map = own.ndim >= (2 if callable(self.place.to_grid) else 3) and own.is_floating_point()
        check(is_map, "target_layer", "a layer with output (N, C, *grid)", _summary(output), remedy)
        remedy = "Replace it by no_grad, or explain a network without it."
        inference = torch.is_inference_mode_enabled()
        check(not inference, "network", "a network whose forward does not use inference_mode", "within it", remedy)
        # A call that uses the result of an earlier one has that call's graph. Without a graph the calls are
        # independent parts, such as chunks of slices, and the last one is not the whole output.
        remedy = "Select a call with call=0, ..., choose a later layer, or run the network without chunks."
        dependent = self.activations is None or own.requires_grad
        check(dependent, "target_layer", "a layer whose calls depend on each other", "called independently", remedy)
        self.memory = (own.shape, own.stride())
        if self.tracker is not None:
            self.axes = self.tracker.axes_of(own)
            self.tracker.active = self.place.call is None  # a later call may replace this one
        torch.set_grad_enabled(True)  # holds until the end of a no_grad block inside the network, if there is one
        leaf = own if self.replacement is None else self.replacement.to(own)
        self.activations = (leaf.clone() if leaf.is_inference() else leaf.detach()).requires_grad_()
        passed = self.activations.clone()  # in-place operations of the head may change the clone
        self.entry = passed.grad_fn
        return _with_first_tensor(output, passed)


def record(
    network: nn.Module,
    place: RecordedLayer,
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any],
    replacement: torch.Tensor | None = None,
) -> Recording:
    """Run a network on its inputs, the first of which is x (N, ...), and record its head after a layer.

    Call it within :func:`evaluating` and outside of inference mode.
    """
    check_type(inputs[0], torch.Tensor, "x")
    plain = tuple(_plain(value) if isinstance(value, torch.Tensor) else value for value in inputs)
    given = place.layout is not None or place.feature_axis is not None or callable(place.to_grid)
    tracker = None if given else AxisTracker(plain[0])
    hook = _CutHook(place, replacement, tracker)
    scripted = isinstance(place.layer, torch.jit.ScriptModule)
    check(not scripted, "target_layer", "a module in Python", "scripted or traced", _ORIGINAL)
    handle = place.layer.register_forward_hook(hook)
    try:
        with ExitStack() as stack:
            if any(tensor.is_inference() for tensor in _members(network)):  # they have no gradients
                stack.enter_context(converted(network, lambda t: t.clone() if t.is_inference() else t))
            for context in (torch.enable_grad(), differentiable(network), readable_errors(), tracker or nullcontext()):
                stack.enter_context(context)
            output = network(*plain, **kwargs)
    finally:
        handle.remove()
    if place.layout is not None and hook.memory not in ((), place.layout.memory):
        return record(network, place._replace(layout=None), inputs, kwargs, replacement)
    if hook.activations is None:
        call = place.call
        wanted = "called in the network's forward pass" + (f" at least {call + 1} times" if call else "")
        count = f"called {hook.calls} times" if hook.calls else "never called"
        check(False, "target_layer", wanted, count, _how_to_call(network, place.layer))
    activations = cast(torch.Tensor, hook.activations)
    logits = scores_of(output)
    remedy = "Choose a layer between input and scores. All operations after it must have gradients, without no_grad, "
    remedy += "inference_mode or detach."
    check(logits.requires_grad, "target_layer", "a layer on which the scores depend", "without effect on them", remedy)
    layout = place.layout
    if layout is None:
        found = layout_of(place.layer, activations.detach(), hook.axes, place.feature_axis, place.to_grid)
        layout = found._replace(memory=hook.memory)
    return Recording(activations, logits, hook.entry, hook.calls - 1 if place.call is None else place.call, layout)


def record_precisely(
    network: nn.Module,
    place: RecordedLayer,
    inputs: tuple[Any, ...],
    kwargs: dict[str, Any],
    replacement: torch.Tensor | None = None,
) -> Recording:
    """Record a pass in float32 if the network, its inputs or the caller's autocast have lower precision.

    The gradient of a mean over a large map, for example, is too small for float16. A network that runs only in its own
    precision is recorded in that.
    """
    check_type(inputs[0], torch.Tensor, "x")
    device, narrow = inputs[0].device.type, [tensor for tensor in _members(network) if _is_narrow(tensor)]
    plain_types = all(type(tensor) in (nn.Parameter, torch.Tensor) for tensor in narrow)  # not sharded
    if plain_types and (narrow or torch.is_autocast_enabled(device) or any(_is_narrow(value) for value in inputs)):
        wide = tuple(value.float() if _is_narrow(value) else value for value in inputs)
        try:
            with torch.autocast(device, enabled=False), converted(network, lambda t: t.float() if _is_narrow(t) else t):
                return record(network, place, wide, kwargs, replacement)
        except (AssertionError, RuntimeError, TypeError, ValueError):
            pass  # an error with another cause occurs again
    return record(network, place, inputs, kwargs, replacement)


def _is_narrow(value: Any) -> bool:
    """Return whether a value is a floating-point tensor of less than 32 bits."""
    return isinstance(value, torch.Tensor) and value.dtype in (torch.float16, torch.bfloat16)


def _how_to_call(network: nn.Module, layer: nn.Module) -> str:
    """Return the remedy for a layer whose hook did not run."""
    scripted = any(isinstance(module, torch.jit.ScriptModule) for module in [*network.modules(), layer])
    if scripted or isinstance(network, torch.fx.GraphModule):
        return _ORIGINAL
    return "Choose a layer that the forward pass calls as a module, so that its hooks run."


def _members(network: nn.Module) -> list[torch.Tensor]:
    """List the parameters and buffers of a network; much faster than by their names."""
    members = chain.from_iterable((m._parameters.values(), m._buffers.values()) for m in network.modules())
    return [tensor for tensor in chain.from_iterable(members) if tensor is not None]


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
    """Return the output itself, or the first tensor of a tuple, list or dictionary; an empty tensor (0,) if none."""
    parts = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else [output]
    return next((part for part in parts if isinstance(part, torch.Tensor)), torch.empty(0))


def _summary(output: Any) -> Any:
    """Return the part of an output to show in an error: its first tensor, or its type if there is none."""
    first = _first_tensor(output)
    return first if len(first) else type(output).__name__


def _with_first_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """Replace the first tensor of an output, keeping its type (tuple, NamedTuple or list)."""
    if isinstance(output, torch.Tensor):
        return tensor
    if isinstance(output, Mapping):
        key = next(key for key, part in output.items() if isinstance(part, torch.Tensor))
        replaced = copy.copy(output)
        replaced[key] = tensor  # type: ignore[index]
        return replaced
    index = next(i for i, part in enumerate(output) if isinstance(part, torch.Tensor))
    parts = [*output[:index], tensor, *output[index + 1 :]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
