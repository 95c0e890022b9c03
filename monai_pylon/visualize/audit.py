"""Is an explanation provably faithful? The paper's section 6 as a test of any network and layer.

What counts is what lies between the layer and the scores. If that is affine, the score is a sum over places, HiResCAM
shows its terms, and nothing else has an effect. Two witnesses must agree: the recorded graph holds only operations that
are known to be affine; and at other activations the gradient is the same and predicts the scores. A sum that is right
at one image is no proof: two layers without bias and a ReLU between have it, and so has a global maximum.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check
from monai_pylon.visualize.affinity import bending_operations, plain_name
from monai_pylon.visualize.head_probes import Pass, affine_gradients, is_even, max_pooled_map, other_passes, run_pass
from monai_pylon.visualize.module_trace import bending_modules, first_affine_layer
from monai_pylon.visualize.recording import bare_network, evaluating, find_layer
from monai_pylon.visualize.visualizers import HiResCAM

__all__ = ["ExplanationAudit", "audit_explanation"]

CAM_ARCHITECTURE, AFFINE_HEAD, MAX_POOLED, OTHER = "CAM architecture", "affine head", "max-pooled map", "other"
_PROVABLE = {
    CAM_ARCHITECTURE: {"CAM": True, "Grad-CAM": True, "HiResCAM": True, "map": False},
    AFFINE_HEAD: {"CAM": False, "Grad-CAM": False, "HiResCAM": True, "map": False},
    MAX_POOLED: {"CAM": False, "Grad-CAM": False, "HiResCAM": False, "map": True},
    OTHER: {"CAM": False, "Grad-CAM": False, "HiResCAM": False, "map": False},
}
#: Operations that turn a finished score into a probability.
_SQUASHING = {"Sigmoid", "Softmax", "LogSoftmax", "LogSigmoid", "Tanh"}


class ExplanationAudit(NamedTuple):
    """What is guaranteed of the maps of a network's layer.

    Attributes:
        architecture: "CAM architecture" (the score is an average over places: CAM, Grad-CAM and HiResCAM are the same),
            "affine head" (the score is a weighted sum over places: HiResCAM is exact), "max-pooled map" (the score is
            the maximum of a map that the network makes: that map is the explanation), or "other" (nothing is
            guaranteed).
        provable: for "CAM", "Grad-CAM", "HiResCAM" and "map" (of the network's own) whether it is guaranteed to show
            what the score is made of.
        residual: the largest difference between a score and the sum of its HiResCAM and the score at zero activations;
            of a max-pooled map, and its maximum. Small is necessary, not sufficient.
        reason: a sentence for the reader of the map.

    Example:
        >>> ExplanationAudit("other", {"HiResCAM": False}, 0.0, "A ReLU comes after the layer.").provable["HiResCAM"]
        False
    """

    architecture: str
    provable: dict[str, bool]
    residual: float
    reason: str


def audit_explanation(
    network: nn.Module, target_layer: str | nn.Module, example: torch.Tensor, call: int | None = None
) -> ExplanationAudit:
    """Tell which maps of a layer are guaranteed to show what the scores are made of (the paper's section 6).

    The network is run some times on the example, and on other activations in the place of the layer's own. It is left
    as it was.

    Args:
        network: any module that gives scores (N, M).
        target_layer: the layer's name, or the layer.
        example: (N, ...), an input of the network; any will do.
        call: which call of the layer counts, from 0; None for the last.

    Returns:
        verdict, guarantees, residual and reason.

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where the layer cannot be explained at all (see :class:`HiResCAM`), or the scores are not finite.

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
    layer = find_layer(bare, target_layer)
    with evaluating(bare), torch.inference_mode(False), torch.no_grad():
        first = run_pass(bare, layer, example, call)
        scores = first.recording.logits
        check(bool(scores.isfinite().all()), "example", "an input with finite scores", scores, "Look for NaN in it.")
        passes = [first, *other_passes(bare, layer, example, first.recording)]
        maps = HiResCAM(bare, layer, call)(example, "all")
        at_zero = passes[-1].recording.logits
        residual = (maps.double().flatten(2).sum(2) + at_zero - scores).detach().abs().max().item()
        bent = bending_operations(scores.grad_fn, first.recording.entry)
        gradients = affine_gradients([each.recording for each in passes])
        pooled = max_pooled_map(passes)
    if not bent and gradients is not None:
        architecture = CAM_ARCHITECTURE if is_even(gradients, len(scores)) else AFFINE_HEAD
        reason = _SENTENCES[architecture]
    elif pooled is not None:
        where, residual = pooled
        architecture, reason = MAX_POOLED, _SENTENCES[MAX_POOLED].format(where or "this layer's output")
    else:
        architecture, reason = OTHER, _why_not(first, bent)
    return ExplanationAudit(architecture, dict(_PROVABLE[architecture]), residual, reason)


_SENTENCES = {
    CAM_ARCHITECTURE: "The score is an average of what this layer saw at all places, weighed alike everywhere: its map "
    "shows how much each place raised or lowered the score, and nothing else did.",
    AFFINE_HEAD: "The score is a sum of what this layer saw at all places, each place weighed in its own way: HiResCAM "
    "shows how much each raised or lowered the score, while Grad-CAM may point to places that did not.",
    MAX_POOLED: "The score is the highest value of a map that the network makes ({}): that map is itself the "
    "explanation, and a gradient would show only its highest place.",
}


def _why_not(first: Pass, bent: list[str]) -> str:
    """A sentence that names what bends the evidence, and the layer after which nothing does, if there is one."""
    root, entry = first.recording.logits.grad_fn, first.recording.entry
    modules = [f"{step.kind} at {step.name}" for step in bending_modules(first.steps, root, entry)]
    names = modules or [name.lower() for name in bent] or ["a part without gradient"]
    what = f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}"
    why = f"Between this layer and the score the network still bends the evidence ({what}), so that no map of the layer"
    why += " is guaranteed to show what the score was made of"
    if plain_name(root) in _SQUASHING:
        return f"{why}; explain the score before the {plain_name(root).lower()} that squashes it."
    better = first_affine_layer(first.steps, root, entry)
    return f"{why}; one of the layer {better} would be." if better else f"{why}."
