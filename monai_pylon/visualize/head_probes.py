"""Numerical tests of a head (the part of the network after a layer): affine, or the maximum of a map.

The head is evaluated on the layer's own activations and on others.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils.arrays import as_float64
from monai_pylon.visualize.module_trace import Step, grid_maxima, traced
from monai_pylon.visualize.recording import Recording, record, score_gradients

__all__: list[str] = []


class Pass(NamedTuple):
    """Forward pass with the layer's own or other activations, and the module calls in it."""

    recording: Recording
    steps: list[Step]


def run_pass(
    network: nn.Module, layer: nn.Module, x: torch.Tensor, call: int | None, activations: torch.Tensor | None = None
) -> Pass:
    """Run one pass within :func:`evaluating`, with the layer's own activations or the given ones."""
    with traced(network) as steps:
        return Pass(record(network, layer, (x,), {}, call, activations), steps)


def other_passes(network: nn.Module, layer: nn.Module, x: torch.Tensor, first: Recording) -> list[Pass]:
    """Run passes with activations of other signs, sizes and positions, and a last pass with zeros."""
    own = first.activations.detach()
    noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(0)).to(own)
    scale = own.abs().amax().clamp(min=1e-3)
    flipped = -own.flip(tuple(range(1, own.ndim)))
    others = [flipped, scale * noise, -10 * scale * noise.roll(1, 1), torch.zeros_like(own)]
    return [run_pass(network, layer, x, first.call, activations) for activations in others]


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
        found.setdefault("", []).append(difference(grid_maxima(recording.activations), recording.logits))
        for step in steps:
            if step.after is not None:
                found.setdefault(step.name, []).append(difference(step.maxima, recording.logits))
    tolerance = 1e-5 * max(each.recording.logits.detach().abs().max().item() for each in passes)
    matching = [(name, max(values)) for name, values in found.items() if max(values) <= tolerance]
    return matching[0] if matching else None
