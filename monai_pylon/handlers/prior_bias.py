"""Start of a training with the head's bias at the frequencies of the labels."""

from __future__ import annotations

import logging
from typing import Any

import torch
from monai.utils import optional_import

from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.networks.prior_bias import set_prior_bias
from monai_pylon.utils import check, check_type

__all__ = ["PriorBias"]

_LOGGER = logging.getLogger(__name__)


class PriorBias:
    """Ignite handler of a trainer that sets the head's bias to the frequencies of the labels before the first epoch.

    See :func:`~monai_pylon.networks.prior_bias.set_prior_bias`. Put it after the handlers that load weights or resume
    a training, because a resumed training keeps its bias. Frequencies and logits are those of the first training
    images, as the loader gives them. Unknown labels (NaN) do not count; a label without known ones starts at one half.

    Args:
        network: The bare network for images (N, C, *spatial).
        enabled: Whether the handler does anything.
        images: Number of images, rounded up to whole batches.

    Raises:
        TypeError: If the network computes no heatmap.
        ValueError: If the number of images is not positive.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> PriorBias(PYLON(encoder="resnet18"), images=64).images
        64
    """

    def __init__(self, network: HeatmapNetwork, enabled: bool = True, images: int = 256) -> None:
        check(images > 0, "images", "positive", images)
        if enabled:
            check_type(network, HeatmapNetwork, "network", "Other networks have no such head: set prior_bias to False.")
        self.network, self.enabled, self.images = network, enabled, images

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        if self.enabled:
            engine.add_event_handler(events.STARTED, self)

    def __call__(self, engine: Any) -> None:
        """Set the bias of a new training; called when the training starts."""
        if engine.state.epoch > 0:
            return
        head: Any = self.network.head
        images, labels = [], []
        for batch in engine.state.dataloader:
            images.append(batch["image"])
            labels.append(batch["label"])
            if sum(map(len, images)) >= self.images:
                break
        known = torch.cat(labels).float()
        frequencies = known.nanmean(0).nan_to_num(nan=0.5)
        # A batch at a time would need less memory, but norms then use other statistics than in training.
        some = torch.cat(images)[: max(len(images[0]), 64)]
        set_prior_bias(self.network, some.to(head.weight.device), frequencies.to(head.weight.device))
        if torch.distributed.is_available() and torch.distributed.is_initialized():  # each process saw other images
            torch.distributed.broadcast(head.bias.data, src=0)
        shown = ", ".join(f"{value:.3f}" for value in frequencies.tolist())
        _LOGGER.info("The head starts at the label frequencies of %d images: %s.", len(known), shown)
