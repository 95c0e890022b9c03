"""Numerical tests of a head (the part of the network after a layer): affine, or the maximum of a map.

The head is evaluated on the layer's own activations and on others.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils.arrays import as_float64
from monai_pylon.visualize.affinity import nodes_between, plain_name
from monai_pylon.visualize.module_trace import Step, grid_maxima, traced
from monai_pylon.visualize.recording import RecordedLayer, Recording, record_precisely
from monai_pylon.visualize.score_gradients import score_gradients

__all__: list[str] = []


class Pass(NamedTuple):
    """Forward pass with the layer's own or other activations, and the module calls in it."""

    recording: Recording
    steps: list[Step]


#: Operations that keep or move the highest values of a map.
_MAXIMUM = {
    *("Max", "Amax", "MaxPool2DWithIndices", "MaxPool3DWithIndices", "AdaptiveMaxPool2D", "AdaptiveMaxPool3D"),
    *("MkldnnMaxPool2D", "MkldnnMaxPool3D", "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Clone"),
    *("Alias", "ToCopy", "Transpose", "Permute", "Select", "Expand"),
}


def run_pass(
    network: nn.Module, place: RecordedLayer, x: torch.Tensor, activations: torch.Tensor | None = None
) -> Pass:
    """Run one pass within :func:`evaluating`, with the layer's own activations or the given ones."""
    with traced(network) as steps:
        return Pass(record_precisely(network, place, (x,), {}, activations), steps)


def other_passes(network: nn.Module, place: RecordedLayer, x: torch.Tensor, first: Recording) -> list[Pass]:
    """Run passes with activations of other signs, sizes and positions, and a last pass with zeros.

    Two of them are the same in every grid cell, with opposite signs: each map after the layer is then once negative.
    """
    own, place = first.activations.detach(), place._replace(call=first.call, layout=first.layout)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(own.shape, generator=generator).to(own)
    scale = own.abs().amax().clamp(min=1e-3)
    flipped = -own.flip(tuple(range(1, own.ndim)))
    features = first.layout(noise).shape[1]
    even = torch.randn(features, generator=generator).to(own)
    constant = scale * _on_features(first, even)
    negative = -scale * (0.5 + noise.abs())
    others = [flipped, scale * noise, -10 * scale * noise.roll(1, 1), negative, constant, -constant]
    return [run_pass(network, place, x, activations) for activations in [*others, torch.zeros_like(own)]]


def _on_features(recording: Recording, values: torch.Tensor) -> torch.Tensor:
    """Return one value for each feature (C,) in the layout of a layer's output; zero outside the grid."""
    shape, layout = recording.activations.shape, recording.layout
    feature = torch.arange(len(values), device=values.device)
    index = layout(torch.arange(shape.numel(), device=values.device).reshape(shape))
    feature = feature.reshape(1, -1, *[1] * (index.ndim - 2)).expand(index.shape)
    placed = values.new_zeros(shape.numel())
    placed[index.flatten()] = values[feature.flatten()]
    return placed.reshape(shape)


def affine_gradients(recordings: list[Recording]) -> torch.Tensor | None:
    """Return the gradient (R, C, *grid) of a random sum of the scores if the head behaves as an affine function.

    The gradient must be the same in all passes and predict their scores. Otherwise return None.
    """
    logits = recordings[0].logits
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(logits)
    gradients = [as_float64(score_gradients(each.logits, each.activations, weights[None])[0]) for each in recordings]
    sums = [(as_float64(each.logits) * as_float64(weights)).sum() for each in recordings]
    first, at_zero = gradients[0], sums[-1]
    tolerance = torch.finfo(logits.dtype).eps ** 0.5
    for each, gradient, score in zip(recordings, gradients, sums, strict=True):
        terms = first * as_float64(each.activations)
        margin = tolerance * (terms.abs().sum() + at_zero.abs())
        same = bool((gradient - first).abs().max() <= tolerance * first.abs().max())
        if not same or not bool((at_zero + terms.sum() - score).abs() <= margin):
            return None
    return first


def is_even(gradients: torch.Tensor, samples: int) -> bool:
    """Return whether gradients (R, C, *grid) are the same in every grid cell of a sample, over its slices too."""
    per_sample = gradients.unflatten(0, (samples, -1)).movedim(2, 1).flatten(2)
    spread = per_sample.amax(-1) - per_sample.amin(-1)
    return bool(spread.max() <= 1e-4 * per_sample.abs().max())


def max_pooled_map(passes: list[Pass]) -> tuple[str, float] | None:
    """Find the module whose output is one map per label with the scores as its maxima in every pass.

    Only operations that select the highest values may follow the map. A ReLU after a maximum, for example, is another
    function of the map, even if the maximum is positive in every pass.

    Returns:
        Name of the module (empty for the layer itself) and the largest difference between a maximum and a score. None
        if there is no such module.
    """

    def difference(maxima: torch.Tensor | None, logits: torch.Tensor) -> float:
        if maxima is None or maxima.shape[1] != logits.shape[1] or len(maxima) % len(logits):
            return float("inf")
        return (maxima.unflatten(0, (len(logits), -1)).amax(1) - logits.detach()).abs().max().item()

    found: dict[str, list[float]] = {}
    for recording, steps in passes:
        own = grid_maxima(recording.layout(recording.activations))
        if recording.layout.complete:
            found.setdefault("", []).append(difference(own, recording.logits))
        for step in steps:
            if step.after is not None:
                found.setdefault(step.name, []).append(difference(step.maxima, recording.logits))
    tolerance = 1e-5 * max(each.recording.logits.detach().abs().max().item() for each in passes)
    matching = [(name, max(values)) for name, values in found.items() if max(values) <= tolerance]
    return next((match for match in matching if _selects_maximum(passes[0], match[0])), None)


def _selects_maximum(one: Pass, name: str) -> bool:
    """Return whether only operations that select the highest values follow a module (empty: the layer itself)."""
    recording, steps = one
    start = next((step.after for step in reversed(steps) if step.name == name), None) if name else recording.entry
    root = recording.logits.grad_fn
    return start is not None and all(plain_name(node) in _MAXIMUM for node in nodes_between(root, start))
