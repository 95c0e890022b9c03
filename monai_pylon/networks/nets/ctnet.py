"""CTNet (Table 1 of the HiResCAM paper): 3D convolutions with the slice groups as channels."""

from __future__ import annotations

from typing import NoReturn

import torch

from monai_pylon.networks.nets.convolved_slices import ConvolvedSliceNetwork
from monai_pylon.networks.nets.slice_network import refuse_to_explain

__all__ = ["CTNet"]


class CTNet(ConvolvedSliceNetwork):
    """A classifier of chest CT whose 3D convolutions run over x, y and features, with slice groups as channels.

    Args:
        num_classes: Number of labels M.
        encoder: Name for :func:`~monai_pylon.networks.make_encoder`, or a module with ``channels`` and ``strides``. Its
            deepest map must have at least 27 features.
        slices_per_group: Neighboring slices that are the channels of one image. Copies of the last slice fill an
            incomplete last group.
        volume_size: Size (X, Y, Z) for which the layers are made. The network accepts volumes of other sizes with the
            same number of slice groups and grid cells.
        dropout: Probability of the dropout between the fully connected layers.
        chunk_size: Groups that pass the encoder at once, as in :class:`~monai_pylon.networks.nets.AxialNet`.
        weights: None, "imagenet" for the encoder, or a file with weights of the encoder or of the whole network.

    ``net(x)`` returns the logits (N, M) of volumes (N, 1, X, Y, Z). The network has no explanation in closed form.
    Behind the first 3D convolution no map explains it, because the convolution mixes features as if they were
    positions. The paper gives no OrganIoU for it.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of range, or the size is too small. The message names the smallest size.

    Example:
        >>> CTNet(4, volume_size=(161, 161, 6)).eval()(torch.zeros(1, 1, 161, 161, 6)).shape
        torch.Size([1, 4])
    """

    groups_are_channels = True

    def explain(self, x: torch.Tensor) -> NoReturn:
        """Raise an error: volumes (N, 1, X, Y, Z) have no explanation in closed form.

        Raises:
            NotImplementedError: Always. The message gives the reason and an alternative.
        """
        reason = "its 3D convolutions mix features as if they were positions, and three fully connected layers follow"
        refuse_to_explain(self, reason, "encoder.layer4")
