"""Class activation maps as a MONAI inferer, for evaluators and bundles."""

from __future__ import annotations

from typing import Any

import torch
from monai.inferers import Inferer
from torch import nn

from monai_pylon.utils import check_choice, check_type
from monai_pylon.visualize.label_choice import ClassIndex, checked_labels
from monai_pylon.visualize.map_layout import ToGrid, check_arrangement
from monai_pylon.visualize.visualizers import METHODS

__all__ = ["ActivationMapInferer"]


class ActivationMapInferer(Inferer):
    """MONAI inferer that returns class activation maps, for evaluators and bundles.

    Called with inputs (N, ...) and a network it returns maps (N, K, *grid).

    Args:
        target_layer: Name of the layer.
        method: "hirescam" or "gradcam".
        class_idx: Labels to explain, as in :class:`HiResCAM`.
        call: Call of the layer to explain, from 0. None: the last.
        feature_axis: Axis of the features, as in :class:`HiResCAM`.
        to_grid: Grid of tokens, as in :class:`HiResCAM`.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> inferer = ActivationMapInferer("class_layers.relu", class_idx=1)
        >>> network = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> inferer(torch.rand(2, 1, 64, 64), network).shape
        torch.Size([2, 1, 2, 2])
    """

    def __init__(
        self,
        target_layer: str,
        method: str = "hirescam",
        class_idx: ClassIndex = "all",
        call: int | None = None,
        feature_axis: int | None = None,
        to_grid: ToGrid = None,
    ) -> None:
        super().__init__()
        remedy = "Pass the name of the layer: the network is given later, in the call."
        check_type(target_layer, str, "target_layer", remedy)
        check_choice(method, METHODS, "method")
        checked_labels(class_idx)
        check_arrangement(feature_axis, to_grid)
        self.target_layer, self.method, self.class_idx, self.call = target_layer, method, class_idx, call
        self.feature_axis, self.to_grid = feature_axis, to_grid

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> torch.Tensor:  # type: ignore[override]
        """Compute maps (N, K, *grid) of inputs (N, ...). Further arguments are passed to the network."""
        visualizer = METHODS[self.method](network, self.target_layer, self.call, self.feature_axis, self.to_grid)
        return visualizer(inputs, self.class_idx, *args, **kwargs)
