"""Training with a soft maximum that becomes the maximum."""

from __future__ import annotations

import math
from typing import Any

from monai.utils import optional_import

from monai_pylon.networks.blocks.soft_maximum import SoftMaximumPool
from monai_pylon.networks.nets.heatmap import HeatmapNetwork
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["SoftMaximumSchedule", "soft_maximum_sharpness"]

_POOLS = ("maximum", "soft")


def soft_maximum_sharpness(progress: float, last: float = 16.0, share: float = 0.8) -> float:
    """Return the sharpness of the soft maximum at a point of the training.

    It grows geometrically from 1 to `last` over the first `share` of the steps. Then it is infinite: the maximum.

    Args:
        progress: Share of the steps done, from 0 to 1.
        last: Last finite sharpness.
        share: Share of the steps with the soft maximum.

    Returns:
        Sharpness r of :func:`~monai_pylon.networks.blocks.soft_maximum.soft_maximum`.

    Example:
        >>> [soft_maximum_sharpness(progress) for progress in (0.0, 0.4, 0.8)]
        [1.0, 4.0, inf]
    """
    return last ** (progress / share) if progress < share else math.inf


class SoftMaximumSchedule:
    """Ignite handler of a trainer that replaces the maximum of a network by a soft maximum in training.

    The maximum passes the gradient to one cell of a map. The soft maximum reaches all cells and becomes sharper during
    the training; see :func:`soft_maximum_sharpness`. In evaluation mode the network uses the maximum throughout, and
    checkpoints are the same. The sharpness depends only on the number of the step, so a resumed training continues
    with the same one.

    Args:
        network: The bare network. Its pooling must be the maximum.
        pool: "soft", or "maximum", with which the handler does nothing.
        last: Last finite sharpness, above 1.
        share: Share of the steps with the soft maximum, above 0 and at most 1.

    Raises:
        TypeError: If the network computes no heatmap (N, M, *grid).
        ValueError: If an argument is out of range, or the network has another pooling.

    Example:
        >>> from monai_pylon.networks.nets import PYLON
        >>> network = PYLON(encoder="resnet18")
        >>> SoftMaximumSchedule(network, "soft").set_progress(0.4)
        >>> network.pool.sharpness
        4.0
    """

    def __init__(self, network: HeatmapNetwork, pool: str = "soft", last: float = 16.0, share: float = 0.8) -> None:
        check_choice(pool, _POOLS, "training_pool")
        check(last > 1, "last", "above 1", last)
        check(0 < share <= 1, "share", "above 0 and at most 1", share)
        self.network, self.pool, self.last, self.share = network, pool, last, share
        if pool == "maximum":
            return
        check_type(network, HeatmapNetwork, "network")
        kind = type(network.pool).__name__
        largest = isinstance(network.pool, SoftMaximumPool) or "AdaptiveMax" in kind
        check(largest, "training_pool", f"'maximum' for a network with the pooling {kind}", pool)
        if not isinstance(network.pool, SoftMaximumPool):
            network.pool = SoftMaximumPool(network.spatial_dims).to(next(network.parameters()).device)

    def attach(self, engine: Any) -> None:
        """Attach to the trainer."""
        events = optional_import("ignite.engine", name="Events")[0]
        if self.pool == "soft":
            engine.add_event_handler(events.ITERATION_STARTED, self)

    def set_progress(self, progress: float) -> None:
        """Set the sharpness for a share of the steps done, from 0 to 1."""
        self.network.pool.sharpness = soft_maximum_sharpness(progress, self.last, self.share)

    def __call__(self, engine: Any) -> None:
        """Set the sharpness of a step; called before each."""
        state = engine.state
        self.set_progress((state.iteration - 1) / (state.max_epochs * state.epoch_length))
