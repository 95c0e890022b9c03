"""HiResCAM and Grad-CAM of any classifier, for one, several or all labels from one forward pass.

The maps are signed, at least float32, and on the layer's own grid. Enlarging, clipping and coloring belong to the
display.
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

    def __init__(self, network: nn.Module, target_layer: str | nn.Module, call: int | None = None) -> None:
        self.network = bare_network(network)
        self.layer = find_layer(self.network, target_layer)
        if call is not None:
            check_type(call, int, "call")
            check(call >= 0, "call", "0 or more, or None for the last call", call)
        self.call = call

    def __call__(self, x: torch.Tensor, class_idx: ClassIndex = None, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Compute the maps (N, K, *grid) of x (N, ...). Further arguments are passed to the network."""
        return self.explain(x, class_idx, *args, **kwargs).maps

    def explain(self, x: torch.Tensor, class_idx: ClassIndex = "all", *args: Any, **kwargs: Any) -> LabelMaps:
        """Compute the maps of x (N, ...), with the labels (N, K) and the scores (N, M) of the same forward pass."""
        return _explained([self], x, class_idx, args, kwargs)[0]

    def _maps(self, head: GeneralHead, gradients: torch.Tensor, slices: int | None) -> torch.Tensor:
        """Compute the maps (N, K, *grid) from the gradients (K, R, ...) at the head's edge."""
        raise NotImplementedError


class HiResCAM(_LayerMaps):
    """HiResCAM of a network at one of its layers (equation 5): gradient times activation, summed over the features.

    If the network is affine after that layer, the sum of the map plus the bias is the score.
    :func:`audit_explanation` checks this. HiResCAM works in 1D, 2D and 3D, on networks in training or evaluation mode,
    frozen or in half precision, within ``no_grad``, ``inference_mode`` and autocast. The pass runs in evaluation mode.
    The state of the network is restored afterwards.

    Called with x (N, ...) and ``class_idx`` it returns maps (N, K, *grid):

    - None: of each sample's highest score; K = 1.
    - a number: of that label; K = 1.
    - a sequence (K,): of those labels, for every sample.
    - a sequence of sequences (N, K): of each sample's own labels.
    - "all": of every label; K = M. It takes one forward pass and one batched gradient of the part after the layer.

    A network may fold S slices into its batch. The layer then returns N·S rows, of which the first S belong to the
    first sample, and the grid is (S, *grid), on the axes of the layer. For AxialNet's "reduction" these are
    (groups, rows, columns). ``maps.permute(0, 1, 4, 3, 2)`` has the axes (x, y, groups) of the volume and of
    ``explain``.

    Args:
        network: Module that returns scores (N, M), as a tensor or as the first part of a tuple.
        target_layer: Name of a layer, as in ``network.named_modules()``, or the layer itself. Its output is
            (N, C, *grid), or a tuple that starts with it.
        call: Call to explain if the forward pass calls the layer several times, from 0. None: the last, as for MONAI's
            ResNet, whose blocks use one activation module twice. Independent calls (a network that processes its slices
            in chunks) are an error unless a call is selected.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the network has no such layer, does not call it, or its scores do not depend on it; if the
            network's output is not (N, M); or if there is no such label.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> cam = HiResCAM(network, "class_layers.relu")
        >>> cam(torch.rand(2, 1, 64, 96), class_idx="all").shape
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
        target_layer: Name of a layer, or the layer itself. Its output is (N, C, *grid).
        call: Call of the layer to explain, from 0. None: the last.

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
    wanted, first = _checked_labels(class_idx), methods[0]
    with evaluating(first.network), torch.inference_mode(False), torch.no_grad():
        recording = record(first.network, first.layer, (x, *args), kwargs, first.call)
        labels = _labels_per_sample(wanted, recording.logits.detach())
        slices = _slices_per_sample(recording)
        head, maps = head_of(recording), [[] for _ in methods]  # type: ignore[var-annotated]
        for chunk in labels.split(head.labels_at_once, dim=1):
            gradients = score_gradients(recording.logits, head.edge, _one_hot(chunk, recording.logits))
            for method, parts in zip(methods, maps, strict=True):
                parts.append(method._maps(head, gradients, slices))
    return [LabelMaps(torch.cat(parts, 1), labels, recording.logits.detach()) for parts in maps]


def explain_by_methods(
    network: nn.Module,
    target_layer: str | nn.Module,
    x: torch.Tensor,
    class_idx: ClassIndex = "all",
    methods: Sequence[str] = ("hirescam", "gradcam"),
    call: int | None = None,
) -> dict[str, LabelMaps]:
    """Compute HiResCAM and Grad-CAM for comparison, from one forward pass.

    Args:
        network: Module that returns scores (N, M).
        target_layer: Name of a layer, or the layer itself.
        x: Input of the network (N, ...).
        class_idx: Labels to explain, as in :class:`HiResCAM`.
        methods: Methods to compute: "hirescam", "gradcam".
        call: Call of the layer to explain, from 0. None: the last.

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
    explainers = [METHODS[name](network, target_layer, call) for name in methods]
    return dict(zip(methods, _explained(explainers, x, class_idx, (), {}), strict=True))


METHODS: dict[str, type[_LayerMaps]] = {"hirescam": HiResCAM, "gradcam": LayerGradCAM}


class ActivationMapInferer(Inferer):
    """MONAI inferer that returns class activation maps, for evaluators and bundles.

    Called with inputs (N, ...) and a network it returns maps (N, K, *grid).

    Args:
        target_layer: Name of the layer.
        method: "hirescam" or "gradcam".
        class_idx: Labels to explain, as in :class:`HiResCAM`.
        call: Call of the layer to explain, from 0. None: the last.

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
        remedy = "Pass the name of the layer: the network is given later, in the call."
        check_type(target_layer, str, "target_layer", remedy)
        check_choice(method, METHODS, "method")
        _checked_labels(class_idx)
        self.target_layer, self.method, self.class_idx, self.call = target_layer, method, class_idx, call

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:  # type: ignore[override]
        """Compute maps (N, K, *grid) of inputs (N, ...). Further arguments are passed to the network."""
        return METHODS[self.method](network, self.target_layer, self.call)(inputs, self.class_idx, *args, **kwargs)


def _checked_labels(class_idx: ClassIndex) -> torch.Tensor | str | None:
    """Convert labels to an integer tensor (), (K,) or (N, K); None and "all" stay."""
    if class_idx is None or isinstance(class_idx, str):
        check(class_idx in (None, "all"), "class_idx", 'an integer, integers, "all" or None', class_idx)
        return class_idx
    remedy = 'Labels are counted from 0. Use "all" for every label and None for the highest score.'
    if not isinstance(class_idx, torch.Tensor | np.ndarray | np.integer):
        check_type(class_idx, (int, list, tuple, range), "class_idx", remedy)
    try:
        labels = torch.as_tensor(np.asarray(class_idx) if isinstance(class_idx, range | list | tuple) else class_idx)
    except (TypeError, ValueError):
        labels = torch.empty(0)
    integers = not labels.is_floating_point() and not labels.is_complex() and labels.dtype != torch.bool
    valid = integers and labels.numel() > 0 and labels.ndim <= 2
    check(valid, "class_idx", "one or more integers", class_idx, remedy)
    return labels.long()


def _labels_per_sample(wanted: torch.Tensor | str | None, logits: torch.Tensor) -> torch.Tensor:
    """Return the requested labels of each sample (N, K), each from 0 to M - 1."""
    samples, count = logits.shape
    if wanted is None:
        return logits.argmax(1, keepdim=True)
    if isinstance(wanted, str):
        return torch.arange(count, device=logits.device).expand(samples, count)
    inside = bool(((wanted >= 0) & (wanted < count)).all())
    remedy = f"The network has {count} labels, counted from 0."
    check(inside, "class_idx", f"between 0 and {count - 1}", wanted.tolist(), remedy)
    if wanted.ndim == 2:
        check(len(wanted) == samples, "class_idx", f"of {samples} rows, one per sample", wanted.tolist())
        return wanted.to(logits.device)
    return wanted.to(logits.device).reshape(1, -1).expand(samples, -1)


def _one_hot(labels: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """Encode K labels per sample (N, K) as weights of the scores (K, N, M)."""
    hot = torch.zeros((labels.shape[1], *logits.shape), dtype=logits.dtype, device=logits.device)
    return hot.scatter_(2, labels.T[:, :, None], 1)


def _slices_per_sample(recording: Recording) -> int | None:
    """Return the number of slices S per sample on the layer's batch axis, or None if it holds whole samples."""
    rows, samples = len(recording.activations), len(recording.logits)
    if rows == samples:
        return None
    requirement = f"a layer whose output has one row for each of the {samples} samples, or S rows for S slices"
    check(rows % samples == 0, "target_layer", requirement, recording.activations)
    slices = rows // samples
    if samples > 1:  # The scores of the first sample must depend on the first S rows alone.
        first = torch.zeros_like(recording.logits)
        first[0] = 1
        others = score_gradients(recording.logits, recording.activations, first[None])[0, slices:]
        requirement = "a layer whose batch axis holds the slices of one sample after the other"
        check(not bool(others.any()), "target_layer", requirement, "another", "Explain one sample at a time.")
    return slices


def _unfold(tensor: torch.Tensor, slices: int) -> torch.Tensor:
    """Reshape (N·S, ...) to (N, S, ...)."""
    return tensor.reshape(-1, slices, *tensor.shape[1:])
