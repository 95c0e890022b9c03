"""Start of a head's bias at the frequencies of the labels."""

from __future__ import annotations

from typing import Any

import torch

from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.utils import check, check_type

__all__ = ["set_prior_bias"]

#: Steps towards the wanted logits. One is enough for a pooling that moves with its map, as the maximum does.
_STEPS = 20


@torch.no_grad()
def set_prior_bias(network: HeatmapNetwork, images: torch.Tensor, frequencies: torch.Tensor) -> None:
    """Shift the bias of the head, so that the mean logit over some images is that of each label's frequency, in place.

    The maximum of thousands of cells is far above their mean. An untrained network therefore predicts every label, and
    the first part of a training only lowers the bias. This sets it there. Norms use the statistics of the images, as
    in training, and keep their running statistics.

    Args:
        network: Network whose last layer is ``head``, a convolution with a bias.
        images: Images (N, C, *spatial), a few dozen.
        frequencies: Share of present labels (M,). Shares below .001 and above .999 are set to these.

    Raises:
        TypeError: If the network is no heatmap network.
        ValueError: If there is not one frequency per label, or one is outside 0 to 1 or NaN.

    Example:
        >>> from monai_pylon.networks.nets import MaxPoolBackbone
        >>> network, images = MaxPoolBackbone(encoder="resnet18", num_classes=1), torch.randn(4, 1, 64, 64)
        >>> set_prior_bias(network, images, torch.tensor([0.1]))
        >>> round(network.train()(images).mean().item(), 3)
        -2.197
    """
    check_type(network, HeatmapNetwork, "network")
    head: Any = network.head
    count = head.out_channels
    check(frequencies.shape == (count,), "frequencies", f"of shape ({count},), one per label", frequencies)
    valid = bool(((frequencies >= 0) & (frequencies <= 1)).all())
    check(valid, "frequencies", "between 0 and 1", frequencies.tolist(), "A label without known values has none.")
    images, frequencies = (value.as_subclass(torch.Tensor) for value in (images, frequencies))
    target = frequencies.to(images.device).clamp(1e-3, 1 - 1e-3).logit()
    training, kept = network.training, {name: value.clone() for name, value in network.named_buffers()}
    maps = network.train().explain(images).attention
    shift = torch.zeros_like(target)
    pool: Any = network.pool
    for _ in range(_STEPS):
        pooled = pool(maps + shift.view(-1, *[1] * network.spatial_dims)).flatten(1)
        shift += target - pooled.mean(0)
    head.bias.add_(shift)
    for name, value in network.named_buffers():
        value.copy_(kept[name])
    network.train(training)
