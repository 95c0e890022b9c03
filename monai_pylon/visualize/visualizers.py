"""HiResCAM and Grad-CAM of any classifier, for one label, several, or all, out of one forward pass.

The maps are signed, at least float32, and on the layer's own grid. Enlarging, clipping and colouring are for those who
show them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from monai.inferers import Inferer
from torch import nn

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.visualize.class_activation import weighted_features
from monai_pylon.visualize.heads import GeneralHead, head_of
from monai_pylon.visualize.recording import Recording, bare_network, evaluating, find_layer, record, score_gradients

__all__ = ["ActivationMapInferer", "HiResCAM", "LabelMaps", "LayerGradCAM", "explain_by_methods"]

ClassIndex = int | Sequence[int] | Sequence[Sequence[int]] | torch.Tensor | np.ndarray | str | None


class LabelMaps(NamedTuple):
    """Maps, whose they are, and the scores that they explain.

    Attributes:
        maps: (N, K, *grid), signed, on the layer's own grid.
        labels: (N, K), the label of each map.
        logits: (N, M), the network's scores, all of them.

    Example:
        >>> LabelMaps(torch.zeros(1, 2, 7, 7), torch.tensor([[3, 5]]), torch.zeros(1, 14)).labels.tolist()
        [[3, 5]]
    """

    maps: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor


class _LayerMaps:
    """What HiResCAM and Grad-CAM share: all but the formula."""

    def __init__(self, network: nn.Module, target_layer: str | nn.Module, call: int | None = None) -> None:
        self.network = bare_network(network)
        self.layer = find_layer(self.network, target_layer)
        if call is not None:
            check_type(call, int, "call")
            check(call >= 0, "call", "0 or more, or None for the last", call)
        self.call = call

    def __call__(self, x: torch.Tensor, class_idx: ClassIndex = None, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The maps (N, K, *grid) of x (N, ...); see the class for ``class_idx``; what follows goes to the network."""
        return self.explain(x, class_idx, *args, **kwargs).maps

    def explain(self, x: torch.Tensor, class_idx: ClassIndex = "all", *args: Any, **kwargs: Any) -> LabelMaps:
        """Maps of x (N, ...) together with the labels (N, K) and the scores (N, M) of the same forward pass."""
        return _explained([self], x, class_idx, args, kwargs)[0]

    def _maps(self, tail: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        """The maps (N, K, *grid) from the gradients (K, R, ...) at the tail's edge."""
        raise NotImplementedError


class HiResCAM(_LayerMaps):
    """HiResCAM of a network at one of its layers (equation 5): gradient times activation, summed over the features.

    Where the network is affine from that layer on, the map's sum and the bias make up the score:
    :func:`audit_explanation` tells. Works in 1D, 2D and 3D, on training, evaluating, frozen or half-precision networks,
    within ``no_grad``, ``inference_mode`` and autocast. The pass runs in evaluation mode; afterwards the network is as
    it was.

    Args:
        network: any module that gives scores (N, M), as a tensor or as the first of a tuple.
        target_layer: a layer's name, as in ``network.named_modules()``, or the layer itself. Its output is
            (N, C, *grid), or a tuple with that first.
        call: which call counts where the forward pass calls the layer several times, from 0; None for the last, as in
            MONAI's ResNet, whose blocks use one activation module twice. Calls side by side (a network that takes its
            slices in chunks) are an error unless one is named.

    Called with x (N, ...) and ``class_idx`` it returns maps (N, K, *grid):

    - None: of each sample's highest score; K = 1.
    - a number: of that label; K = 1.
    - a sequence (K,): of those labels, for every sample.
    - a sequence of sequences (N, K): of each sample's own labels.
    - "all": of every label; K = M. One forward pass and one batched gradient of the part after the layer.

    A network may fold S slices into its batch: the layer then gives N·S rows, the first S of them the first sample's,
    and the grid is (S, *grid), on the axes that the layer sees. Of AxialNet's "reduction" these are (groups, rows,
    columns); ``maps.permute(0, 1, 4, 3, 2)`` puts them on the axes (x, y, groups) of the volume and of ``explain``.

    Raises:
        TypeError: where an argument is of another type.
        ValueError: where the network has no such layer, does not call it, or its scores do not depend on it; where its
            output is not (N, M); where there is no such label.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> cam = HiResCAM(network, "class_layers.relu")
        >>> cam(torch.rand(2, 1, 64, 96), class_idx="all").shape
        torch.Size([2, 3, 2, 3])
    """

    def _maps(self, tail: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        return _fold_out(tail.hires_maps(gradients), slices).movedim(2, 1) if slices else tail.hires_maps(gradients)


class LayerGradCAM(_LayerMaps):
    """Grad-CAM of a network at one of its layers (equations 3 and 4), signed: without the final ReLU.

    For comparison: where the gradient is not the same in every cell of the grid, Grad-CAM may show places that the
    network did not use. Arguments and call are those of :class:`HiResCAM`. Where slices are folded into the batch, the
    gradients are averaged over the slices too.

    Args:
        network: any module that gives scores (N, M).
        target_layer: a layer's name or the layer; its output is (N, C, *grid).
        call: which call of the layer counts, from 0; None for the last.

    Called with x (N, ...) and ``class_idx`` it returns maps (N, K, *grid).

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=3, in_channels=1, out_channels=3)
        >>> LayerGradCAM(network, "features.denseblock3")(torch.rand(1, 1, 64, 64, 64), class_idx=[2, 0]).shape
        torch.Size([1, 2, 4, 4, 4])
    """

    def _maps(self, tail: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        weights, activations = tail.mean_gradients(gradients), tail.activations
        if slices:
            weights = _fold_out(weights, slices).mean(1)
            activations = _fold_out(activations, slices).transpose(1, 2)
        return weighted_features(activations, weights)


def _explained(
    methods: Sequence[_LayerMaps], x: torch.Tensor, class_idx: ClassIndex, args: Any, kwargs: Any
) -> list[LabelMaps]:
    """What several methods say of the same layer of the same network, out of one forward pass."""
    wanted, first = _checked_labels(class_idx), methods[0]
    with evaluating(first.network), torch.inference_mode(False), torch.no_grad():
        recording = record(first.network, first.layer, (x, *args), kwargs, first.call)
        labels = _labels_per_sample(wanted, recording.logits.detach())
        slices = _slices_per_sample(recording)
        tail, maps = head_of(recording), [[] for _ in methods]  # type: ignore[var-annotated]
        for some in labels.split(tail.labels_at_once, dim=1):
            gradients = score_gradients(recording.logits, tail.edge, _one_hot(some, recording.logits))
            for method, found in zip(methods, maps, strict=True):
                found.append(method._maps(tail, gradients, slices))
    return [LabelMaps(torch.cat(found, 1), labels, recording.logits.detach()) for found in maps]


def explain_by_methods(
    network: nn.Module,
    target_layer: str | nn.Module,
    x: torch.Tensor,
    class_idx: ClassIndex = "all",
    methods: Sequence[str] = ("hirescam", "gradcam"),
    call: int | None = None,
) -> dict[str, LabelMaps]:
    """HiResCAM and Grad-CAM side by side, for comparisons, out of one forward pass.

    Args:
        network: any module that gives scores (N, M).
        target_layer: a layer's name or the layer.
        x: (N, ...).
        class_idx: as in :class:`HiResCAM`.
        methods: "hirescam", "gradcam".
        call: which call of the layer counts, from 0; None for the last.

    Returns:
        by method, maps (N, K, *grid) with their labels and the scores.

    Raises:
        ValueError: where there is no such method, and as :class:`HiResCAM` does.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> found = explain_by_methods(network, "class_layers.relu", torch.rand(1, 1, 64, 64))
        >>> sorted(found), found["gradcam"].maps.shape
        (['gradcam', 'hirescam'], torch.Size([1, 3, 2, 2]))
    """
    check(len(methods) > 0, "methods", "at least one", methods)
    for name in methods:
        check_choice(name, METHODS, "methods")
    explainers = [METHODS[name](network, target_layer, call) for name in methods]
    return dict(zip(methods, _explained(explainers, x, class_idx, (), {}), strict=True))


METHODS: dict[str, type[_LayerMaps]] = {"hirescam": HiResCAM, "gradcam": LayerGradCAM}


class ActivationMapInferer(Inferer):
    """Maps as the result of inference: for MONAI's evaluators and bundles, which hand the network over with each call.

    Args:
        target_layer: the layer's name.
        method: "hirescam" or "gradcam".
        class_idx: as in :class:`HiResCAM`.
        call: which call of the layer counts, from 0; None for the last.

    Called with inputs (N, ...) and a network it returns maps (N, K, *grid).

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> inferer = ActivationMapInferer("class_layers.relu", class_idx=1)
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> inferer(torch.rand(2, 1, 64, 64), network).shape
        torch.Size([2, 1, 2, 2])
    """

    def __init__(
        self, target_layer: str, method: str = "hirescam", class_idx: ClassIndex = "all", call: int | None = None
    ) -> None:
        super().__init__()
        check_type(target_layer, str, "target_layer", "The network comes with the call: name its layer.")
        check_choice(method, METHODS, "method")
        _checked_labels(class_idx)
        self.target_layer, self.method, self.class_idx, self.call = target_layer, method, class_idx, call

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:  # type: ignore[override]
        """Maps (N, K, *grid) of inputs (N, ...); further arguments go to the network."""
        return METHODS[self.method](network, self.target_layer, self.call)(inputs, self.class_idx, *args, **kwargs)


def _checked_labels(class_idx: ClassIndex) -> torch.Tensor | str | None:
    """The labels asked for as a tensor (), (K,) or (N, K) of whole numbers; None and "all" as they are."""
    if class_idx is None or isinstance(class_idx, str):
        check(class_idx in (None, "all"), "class_idx", 'a number, numbers, "all" or None', class_idx)
        return class_idx
    remedy = 'Labels are counted from 0; "all" is every label, None the highest score.'
    if not isinstance(class_idx, torch.Tensor | np.ndarray | np.integer):
        check_type(class_idx, (int, list, tuple, range), "class_idx", remedy)
    try:
        labels = torch.as_tensor(np.asarray(class_idx) if isinstance(class_idx, range | list | tuple) else class_idx)
    except (TypeError, ValueError):
        labels = torch.empty(0)
    whole = not labels.is_floating_point() and not labels.is_complex() and labels.dtype != torch.bool
    right = whole and labels.numel() > 0 and labels.ndim <= 2
    check(right, "class_idx", "whole numbers, at least one", class_idx, remedy)
    return labels.long()


def _labels_per_sample(wanted: torch.Tensor | str | None, logits: torch.Tensor) -> torch.Tensor:
    """The labels (N, K) whose maps are asked for, each from 0 to M - 1."""
    samples, count = logits.shape
    if wanted is None:
        return logits.argmax(1, keepdim=True)
    if isinstance(wanted, str):
        return torch.arange(count, device=logits.device).expand(samples, count)
    inside = bool(((wanted >= 0) & (wanted < count)).all())
    remedy = f"The network has {count} labels, counted from 0."
    check(inside, "class_idx", f"between 0 and {count - 1}", wanted.tolist(), remedy)
    if wanted.ndim == 2:
        check(len(wanted) == samples, "class_idx", f"one row for each of the {samples} samples", wanted.tolist())
        return wanted.to(logits.device)
    return wanted.to(logits.device).reshape(1, -1).expand(samples, -1)


def _one_hot(labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """For each of K labels a sample (N, K) what picks its score: (K, N, M)."""
    hot = torch.zeros((labels.shape[1], *logits.shape), dtype=logits.dtype, device=logits.device)
    return hot.scatter_(2, labels.T[:, :, None], 1)


def _slices_per_sample(recording: Recording) -> int | None:
    """How many slices S of a sample lie along the layer's batch axis; None where it holds the samples themselves."""
    rows, samples = len(recording.activations), len(recording.logits)
    if rows == samples:
        return None
    whole = f"a layer with a row a sample ({samples}), or a whole number of slices a sample"
    check(rows % samples == 0, "target_layer", whole, recording.activations)
    slices = rows // samples
    if samples > 1:  # the first sample's score must hang on the first rows alone, or the maps would go to others
        first = torch.zeros_like(recording.logits)
        first[0] = 1
        others = score_gradients(recording.logits, recording.activations, first[None])[0, slices:]
        apart = "a layer whose rows hold each sample's slices side by side"
        check(not bool(others.any()), "target_layer", apart, "another", "Explain one sample at a time.")
    return slices


def _fold_out(tensor: torch.Tensor, slices: int) -> torch.Tensor:
    """(N·S, ...) as (N, S, ...)."""
    return tensor.reshape(-1, slices, *tensor.shape[1:])
