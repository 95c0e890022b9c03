"""Audit of the guarantee that the map of a layer is faithful (HiResCAM paper, section 6).

The answer depends on the head, the part of the network between the layer and the scores. If the head is affine, the
score is a sum over grid cells, HiResCAM shows its terms, and nothing else affects the score. Two checks must agree: the
recorded graph contains only operations known to be affine, and at other activations the gradient is the same and
predicts the scores. A correct sum for one image is no proof: two layers without bias and a ReLU between them pass it,
and so does a global maximum.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check
from monai_pylon.utils.arrays import as_float64
from monai_pylon.visualize.affinity import nonaffine_operations, plain_name
from monai_pylon.visualize.head_probes import Pass, affine_gradients, is_even, max_pooled_map, other_passes, run_pass
from monai_pylon.visualize.map_layout import ToGrid, check_arrangement
from monai_pylon.visualize.module_trace import first_affine_layer, nonaffine_modules
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import RecordedLayer, Recording, bare_network, find_layer, record_precisely
from monai_pylon.visualize.score_gradients import score_gradients
from monai_pylon.visualize.visualizers import HiResCAM

__all__ = ["ExplanationAudit", "audit_explanation"]

CAM_ARCHITECTURE, AFFINE_HEAD, MAX_POOLED, OTHER = "CAM architecture", "affine head", "max-pooled map", "other"
_PROVABLE = {
    CAM_ARCHITECTURE: {"CAM": True, "Grad-CAM": True, "HiResCAM": True, "map": False},
    AFFINE_HEAD: {"CAM": False, "Grad-CAM": False, "HiResCAM": True, "map": False},
    MAX_POOLED: {"CAM": False, "Grad-CAM": False, "HiResCAM": False, "map": True},
    OTHER: {"CAM": False, "Grad-CAM": False, "HiResCAM": False, "map": False},
}
#: Operations that turn a score into a probability.
_SQUASHING = {"Sigmoid", "Softmax", "LogSoftmax", "LogSigmoid", "Tanh"}


class ExplanationAudit(NamedTuple):
    """Guarantees of the maps of one layer of a network.

    Attributes:
        architecture: "CAM architecture" (the score is an average over grid cells: CAM, Grad-CAM and HiResCAM are the
            same), "affine head" (the score is a weighted sum over grid cells: HiResCAM is exact), "max-pooled map" (the
            score is the maximum of a map inside the network: that map is the explanation), or "other" (no guarantee).
        provable: Whether "CAM", "Grad-CAM", "HiResCAM" and "map" (the network's own) are guaranteed to show the terms
            of the score.
        residual: Largest difference between a score and its HiResCAM sum plus the score at zero activations. For a
            max-pooled map the largest difference between a score and the map's maximum. A small residual is necessary,
            not sufficient.
        reason: Explanation of the verdict in one sentence, for readers of the map.

    Example:
        >>> ExplanationAudit("other", {"HiResCAM": False}, 0.0, "A ReLU comes after the layer.").provable["HiResCAM"]
        False
    """

    architecture: str
    provable: dict[str, bool]
    residual: float
    reason: str


def audit_explanation(
    network: nn.Module,
    target_layer: str | nn.Module,
    example: torch.Tensor,
    call: int | None = None,
    feature_axis: int | None = None,
    to_grid: ToGrid = None,
) -> ExplanationAudit:
    """Determine which maps of a layer are guaranteed to show the terms of the scores (the paper's section 6).

    The network runs several times: on the example, and with other activations instead of the layer's own. Its state is
    not changed.

    Args:
        network: Module that returns scores (N, M).
        target_layer: Name of the layer, or the layer.
        example: Any input of the network (N, ...).
        call: Call of the layer to audit, from 0. None: the last.
        feature_axis: Axis of the features, as in :class:`HiResCAM`.
        to_grid: Grid of tokens, as in :class:`HiResCAM`. If the score also uses tokens outside of the grid, such as a
            class token, the verdict is "other".

    Returns:
        Verdict, guarantees, residual and reason.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the layer cannot be explained (see :class:`HiResCAM`), or the scores are not finite.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> audit_explanation(network, "class_layers.relu", torch.rand(1, 1, 64, 64)).architecture
        'CAM architecture'
        >>> print(audit_explanation(network, "features", torch.rand(1, 1, 64, 64)).reason)
        Between this layer and the score the network still bends the evidence (ReLU at class_layers.relu), so that no
        map of the layer is guaranteed to show what the score was made of; one of the layer class_layers.relu would be.
    """
    bare = bare_network(network)
    check_arrangement(feature_axis, to_grid)
    place = RecordedLayer(find_layer(bare, target_layer), call, feature_axis, to_grid)
    with evaluating(bare), torch.inference_mode(False), torch.no_grad():
        first = run_pass(bare, place, example)
        scores = first.recording.logits
        finite = bool(scores.isfinite().all())
        check(finite, "example", "an input with finite scores", scores, "Check it for NaN.")
        passes = [first, *other_passes(bare, place, example, first.recording)]
        shares = _shares(first.recording)
        sums: torch.Tensor | float = 0.0
        if shares[0]:
            maps = HiResCAM(bare, place.layer, call, feature_axis, to_grid)(example, "all")
            sums = as_float64(maps).flatten(2).sum(2)
        at_zero = passes[-1].recording.logits
        residual = (sums + as_float64(at_zero) - as_float64(scores)).abs().max().item()
        nonaffine = nonaffine_operations(scores.grad_fn, first.recording.entry)
        gradients = affine_gradients([each.recording for each in passes])
        pooled = max_pooled_map(passes)
        better = _better_layer(bare, first, example) if nonaffine else None
    if not nonaffine and gradients is not None and shares == (True, False):
        even = is_even(first.recording.layout(gradients), len(scores))
        architecture = CAM_ARCHITECTURE if even else AFFINE_HEAD
        reason = _SENTENCES[architecture]
    elif not shares[0]:
        architecture, reason = OTHER, _TOKENS_ALONE
    elif not nonaffine and gradients is not None:
        architecture, reason = OTHER, _TOKENS_TOO
    elif pooled is not None:
        name, residual = pooled
        architecture, reason = MAX_POOLED, _SENTENCES[MAX_POOLED].format(name or "this layer's output")
    else:
        architecture, reason = OTHER, _why_not(first, nonaffine, better)
    return ExplanationAudit(architecture, dict(_PROVABLE[architecture]), residual, reason)


def _shares(recording: Recording) -> tuple[bool, bool]:
    """Return whether the grid cells affect the scores, and whether values outside of the grid (class tokens) do."""
    logits, layout = recording.logits, recording.layout
    weights = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(logits)
    gradient = score_gradients(logits, recording.activations, weights[None])[0]
    inside = bool(layout(gradient).any())
    total, in_grid = (as_float64(part).abs().sum() for part in (gradient, layout(gradient)))
    outside = not layout.complete and bool(total > in_grid * (1 + 1e-9))
    return inside or not outside, outside


_TOKENS_ALONE = (
    "The score is computed from the class token alone, which lies at no place: no map of this layer can show where "
    "the evidence is; choose a layer before the last attention, whose maps are a hint without guarantee."
)
_TOKENS_TOO = (
    "The score is a sum over all positions of this layer and over the class token, which lies at no place: the map of "
    "HiResCAM shows the share of each position, but the share of the class token is missing in it."
)
_SENTENCES = {
    CAM_ARCHITECTURE: "The score is an average over all positions of this layer, with the same weights everywhere: its "
    "map shows how much each position raised or lowered the score, and nothing else affected the score.",
    AFFINE_HEAD: "The score is a sum over all positions of this layer, with its own weights at each position: "
    "HiResCAM shows how much each position raised or lowered the score, while Grad-CAM may show others.",
    MAX_POOLED: "The score is the highest value of a map that the network computes ({}): that map is itself the "
    "explanation, and a gradient would show only its highest position.",
}


def _better_layer(network: nn.Module, first: Pass, example: torch.Tensor) -> str | None:
    """Name the first layer after which all is affine, None if there is none or if a class token alone follows it."""
    name = first_affine_layer(first.steps, first.recording.logits.grad_fn, first.recording.entry)
    if name is None:
        return None
    try:
        recording = record_precisely(network, RecordedLayer(network.get_submodule(name)), (example,), {})
    except ValueError:  # a layer that cannot be explained
        return None
    return name if _shares(recording) == (True, False) else None


def _why_not(first: Pass, nonaffine: list[str], better: str | None) -> str:
    """Name the parts that are not affine in one sentence, and the first layer after which all is affine, if any."""
    root, entry = first.recording.logits.grad_fn, first.recording.entry
    modules = [f"{step.kind} at {step.name}" for step in nonaffine_modules(first.steps, root, entry)]
    names = modules or [name.lower() for name in nonaffine] or ["a part without gradient"]
    what = f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"
    why = f"Between this layer and the score the network still bends the evidence ({what}), so that no map of the layer"
    why += " is guaranteed to show what the score was made of"
    if plain_name(root) in _SQUASHING:
        return f"{why}; explain the score before the {plain_name(root).lower()} that squashes it."
    return f"{why}; one of the layer {better} would be." if better else f"{why}."
