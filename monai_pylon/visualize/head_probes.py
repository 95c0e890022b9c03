"""What a tail does with other activations than the example's own: is it affine, is it the maximum of a map?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.visualize.module_trace import Step, grid_maxima, traced
from monai_pylon.visualize.recording import Recording, record, score_gradients

__all__: list[str] = []


class Pass(NamedTuple):
    """A pass with the layer's own or other activations, and the calls of modules in it."""

    recording: Recording
    steps: list[Step]


def run_pass(
    network: nn.Module, layer: nn.Module, x: torch.Tensor, call: int | None, activations: torch.Tensor | None = None
) -> Pass:
    """One pass within :func:`evaluating`, with the layer's own activations or with others in their place."""
    with traced(network) as steps:
        return Pass(record(network, layer, (x,), {}, call, activations), steps)


def other_passes(network: nn.Module, layer: nn.Module, x: torch.Tensor, first: Recording) -> list[Pass]:
    """Passes with activations of other signs, sizes and places than the first one's; in the last they are all zero."""
    own = first.activations.detach()
    noise = torch.randn(own.shape, generator=torch.Generator().manual_seed(0)).to(own)
    scale = own.abs().amax().clamp(min=1e-3)
    turned = -own.flip(tuple(range(1, own.ndim)))
    others = [turned, scale * noise, -10 * scale * noise.roll(1, 1), torch.zeros_like(own)]
    return [run_pass(network, layer, x, first.call, activations) for activations in others]


def affine_gradients(recordings: list[Recording]) -> torch.Tensor | None:
    """The gradient (R, C, *grid) of a random sum of the scores, if it is the same in all passes and predicts them."""
    logits = recordings[0].logits
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(logits)
    gradients = [score_gradients(each.logits, each.activations, weights[None])[0].double() for each in recordings]
    sums = [(each.logits.detach().double() * weights).sum() for each in recordings]
    first, at_zero = gradients[0], sums[-1]
    tolerance = torch.finfo(logits.dtype).eps ** 0.5
    for each, gradient, score in zip(recordings, gradients, sums, strict=True):
        terms = first * each.activations.detach().double()
        room = tolerance * (terms.abs().sum() + at_zero.abs())
        same = bool((gradient - first).abs().max() <= tolerance * first.abs().max())
        if not same or not bool((at_zero + terms.sum() - score).abs() <= room):
            return None
    return first


def is_even(gradients: torch.Tensor, samples: int) -> bool:
    """Whether gradients (R, C, *grid) are the same in every cell of a sample, over its slices too."""
    per_sample = gradients.unflatten(0, (samples, -1)).movedim(2, 1).flatten(2)
    spread = per_sample.amax(-1) - per_sample.amin(-1)
    return bool(spread.max() <= 1e-4 * per_sample.abs().max())


def max_pooled_map(passes: list[Pass]) -> tuple[str, float] | None:
    """The module whose output is a map a label with the scores as its maxima in every pass, and the largest difference.

    The name is empty where that is the layer itself.
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
    right = [(name, max(several)) for name, several in found.items() if max(several) <= tolerance]
    return right[0] if right else None
