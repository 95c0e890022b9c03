"""BodyConv (Table 1 of the HiResCAM paper): AxialNet's encoder, then 3D convolutions over x, y and slice groups."""

from __future__ import annotations

from typing import NoReturn

import torch

from monai_pylon.networks.nets.convolved_slices import ConvolvedSliceNetwork
from monai_pylon.networks.nets.slice_network import refuse_to_explain

__all__ = ["BodyConv"]


class BodyConv(ConvolvedSliceNetwork):
    """A classifier of chest CT with 3D convolutions over the slices' features and three fully connected layers.

    Args:
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``.
        slices_per_group: Neighboring slices that are the channels of one image. Copies of the last slice fill an
            incomplete last group.
        volume_size: Size (X, Y, Z) for which the fully connected layers are made. The network accepts volumes of other
            sizes with the same number of grid cells.
        dropout: Probability of the dropout between the fully connected layers.
        chunk_size: Groups that pass the encoder at once, as in :class:`~monai_pylon.networks.nets.AxialNet`.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.

    ``net(x)`` returns the logits (N, M) of volumes (N, 1, X, Y, Z). The network has no explanation in closed form.
    HiResCAM at ``net.convolutions`` gives maps (N, M, x, y, z) without a guarantee.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the size is too small. The message names the smallest size.

    Example:
        >>> BodyConv(4, volume_size=(161, 161, 27), slices_per_group=1).eval()(torch.zeros(1, 1, 161, 161, 27)).shape
        torch.Size([1, 4])
    """

    def explain(self, x: torch.Tensor) -> NoReturn:
        """Raise an error: volumes (N, 1, X, Y, Z) have no explanation in closed form.

        Raises:
            NotImplementedError: Always. The message gives the reason and an alternative.
        """
        refuse_to_explain(self, "three fully connected layers with ReLUs compute its scores", "convolutions")
