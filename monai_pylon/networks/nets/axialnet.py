"""AxialNet (HiResCAM paper, section 3.2) and the ablations of Table 1 as arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from monai.data import MetaTensor
from torch import nn

from monai_pylon.networks.blocks.multi_instance_pool import mean_probability_logit
from monai_pylon.networks.blocks.organ_pooling import OrganPooling, organ_shares, organs_at_cells
from monai_pylon.networks.blocks.slice_head import MappedLinear
from monai_pylon.networks.explanation import Explanation
from monai_pylon.networks.nets.slice_network import ReducedSliceNetwork, check_volume
from monai_pylon.networks.nets.volume_size import check_positive, check_same_cells, head_cells, size_along
from monai_pylon.networks.tracing import is_eager
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["AxialNet"]

#: Functions from the scores of a volume's slice groups (N, M, S) to the volume's logits (N, M).
_POOLINGS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda scores: scores.mean(-1),
    "max": lambda scores: scores.max(-1).values,  # a tie sends its gradient to a single slice
    "sigmoid_mean": mean_probability_logit,
}


#: Functions from organ labels to the part of each cell that counts as each organ.
_ORGAN_WEIGHTS: dict[str, Callable[..., torch.Tensor]] = {"share": organ_shares, "nearest": organs_at_cells}


class AxialNet(ReducedSliceNetwork):
    """A classifier of chest CT that scores groups of axial slices; each slice score is a sum over grid cells.

    An image encoder processes groups of neighboring slices. Convolutions reduce its deepest map to few features. One
    fully connected layer, shared by all groups, computes each group's slice scores. Their mean is the volume's logit.
    The attention of a grid cell is the product of its features and the layer's weights for the cell, summed over the
    features. The sum of a slice's attention plus the bias is the slice score. HiResCAM of the volume's logit at the
    last convolution is the attention divided by the number of groups.

    The ablations of Table 1 are arguments: ``slice_pooling="max"`` (MaxPool), ``weights=None`` instead of "imagenet"
    (RandInitResNet), ``reduction_channels=()`` (NoCustomConv). "sigmoid_mean" is the mean of probabilities in the
    authors' program, returned as a logit.

    Args:
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        slices_per_group: Neighboring slices that are the channels of one image. Copies of the last slice fill an
            incomplete last group.
        in_plane_size: Size (X, Y) for which the fully connected layer is made. The network accepts volumes of other
            sizes with the same number of grid cells.
        reduction_channels: Channels after each of the 3x3 convolutions with ReLU that follow the encoder.
        reduction_padding: Padding of these convolutions. 0, as in the paper, removes a cell from each side at every
            convolution; 1 keeps the size.
        slice_pooling: "mean", "max" or "sigmoid_mean".
        chunk_size: Groups that pass the encoder at once, or None for all. With a number, training keeps the activations
            of that many groups only and computes the others again (gradient checkpointing). Batch norms in training
            then normalize over a chunk, which holds slices from the whole volume.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.
        label_organs: Pool inside organs: whether each label may lie in right lung, mediastinum and left lung, (M, 3)
            bool, such as ``taxonomy.organs.possible_locations()``. None, as in the paper, pools everywhere. Volumes
            then have a second channel, (N, 2, X, Y, Z), with the organ labels of PARTITION. A cell's attention is
            multiplied by the share of its voxels in the label's organs: outside them it is exactly 0. An encoder of
            your own needs ``first_cell`` for this.
        organ_weights: With ``label_organs``, "share" as above, or "nearest": a cell counts fully if the voxel at which
            it looks is in the label's organs, else not at all. Then no evidence lies in border cells that OrganIoU
            calls forbidden by ``allowed_regions(mode="nearest")``.
        mask_input: With ``label_organs``, also set the voxels outside all three organs to 0 before the encoder, so that
            they cannot change any score. Pooling alone leaves them in the field of view of cells at the organs' border.

    ``net(x)`` returns the logits (N, M) of volumes (N, 1, X, Y, Z) with any number of slices. ``net.explain(x)`` also
    returns the attention (N, M, x, y, groups) and the slice scores (N, M, groups).

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the convolutions leave no grid cell. The message then names the
            smallest size.

    Example:
        >>> net = AxialNet(encoder="resnet18", num_classes=4, in_plane_size=(64, 64), reduction_padding=1).eval()
        >>> logits, attention, slice_scores = net.explain(torch.zeros(1, 1, 64, 64, 8))
        >>> attention.shape, slice_scores.shape
        (torch.Size([1, 4, 2, 2, 3]), torch.Size([1, 4, 3]))
        >>> torch.allclose(attention.sum((2, 3)) + net.head.bias[:, None], slice_scores, atol=1e-6)
        True
    """

    def __init__(
        self,
        num_classes: int = 80,
        encoder: str | nn.Module = "resnet18",
        slices_per_group: int = 3,
        in_plane_size: Sequence[int] = (420, 420),
        reduction_channels: Sequence[int] = (64, 32, 16, 16),
        reduction_padding: int = 0,
        slice_pooling: str = "mean",
        chunk_size: int | None = None,
        weights: str | Path | None = None,
        label_organs: Any = None,
        mask_input: bool = False,
        organ_weights: str = "share",
    ) -> None:
        check_positive(num_classes=num_classes)
        check_choice(slice_pooling, _POOLINGS, "slice_pooling")
        check_choice(organ_weights, _ORGAN_WEIGHTS, "organ_weights")
        super().__init__(encoder, slices_per_group, chunk_size, reduction_channels, reduction_padding)
        self.in_plane_size, self.slice_pooling = size_along("XY", in_plane_size, "in_plane_size"), slice_pooling
        x, y = head_cells(self.in_plane_size, self.plane_cells(), "in_plane_size", self.remedy)
        self.head = MappedLinear(self.reduced_channels, (y, x), num_classes)
        self.organ_pooling = None if label_organs is None else OrganPooling(label_organs, num_classes)
        told = self.organ_pooling is None or hasattr(self.encoder, "first_cell")
        remedy = "map_geometry of a network without label_organs gives it; most encoders with padding have 0."
        needed = "an encoder with first_cell, the pixel at which its first cell looks"
        check(told, "encoder", needed, type(self.encoder).__name__, remedy)
        check_type(mask_input, bool, "mask_input")
        remedy = "Give label_organs too, for example possible_locations() of the 80 labels."
        check(
            self.organ_pooling is not None or not mask_input, "mask_input", "False without label_organs", True, remedy
        )
        self.mask_input, self.organ_weights = mask_input, organ_weights
        self._fitting = {self.in_plane_size}
        self.load(weights)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the logits (N, M) of volumes (N, 1, X, Y, Z), or (N, 2, X, Y, Z) with organs."""
        z = self.reduced(self.features(x))
        if self.organ_pooling is None:
            return _POOLINGS[self.slice_pooling](self._slice_scores(z))
        return self._explain(z, self._weights(x[:, 1])).logits

    def explain(self, x: torch.Tensor) -> Explanation:
        """Compute the logits, attention and slice scores of volumes (N, 1, X, Y, Z), or (N, 2, X, Y, Z) with organs.

        Returns:
            Logits (N, M), attention (N, M, x, y, groups) and slice scores (N, M, groups).
        """
        z = self.reduced(self.features(x))
        return self._explain(z, None if self.organ_pooling is None else self._weights(x[:, 1]))

    def explain_features(self, features: torch.Tensor, organs: torch.Tensor | None = None) -> Explanation:
        """Compute the explanation from the encoder's deepest maps.

        Args:
            features: Maps of one volume (groups, C, rows, columns) or of several (N, groups, C, rows, columns).
            organs: Organ labels (N, X, Y, Z) of the volumes, for a network with ``label_organs``, else None.

        Returns:
            Logits (N, M), attention (N, M, x, y, groups) and slice scores (N, M, groups).

        Raises:
            TypeError: If the features are not a tensor.
            ValueError: If their shape does not fit the encoder, or organs are missing or not wanted.
        """
        check_type(features, torch.Tensor, "features")
        shape = (self.encoder.channels[-1], *(n + self.cells_lost for n in self.head.shape[1:]))
        fits = features.ndim in (4, 5) and tuple(features.shape[-3:]) == shape and features.numel() > 0
        check(fits, "features", f"of shape (groups, {', '.join(str(n) for n in shape)})", features)
        wanted = "organ labels (N, X, Y, Z)" if self.organ_pooling is not None else "None without label_organs"
        check((organs is None) == (self.organ_pooling is None), "organs", wanted, organs)
        z = self.reduced(features if features.ndim == 5 else features[None])
        return self._explain(z, None if organs is None else self._weights(organs))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Compute the deepest maps (N, G, C, rows, columns) of the slice groups of volumes as in :meth:`explain`."""
        check_volume(x, 1 if self.organ_pooling is None else 2)
        if is_eager() and tuple(x.shape[2:4]) not in self._fitting:
            check_same_cells(x, self.in_plane_size, self.plane_cells(), "in_plane_size")
            self._fitting.add(tuple(x.shape[2:4]))
        if self.organ_pooling is not None:
            OrganPooling.check_labels(x[:, 1])
            x = x[:, :1] * (x[:, 1:] > 0) if self.mask_input else x[:, :1]
        return super().features(x)

    def _weights(self, organs: torch.Tensor) -> torch.Tensor:
        """Compute the weights (N, G, M, rows, columns) of cells from organ labels (N, X, Y, Z)."""
        stride, lost = self.encoder.strides[-1], self.cells_lost // 2
        first = self.encoder.first_cell + lost * stride
        organs = organs.as_tensor() if isinstance(organs, MetaTensor) else organs
        compute = _ORGAN_WEIGHTS[self.organ_weights]
        shares = compute(organs, self.slices_per_group, stride, first, self.head.shape[1:])
        return self.organ_pooling(shares)  # type: ignore[misc]

    def _slice_scores(self, z: torch.Tensor) -> torch.Tensor:
        """Compute the slice scores (N, M, G) of reduced features (N, G, F, rows, columns)."""
        return self.head(z.flatten(0, 1)).unflatten(0, z.shape[:2]).transpose(1, 2)

    def _explain(self, z: torch.Tensor, weights: torch.Tensor | None = None) -> Explanation:
        """Compute the explanation of reduced features (N, G, F, rows, columns), with weights of the cells or not."""
        maps = self.head.maps(z.flatten(0, 1)).unflatten(0, z.shape[:2])  # (N, G, M, rows, columns)
        if weights is None:
            scores = self._slice_scores(z)
        else:
            maps = maps * weights.to(maps.dtype)
            scores = (maps.sum((3, 4)) + self.head.bias.to(maps.dtype)).transpose(1, 2)
        attention = maps.permute(0, 2, 4, 3, 1).contiguous()
        return Explanation(_POOLINGS[self.slice_pooling](scores), attention, scores)
