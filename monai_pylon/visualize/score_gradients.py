"""Gradients of scores with respect to a layer's output, for each sample, also in half precision.

A batch of scores has one joint gradient. Its rows are the gradients of the samples if no sample depends on another. A
normalization by the statistics of the batch links the samples, so each sample then needs a gradient of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from monai_pylon.utils import check
from monai_pylon.utils.precision import at_least_float32
from monai_pylon.visualize.pass_conditions import readable_errors

__all__: list[str] = []

#: Powers of two by which float16 gradients are scaled, from the first that does not overflow.
_SCALES = tuple(2.0**k for k in range(12, -9, -4))
#: Largest relative difference between gradients that counts as rounding.
_ROUNDING = {torch.float64: 1e-9, torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 5e-2}


def score_gradients(
    logits: torch.Tensor, inputs: Any, cotangents: torch.Tensor, half: bool = False, create_graph: bool = False
) -> torch.Tensor:
    """Compute the gradients of K weighted sums of scores by one batched vector-Jacobian product of the head.

    Args:
        logits: Scores (N, M).
        inputs: Activations, or an edge of the graph.
        cotangents: Weights of the scores in each sum (K, N, M).
        half: Whether the head computes in float16. The gradients are then scaled, which their small range requires.
        create_graph: Whether the gradients can be differentiated again.

    Returns:
        Gradients (K, *shape of the inputs); at least float32 if they were scaled.

    Raises:
        ValueError: If float16 cannot represent the gradients, not even scaled.
    """
    if not half:
        return _plain_gradients(logits, inputs, cotangents, create_graph)
    for scale in _SCALES:
        gradients = _plain_gradients(logits, inputs, cotangents * scale, create_graph)
        if gradients.isfinite().all():
            break
    if gradients.numel():
        peak = gradients.abs().max().item()
        remedy = "Explain the network in float32 or bfloat16."
        small = "a network whose gradients float16 can represent"
        check(peak == 0 or 2.0**-14 <= peak < float("inf"), "network", small, f"one with {peak / scale}", remedy)
    return at_least_float32(gradients) / scale


def _plain_gradients(logits: torch.Tensor, inputs: Any, cotangents: torch.Tensor, create_graph: bool) -> torch.Tensor:
    """Compute the gradients of K weighted sums of scores in the head's own precision."""

    def gradient(weights: torch.Tensor, batched: bool = False) -> torch.Tensor:
        with torch.autocast(logits.device.type, enabled=False):  # a backward pass never runs in the caller's autocast
            found = torch.autograd.grad(
                logits, [inputs], weights, True, create_graph, is_grads_batched=batched, allow_unused=True
            )[0]
        effect = "without effect on them"
        check(found is not None, "target_layer", "a layer on which the scores depend", effect, "Choose a later layer.")
        return found

    if len(cotangents) > 1:
        try:
            return gradient(cotangents, batched=True)
        except RuntimeError:  # an operator in the head does not support batched gradients: compute them one by one
            pass
    with readable_errors():
        return torch.stack([gradient(weights) for weights in cotangents])


def is_half(logits: torch.Tensor, nodes: Any) -> bool:
    """Return whether the scores or an operation of the head (its graph's nodes) are float16."""
    metadata = (each for node in nodes for each in getattr(node, "_input_metadata", ()))
    return logits.dtype == torch.float16 or any(each.dtype == torch.float16 for each in metadata)


def own_gradients(gradients_of: Callable[[torch.Tensor], torch.Tensor], cotangents: torch.Tensor) -> torch.Tensor:
    """Compute the gradients of K weighted sums of each sample's scores with respect to its own activations.

    One more sum, in which the samples have different weights, shows whether the joint gradient of the batch is enough:
    if the samples are independent, each row of its gradient is multiplied by the weight of its own sample.

    Args:
        gradients_of: Function from cotangents (K, N, M) to gradients (K, R, ...), rows of one sample after the other.
        cotangents: Weights of the scores in each sum (K, N, M).

    Returns:
        Gradients (K, R, ...).

    Raises:
        ValueError: If a sample's scores depend on the rows of other samples and not on its own: the network moves the
            samples within the batch.
    """
    labels, samples = cotangents.shape[:2]
    if samples < 2:
        return gradients_of(cotangents)
    of_labels, of_samples = _weights(labels).to(cotangents), _weights(samples).to(cotangents)
    probe = torch.tensordot(of_labels, cotangents, 1) * of_samples[:, None]
    found = gradients_of(torch.cat([cotangents, probe[None]]))
    rows = at_least_float32(found).unflatten(1, (samples, -1)).flatten(2)
    expected = torch.tensordot(of_labels.to(rows), rows[:-1], 1) * of_samples[:, None].to(rows)
    size = of_labels.to(rows) @ torch.linalg.vector_norm(rows[:-1], torch.inf, dim=2)
    difference = torch.linalg.vector_norm(rows[-1] - expected, torch.inf, dim=1)
    if not bool((difference > _ROUNDING[found.dtype] * size).any()):
        return found[:-1]
    own = []
    for sample in range(samples):
        alone = torch.zeros_like(cotangents)
        alone[:, sample] = cotangents[:, sample]
        of_all = gradients_of(alone).unflatten(1, (samples, -1))
        moved = bool(of_all.any()) and not bool(of_all[:, sample].any())
        requirement = "a layer whose batch axis holds the samples in the order of the input"
        check(not moved, "target_layer", requirement, "another", "Explain one sample at a time.")
        own.append(of_all[:, sample])
    return torch.cat(own, 1)


def _weights(count: int) -> torch.Tensor:
    """Return different weights (count,) between 1 and 2, by the golden ratio."""
    return 1 + torch.arange(count) * 0.6180339887 % 1
