"""Any classifier with ``explain``: the HiResCAM of one of its layers, with gradients, for losses on the attention."""

from __future__ import annotations

import math
from typing import Any

import torch
from monai.utils import convert_to_tensor
from torch import nn

from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.visualize.class_activation import hires_cam
from monai_pylon.visualize.label_choice import labels_per_sample, score_weights
from monai_pylon.visualize.map_layout import Layout, ToGrid
from monai_pylon.visualize.recording import scores_of
from monai_pylon.visualize.score_gradients import own_gradients, score_gradients
from monai_pylon.visualize.visualizers import HiResCAM

__all__ = ["HiResCAMNetwork"]

_REDUCTIONS = ("mean", "sum")


class HiResCAMNetwork(nn.Module):
    """A network that explains itself by HiResCAM at one of its layers, for the mask loss and for metrics.

    ``net(x)`` returns the logits (N, M) of the given network. ``net.explain(x)`` returns them together with the
    attention (N, M, *grid), the signed HiResCAM of every label, from the same pass. The attention is differentiable:
    its gradient reaches all parameters that the map depends on. ``Explained(net)`` is the module for
    :class:`~monai_pylon.losses.MaskLoss` and MONAI's trainers. Where gradients are disabled (``no_grad``, evaluators),
    ``explain`` calls :class:`HiResCAM`, which runs the network in evaluation mode.

    The guarantee is that of HiResCAM: if the network is affine after the layer, the attention adds up to the score
    minus a constant. :func:`audit_explanation` checks this. Without it, a loss on the attention does not limit where
    the score comes from.

    Args:
        network: Module that returns scores (N, M). The new network contains it; ``net.network.state_dict()`` is a
            checkpoint of it.
        target_layer: Name of a layer, or the layer itself, as for :class:`HiResCAM`. The layer returns one tensor with
            a row for each sample. Of several calls the last counts.
        reduction: "mean" for networks that average over the grid, such as DenseNet-121 and ResNet: HiResCAM is
            multiplied by the number of grid cells, so that the **mean** of the attention adds up to the score. Each
            cell then has the size of a score, as the mask loss expects. "sum" for networks that sum over the grid, such
            as one linear layer over all places: HiResCAM itself, whose **sum** adds up to the score.
        feature_axis: Axis of the features in the layer's output, as for :class:`HiResCAM`.
        to_grid: Grid of tokens, as for :class:`HiResCAM`.

    Raises:
        TypeError: If an argument has the wrong type, or the layer does not return a tensor.
        ValueError: If there is no such layer or reduction, the scores do not depend on the layer, or its output does
            not have one row for each sample.

    Example:
        >>> from monai.networks.nets import DenseNet121
        >>> from monai_pylon.losses import MaskLoss
        >>> densenet = DenseNet121(spatial_dims=2, in_channels=1, out_channels=3)
        >>> net = HiResCAMNetwork(densenet, "class_layers.relu")
        >>> logits, attention = net.explain(torch.rand(2, 1, 64, 96))
        >>> attention.shape, torch.allclose(attention.mean((2, 3)) + densenet.class_layers.out.bias, logits, atol=1e-5)
        (torch.Size([2, 3, 2, 3]), True)
        >>> MaskLoss()((logits, attention), torch.zeros(2, 3), torch.zeros(2, 3, 2, 3)).backward()
    """

    def __init__(
        self,
        network: nn.Module,
        target_layer: str | nn.Module,
        reduction: str = "mean",
        feature_axis: int | None = None,
        to_grid: ToGrid = None,
    ) -> None:
        super().__init__()
        check_choice(reduction, _REDUCTIONS, "reduction")
        self.cam = HiResCAM(network, target_layer, None, feature_axis, to_grid)
        self.network, self.reduction = self.cam.network, reduction
        self.training = self.network.training

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, M) of an image (N, C, *spatial)."""
        return scores_of(self.network(x))

    def explain(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the logits (N, M) and the attention (N, M, *grid), at least float32, of an image (N, C, *spatial)."""
        check_type(x, torch.Tensor, "x")
        x = convert_to_tensor(x, track_meta=False)
        if torch.is_grad_enabled():
            logits, maps = self._differentiable_maps(x)
        else:
            found = self.cam.explain(x, "all")
            logits, maps = found.logits, found.maps
        return logits, maps * math.prod(maps.shape[2:]) if self.reduction == "mean" else maps

    def _differentiable_maps(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the logits and HiResCAM (N, M, *grid), both with a graph that leads back to the parameters."""
        layout = self._layout(x)
        outputs: list[torch.Tensor] = []

        def keep(module: nn.Module, args: Any, output: Any) -> torch.Tensor:
            check_type(output, torch.Tensor, "the output of target_layer", "Choose a layer that returns one tensor.")
            outputs[:] = [output if output.requires_grad else output.detach().requires_grad_()]
            return outputs[0].clone()  # in-place operations of the head may change the clone

        handle = self.cam.layer.register_forward_hook(keep)
        try:
            logits = scores_of(self.network(x))
        finally:
            handle.remove()
        activations = outputs[0]
        remedy = "Networks that fold slices into the batch, such as AxialNet, have an explain of their own."
        rows = f"a layer whose output has one row for each of the {len(x)} samples"
        check(len(activations) == len(x), "target_layer", rows, activations, remedy)
        labels = labels_per_sample("all", logits)

        def gradients_of(weights: torch.Tensor) -> torch.Tensor:
            return score_gradients(logits, activations, weights, create_graph=True)

        gradients = own_gradients(gradients_of, score_weights(labels, logits))
        return logits, hires_cam(layout(activations), layout.of_each(gradients).transpose(0, 1))

    def _layout(self, x: torch.Tensor) -> Layout:
        """Find the arrangement of the layer's output, once for each size of the image."""
        one = x[:1].detach()
        key = (one.shape, one.stride())
        if key not in self.cam.layouts:
            self.cam(one, 0)
        return self.cam.layouts[key]
