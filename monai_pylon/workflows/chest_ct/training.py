"""Parts of a training and evaluation on chest CTs that depend on the mask loss or on the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from monai.utils import optional_import

from monai_pylon.handlers import PerClassMetricHandler
from monai_pylon.metrics import OrganIoUMetric
from monai_pylon.workflows.bundle.batches import known_samples
from monai_pylon.workflows.chest_ct.explainer import maps_and_regions

__all__ = [
    "default_mask_loss",
    "organ_iou_handler",
    "organ_iou_handlers",
    "organ_iou_metrics",
    "scan_loss",
]


def default_mask_loss(network_name: str, without_attention: Sequence[str] = ()) -> float:
    """Return the weight of the mask loss if none is given.

    Args:
        network_name: Name of the network.
        without_attention: Names of the networks that have no attention to which the loss could apply.

    Returns:
        0 for these, otherwise 1/3, the paper's weight.

    Example:
        >>> default_mask_loss("ctnet", ["ctnet"]), round(default_mask_loss("axialnet"), 3)
        (0.0, 0.333)
    """
    return 0.0 if network_name in without_attention else 1 / 3


def _pred_and_label(output: Mapping[str, Any]) -> tuple[Any, Any]:
    return output["pred"], output["label"]


def scan_loss(loss: Callable) -> Any:
    """Make ignite's metric of a loss, the mean over scans with at least one known label.

    Args:
        loss: The loss.

    Returns:
        The metric, for a trainer or evaluator whose batches come from
        :func:`~monai_pylon.workflows.bundle.prepare_training`.

    Example:
        >>> from torch import nn
        >>> type(scan_loss(nn.BCEWithLogitsLoss())).__name__
        'Loss'
    """
    metric = optional_import("ignite.metrics", name="Loss")[0]
    return metric(loss, output_transform=_pred_and_label, batch_size=known_samples, skip_unrolling=True)


def organ_iou_metrics(layer: str | None, paper_code_compat: bool = False) -> dict[str, OrganIoUMetric]:
    """Make one OrganIoU metric for HiResCAM and one for Grad-CAM.

    Args:
        layer: Layer at which the network is explained; None for a network without maps.
        paper_code_compat: See :class:`~monai_pylon.metrics.OrganIoUMetric`.

    Returns:
        The metrics by method; empty without a layer.

    Example:
        >>> list(organ_iou_metrics("reduction")), organ_iou_metrics(None)
        (['hirescam', 'gradcam'], {})
    """
    methods = () if layer is None else ("hirescam", "gradcam")
    return {name: OrganIoUMetric(paper_code_compat=paper_code_compat, relative=True) for name in methods}


def organ_iou_handler(
    method: str, labels: Sequence[str], metric: OrganIoUMetric | None = None, needed: bool = True
) -> PerClassMetricHandler | None:
    """Make the handler that evaluates OrganIoU of one kind of map.

    Args:
        method: "attention", "hirescam" or "gradcam"; see `maps_and_regions`.
        labels: Names of the M labels.
        metric: The metric; by default a new one.
        needed: Whether OrganIoU can be evaluated.

    Returns:
        The handler; None if it is not needed, which MONAI's parser leaves out of a dictionary.

    Example:
        >>> organ_iou_handler("attention", ["lung mass"]).key
        'weighted'
    """
    if not needed:
        return None
    metric = OrganIoUMetric(relative=True) if metric is None else metric
    return PerClassMetricHandler(metric, labels, "weighted", maps_and_regions(method), save_details=False)


def organ_iou_handlers(metrics: Mapping[str, OrganIoUMetric], labels: Sequence[str]) -> dict[str, Any]:
    """Make the handlers that evaluate OrganIoU of several methods.

    Args:
        metrics: Metrics by method.
        labels: Names of the M labels.

    Returns:
        The handlers, named "organ_iou_hirescam" and so on.

    Example:
        >>> list(organ_iou_handlers(organ_iou_metrics("reduction"), ["lung mass"]))
        ['organ_iou_hirescam', 'organ_iou_gradcam']
    """
    return {f"organ_iou_{method}": organ_iou_handler(method, labels, metric) for method, metric in metrics.items()}
