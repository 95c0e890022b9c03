"""HiResCAM and Grad-CAM of any classifier, for one, several or all labels from one forward pass.

The maps are signed, at least float32, and on the layer's own grid. Enlarging, clipping and coloring belong to the
display.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.precision import at_least_float32
from monai_pylon.visualize.class_activation import weighted_features
from monai_pylon.visualize.heads import GeneralHead, head_of
from monai_pylon.visualize.label_choice import ClassIndex, checked_labels, labels_per_sample, score_weights
from monai_pylon.visualize.map_layout import Layout, ToGrid, check_arrangement
from monai_pylon.visualize.pass_conditions import evaluating
from monai_pylon.visualize.recording import RecordedLayer, bare_network, find_layer, record_precisely
from monai_pylon.visualize.score_gradients import own_gradients

__all__ = ["HiResCAM", "LabelMaps", "LayerGradCAM", "explain_by_methods"]


class LabelMaps(NamedTuple):
    """Class activation maps, their labels, and the scores that they explain.

    Attributes:
        maps: Signed maps (N, K, *grid), on the layer's own grid.
        labels: Label of each map (N, K).
        logits: All scores of the network (N, M).

    Example:
        >>> LabelMaps(torch.zeros(1, 2, 7, 7), torch.tensor([[3, 5]]), torch.zeros(1, 14)).labels.tolist()
        [[3, 5]]
    """

    maps: torch.Tensor
    labels: torch.Tensor
    logits: torch.Tensor


class _LayerMaps:
    """Base class of HiResCAM and Grad-CAM, which define the formula in `_maps`."""

    def __init__(
        self,
        network: nn.Module,
        target_layer: str | nn.Module,
        call: int | None = None,
        feature_axis: int | None = None,
        to_grid: ToGrid = None,
    ) -> None:
        self.network = bare_network(network)
        self.layer = find_layer(self.network, target_layer)
        if call is not None:
            check_type(call, int, "call")
            check(call >= 0, "call", "0 or more, or None for the last call", call)
        check_arrangement(feature_axis, to_grid)
        self.place = RecordedLayer(self.layer, call, feature_axis, to_grid)
        self.layouts: dict[tuple[Any, ...], Layout] = {}  # found in earlier calls, by the shape and strides of x

    def __call__(self, x: torch.Tensor, class_idx: ClassIndex = None, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Compute the maps (N, K, *grid) of x (N, ...). Further arguments are passed to the network."""
        return self.explain(x, class_idx, *args, **kwargs).maps

    def explain(self, x: torch.Tensor, class_idx: ClassIndex = None, *args: Any, **kwargs: Any) -> LabelMaps:
        """Compute the maps of the call with the same arguments, with their labels (N, K) and all scores (N, M)."""
        return _explained([self], x, class_idx, args, kwargs)[0]

    def _maps(self, head: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        """Compute the maps (N, K, *grid) from the gradients (K, R, ...) at the head's edge."""
        raise NotImplementedError


class HiResCAM(_LayerMaps):
    """HiResCAM of a network at one of its layers (equation 5): gradient times activation, summed over the features.

    If the network is affine after that layer, the sum of the map plus the bias is the score.
    :func:`audit_explanation` checks this. HiResCAM works in 1D, 2D and 3D, on networks in training or evaluation mode,
    frozen or in half precision, with activation checkpointing, within ``no_grad``, ``inference_mode`` and autocast. The
    pass runs in evaluation mode, and in float32 if the network or autocast have lower precision. The state of the
    network is restored afterwards. The samples of a batch may be normalized together: each map contains the gradient
    of its own sample's score alone.

    Called with x (N, ...) and ``class_idx`` it returns maps (N, K, *grid):

    - None: of each sample's highest score; K = 1.
    - a number: of that label; K = 1.
    - a sequence (K,): of those labels, for every sample.
    - a sequence of sequences (N, K): of each sample's own labels.
    - "all": of every label; K = M. It takes one forward pass and one batched gradient of the part after the layer.

    The features may be on any axis of the layer's output. They are found from the operations that computed it: a
    convolution writes them to axis 1, a linear layer to the last axis, and transposing moves them. Tokens (N, T, C) of
    a transformer become the grid of the image; class tokens are left out. If the axes are not clear, the call is an
    error that names the arguments ``feature_axis`` and ``to_grid``.

    A network may fold S slices into its batch. The layer then returns N·S rows, of which the first S belong to the
    first sample, and the grid is (S, *grid), on the axes of the layer. For AxialNet's "reduction" these are
    (groups, rows, columns). ``maps.permute(0, 1, 4, 3, 2)`` has the axes (x, y, groups) of the volume and of
    ``explain``.

    Args:
        network: Module that returns scores (N, M), as a tensor or as the first part of a tuple.
        target_layer: Name of a layer, as in ``network.named_modules()``, or the layer itself. Its output is
            (N, C, *grid), (N, *grid, C) or tokens (N, T, C), or the first tensor in a tuple, list or dictionary is.
        call: Call to explain if the forward pass calls the layer several times, from 0. None: the last, as for MONAI's
            ResNet, whose blocks use one activation module twice. Independent calls (a network that processes its slices
            in chunks) are an error unless a call is selected.
        feature_axis: Axis of the features in the layer's output, such as -1. None: find it. All other axes but the
            first are the grid; tokens stay one axis.
        to_grid: Numbers of cells (rows, columns, ...) of a grid of tokens, in row-major order. Tokens before them, such
            as a class token, are left out. Or a function from the layer's output to (N, C, *grid) that only moves or
            leaves out values. None: find it.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the network has no such layer, does not call it, or its scores do not depend on it; if only its
            class token affects the scores; if its feature axis is not clear; if the network's output is not (N, M); or
            if there is no such label.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> cam = HiResCAM(network, "class_layers.relu")
        >>> cam(torch.rand(2, 1, 64, 96), class_idx="all").shape
        torch.Size([2, 3, 2, 3])
        >>> from monai.networks.nets import ViT
        >>> vit = ViT(1, (32, 48), (16, 16), hidden_size=24, num_heads=2, num_layers=2, classification=True,
        ...           num_classes=3, spatial_dims=2)
        >>> HiResCAM(vit, "blocks.1.norm1")(torch.rand(2, 1, 32, 48), class_idx="all").shape  # 1 + 2 x 3 tokens
        torch.Size([2, 3, 2, 3])
    """

    def _maps(self, head: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        return _unfold(head.hires_maps(gradients), slices).movedim(2, 1) if slices else head.hires_maps(gradients)


class LayerGradCAM(_LayerMaps):
    """Grad-CAM of a network at one of its layers (equations 3 and 4), signed, without the final ReLU.

    Use it for comparison. If the gradient differs between grid cells, Grad-CAM may show grid cells that the network did
    not use. If slices are folded into the batch, the gradients are averaged over the slices too. Called with x (N, ...)
    and ``class_idx``, as :class:`HiResCAM`, it returns maps (N, K, *grid).

    Args:
        network: Module that returns scores (N, M).
        target_layer: Name of a layer, or the layer itself, as for :class:`HiResCAM`.
        call: Call of the layer to explain, from 0. None: the last.
        feature_axis: Axis of the features, as for :class:`HiResCAM`.
        to_grid: Grid of tokens, as for :class:`HiResCAM`.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=3, in_channels=1, out_channels=3)
        >>> LayerGradCAM(network, "features.denseblock3")(torch.rand(1, 1, 64, 64, 64), class_idx=[2, 0]).shape
        torch.Size([1, 2, 4, 4, 4])
    """

    def _maps(self, head: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        weights, activations = head.mean_gradients(gradients), head.activations
        if slices:
            weights = _unfold(weights, slices).mean(1)
            activations = _unfold(activations, slices).transpose(1, 2)
        return weighted_features(activations, weights)


def _explained(
    methods: Sequence[_LayerMaps], x: torch.Tensor, class_idx: ClassIndex, args: Any, kwargs: Any
) -> list[LabelMaps]:
    """Compute the maps of several methods for the same layer of the same network, from one forward pass."""
    wanted, first = checked_labels(class_idx), methods[0]
    with evaluating(first.network), torch.inference_mode(False), torch.no_grad():
        check_type(x, torch.Tensor, "x")
        key = (x.shape, x.stride())
        place = first.place._replace(layout=first.layouts.get(key))
        head = head_of(record_precisely(first.network, place, (x, *args), kwargs))
        first.layouts[key] = head.recording.layout
        logits = head.recording.logits
        labels, slices = labels_per_sample(wanted, logits.detach()), _slices_per_sample(head)
        maps: list[list[torch.Tensor]] = [[] for _ in methods]
        for chunk in labels.split(head.labels_at_once, dim=1):
            gradients = own_gradients(head.gradients, score_weights(chunk, logits))
            for method, parts in zip(methods, maps, strict=True):
                parts.append(method._maps(head, gradients, slices))
    return [LabelMaps(torch.cat(parts, 1), labels, at_least_float32(logits.detach())) for parts in maps]


def explain_by_methods(
    network: nn.Module,
    target_layer: str | nn.Module,
    x: torch.Tensor,
    class_idx: ClassIndex = "all",
    methods: Sequence[str] = ("hirescam", "gradcam"),
    call: int | None = None,
    feature_axis: int | None = None,
    to_grid: ToGrid = None,
) -> dict[str, LabelMaps]:
    """Compute HiResCAM and Grad-CAM for comparison, from one forward pass.

    Args:
        network: Module that returns scores (N, M).
        target_layer: Name of a layer, or the layer itself.
        x: Input of the network (N, ...).
        class_idx: Labels to explain, as in :class:`HiResCAM`.
        methods: Methods to compute: "hirescam", "gradcam".
        call: Call of the layer to explain, from 0. None: the last.
        feature_axis: Axis of the features, as in :class:`HiResCAM`.
        to_grid: Grid of tokens, as in :class:`HiResCAM`.

    Returns:
        For each method the maps (N, K, *grid) with their labels and the scores.

    Raises:
        ValueError: If there is no such method, or as :class:`HiResCAM`.

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
    explainers = [METHODS[name](network, target_layer, call, feature_axis, to_grid) for name in methods]
    return dict(zip(methods, _explained(explainers, x, class_idx, (), {}), strict=True))


METHODS: dict[str, type[_LayerMaps]] = {"hirescam": HiResCAM, "gradcam": LayerGradCAM}


def _slices_per_sample(head: GeneralHead) -> int | None:
    """Return the number of slices S per sample on the layer's batch axis, or None if it holds whole samples."""
    logits = head.recording.logits
    rows, samples = len(head.activations), len(logits)
    if rows == samples:
        return None
    requirement = f"a layer whose output has one row for each of the {samples} samples, or S rows for S slices"
    check(rows % samples == 0, "target_layer", requirement, head.activations)
    slices = rows // samples
    if samples > 1:  # The scores of the first sample must depend on the first S rows alone.
        first = torch.zeros_like(logits)
        first[0] = 1
        others = head.gradients(first[None])[0, slices:]
        requirement = "a layer whose batch axis holds the slices of one sample after the other"
        check(not bool(others.any()), "target_layer", requirement, "another", "Explain one sample at a time.")
    return slices


def _unfold(tensor: torch.Tensor, slices: int) -> torch.Tensor:
    """Reshape (N·S, ...) to (N, S, ...)."""
    return tensor.reshape(-1, slices, *tensor.shape[1:])
