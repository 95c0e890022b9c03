"""One forward pass of a network of which only the part after a layer, the tail, is recorded for differentiation.

At the layer the pass is cut: a hook hands the network a copy of the layer's output that begins a graph of its own. All
before it runs without a graph, and since no parameter asks for gradients meanwhile, the tail's graph holds only what
the activations' gradient needs. The network is left as it was found, after an exception too.
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
    """A layer's output and the scores that the network computed from it.

    Attributes:
        activations: (R, C, *grid), a leaf. R is N, or N·S where the network folds S slices into the batch.
        logits: (N, M), with a graph that leads back to the activations.
        entry: the graph's node at which the activations enter the tail.
        call: which call of the layer it was, from 0.
    """

    activations: torch.Tensor
    logits: torch.Tensor
    entry: Any
    call: int


def bare_network(network: nn.Module) -> nn.Module:
    """The network itself, out of DataParallel, DistributedDataParallel (whose reducer a lone forward would upset) and
    torch.compile (whose code has no hooks)."""
    check_type(network, nn.Module, "network")
    while True:
        if isinstance(network, DataParallel | DistributedDataParallel):
            network = network.module
        elif isinstance(inner := getattr(network, "_orig_mod", None), nn.Module):
            network = inner
        else:
            return network


def find_layer(network: nn.Module, target_layer: str | nn.Module) -> nn.Module:
    """A layer by its name, or checked to be one of the network's."""
    check_type(target_layer, (str, nn.Module), "target_layer")
    layers = {name: module for name, module in network.named_modules(remove_duplicate=False) if name}
    kind = type(network).__name__
    if isinstance(target_layer, nn.Module):
        inside = any(target_layer is module for module in layers.values())
        remedy = "Name it instead: a copied or wrapped network has other modules."
        check(inside, "target_layer", f"a layer of {kind}", type(target_layer).__name__, remedy)
        return target_layer
    if target_layer not in layers:  # looking for what was meant takes time
        near = difflib.get_close_matches(target_layer, layers, n=3, cutoff=0.5)
        near += [name for name in layers if name.endswith(f".{target_layer}")][: 3 - len(near)]
        remedy = f"Its parts are {', '.join(name for name, _ in network.named_children())}."
        if near:
            remedy = f"Did you mean {' or '.join(repr(name) for name in dict.fromkeys(near))}?"
        check(False, "target_layer", f"the name of a layer of {kind}", target_layer, remedy)
    return layers[target_layer]


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Run a network in evaluation mode, with no parameter asking for gradients, and leave it as it was.

    The flags are set module by module: ``network.eval()`` may do more (some networks merge weights in it), and
    ``network.train()`` afterwards would wake parts that the user keeps in evaluation mode.
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


class _Tap:
    """A forward hook that cuts the pass at a layer's output.

    Args:
        call: which call of the layer counts, from 0; None for the last.
        replacement: (R, C, *grid) to go on with instead of the layer's own output, in the call that counts.
    """

    def __init__(self, call: int | None, replacement: torch.Tensor | None) -> None:
        self.call, self.replacement = call, replacement
        self.calls = 0
        self.activations: torch.Tensor | None = None
        self.entry: Any = None

    def __call__(self, module: nn.Module, args: Any, output: Any) -> Any:
        """Cut here, unless another call counts."""
        self.calls += 1
        if self.call is not None and self.calls - 1 != self.call:
            return None
        given = _first_tensor(output)
        remedy = "Take a layer before the pooling or flattening."
        mapped = given.ndim >= 3 and given.is_floating_point()
        check(mapped, "target_layer", "a layer with output (N, C, *grid)", _shown(output), remedy)
        # what follows from an earlier call hangs on that call's graph: else the last call is only one part of several
        remedy = "Say which call you mean (call=0, ...), take a later layer, or have the network work in one piece."
        alone = self.activations is None or given.requires_grad
        check(alone, "target_layer", "a layer whose calls follow from one another", "called side by side", remedy)
        torch.set_grad_enabled(True)  # until the block ends in which the network switched it off, if it did
        leaf = given if self.replacement is None else self.replacement.to(given)
        self.activations = leaf.detach().requires_grad_()
        passed = self.activations.clone()  # which in-place operations may change
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
    """Run a network on its inputs, the first x (N, ...), and record its tail after a layer.

    Within :func:`evaluating`, and outside of inference mode.
    """
    check_type(inputs[0], torch.Tensor, "x")
    tap = _Tap(call, replacement)
    handle = layer.register_forward_hook(tap)
    try:
        with torch.enable_grad():
            copies = _copies_of_inference_tensors(network)
            plain = tuple(_plain(given) if isinstance(given, torch.Tensor) else given for given in inputs)
            output = torch.func.functional_call(network, copies, plain, kwargs) if copies else network(*plain, **kwargs)
    finally:
        handle.remove()
    if tap.activations is None:
        wanted = "called in the network's forward pass" + (f" at least {call + 1} times" if call else "")
        how_often = f"called {tap.calls} times" if tap.calls else "never called"
        remedy = "Take a layer that the forward pass calls as a module, so that its hooks run."
        check(False, "target_layer", wanted, how_often, remedy)
    activations = cast(torch.Tensor, tap.activations)
    logits = scores_of(output)
    remedy = "Take a layer on the way to the scores; nothing after it may run without gradients or leave PyTorch."
    check(logits.requires_grad, "target_layer", "a layer on which the scores depend", "without effect on them", remedy)
    return Recording(activations, logits, tap.entry, tap.calls - 1 if call is None else call)


def _copies_of_inference_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Copies of parameters and buffers that were made in inference mode: through these none can differentiate."""
    members = (chain(module._parameters.values(), module._buffers.values()) for module in network.modules())
    if not any(tensor.is_inference() for tensor in chain.from_iterable(members) if tensor is not None):
        return {}  # names take longer
    named = chain(network.named_parameters(), network.named_buffers())
    return {name: tensor.clone() for name, tensor in named if tensor.is_inference()}


def scores_of(output: Any) -> torch.Tensor:
    """The scores (N, M) in a network's output, or an error that says why there are none."""
    logits = _first_tensor(output)
    remedy = "Wrap the network so that its forward gives one score a label, as a tensor or as the first of a tuple."
    check(logits.ndim == 2, "network", "one whose output is (N, M)", _shown(output), remedy)
    return logits


def _plain(x: torch.Tensor) -> torch.Tensor:
    """x (N, ...) as a tensor of PyTorch's own: its metadata do not hold for what a network makes of it."""
    plain = x.as_tensor() if isinstance(x, MetaTensor) else x
    return plain.clone() if plain.is_inference() else plain.detach()


def _first_tensor(output: Any) -> torch.Tensor:
    """The output itself, or the first tensor of a tuple or list; an empty one (0,) where there is none."""
    parts = output if isinstance(output, tuple | list) else [output]
    return next((part for part in parts if isinstance(part, torch.Tensor)), torch.empty(0))


def _shown(output: Any) -> Any:
    """What to show of an output in an error: its first tensor, or its type where there is none."""
    first = _first_tensor(output)
    return first if len(first) else type(output).__name__


def _with_first_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """The output with its first tensor replaced, in a tuple, NamedTuple or list as it came."""
    if isinstance(output, torch.Tensor):
        return tensor
    index = next(i for i, part in enumerate(output) if isinstance(part, torch.Tensor))
    parts = [*output[:index], tensor, *output[index + 1 :]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


def score_gradients(logits: torch.Tensor, inputs: Any, cotangents: torch.Tensor) -> torch.Tensor:
    """Gradients of weighted scores, all by one batched vector-Jacobian product of the tail.

    Args:
        logits: (N, M).
        inputs: the activations (R, C, *grid), or an edge of the graph.
        cotangents: (K, N, M), the weights of the scores in each of the K sums to differentiate.

    Returns:
        (K, *shape of the inputs).
    """

    def gradient(weights: torch.Tensor, batched: bool = False) -> torch.Tensor:
        found = torch.autograd.grad(
            logits, [inputs], weights, retain_graph=True, is_grads_batched=batched, allow_unused=True
        )[0]
        effect = "without effect on them"
        check(found is not None, "target_layer", "a layer on which the scores depend", effect, "Take a later layer.")
        return found

    if len(cotangents) > 1:
        try:
            return gradient(cotangents, batched=True)
        except RuntimeError:  # some operator in the tail knows nothing of batches: one by one
            pass
    return torch.stack([gradient(weights) for weights in cotangents])
