"""Scores and class activation maps of chest CTs, for every network of the paper's Table 1."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from monai.inferers import Inferer
from torch import nn

from monai_pylon.metrics import resample_attention
from monai_pylon.metrics.organ_overlap import relative_attention
from monai_pylon.networks import optimize_for_inference
from monai_pylon.networks.nets import AxialNet, BodyCAM
from monai_pylon.networks.optimize import check_backend
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.visualize import HiResCAM
from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.visualize.visualizers import explain_by_methods

__all__ = ["ExplainScan", "ScanMaps", "ScanMapsInferer", "maps_and_regions", "maps_on_axes"]

_SLICES_FIRST = ("encoder", "reduction")


class ScanMaps(NamedTuple):
    """Logits of M labels with their HiResCAM and Grad-CAM.

    Attributes:
        logits: Logits (N, M).
        hirescam: Signed maps (N, M, x, y, groups); None for a network without maps.
        gradcam: The same of Grad-CAM.
        slice_scores: Scores (N, M, S) of the groups of slices; None for a network without.

    Example:
        >>> ScanMaps(torch.zeros(1, 80), None, None).hirescam is None
        True
    """

    logits: torch.Tensor
    hirescam: torch.Tensor | None
    gradcam: torch.Tensor | None
    slice_scores: torch.Tensor | None = None


def maps_on_axes(maps: torch.Tensor, layer: str) -> torch.Tensor:
    """Permute maps to the volume's axes (x, y, groups). Layers that process slices have (groups, rows, columns).

    Args:
        maps: Maps (N, M, *grid) of HiResCAM or Grad-CAM at a layer.
        layer: Name of the layer. Those of encoder and reduction process slices, all others the volume.

    Returns:
        Maps (N, M, x, y, groups).

    Example:
        >>> maps_on_axes(torch.zeros(1, 80, 135, 6, 7), "reduction").shape
        torch.Size([1, 80, 7, 6, 135])
    """
    check(maps.ndim == 5, "maps", "of shape (N, M, *grid) with three axes of the grid", maps)
    return maps.permute(0, 1, 4, 3, 2) if layer.startswith(_SLICES_FIRST) else maps


class ScanMapsInferer(Inferer):
    """Inferer for MONAI's evaluators that computes HiResCAM and Grad-CAM of every label in one forward pass.

    Args:
        layer: Name of the layer; None for scores only.

    Called with volumes (N, 1, X, Y, Z) and a network it returns :class:`ScanMaps`.

    Example:
        >>> net = BodyCAM(num_classes=4, reduction_padding=1).eval()
        >>> ScanMapsInferer("reduction")(torch.zeros(1, 1, 64, 96, 9), net).gradcam.shape
        torch.Size([1, 4, 2, 3, 3])
    """

    def __init__(self, layer: str | None) -> None:
        super().__init__()
        check_type(layer, (str, type(None)), "layer")
        self.layer = layer

    def __call__(self, inputs: torch.Tensor, network: nn.Module, *args: Any, **kwargs: Any) -> ScanMaps:  # type: ignore[override]
        """Compute scores (N, M) and maps (N, M, x, y, groups) of volumes (N, 1, X, Y, Z)."""
        if self.layer is None:
            return ScanMaps(network(inputs), None, None)
        with _head_outputs(network) as scores:
            found = explain_by_methods(network, self.layer, inputs)
        hirescam, gradcam = (maps_on_axes(found[name].maps, self.layer) for name in ("hirescam", "gradcam"))
        by_slice = scores[-1].unflatten(0, (len(inputs), -1)).transpose(1, 2) if scores else None
        return ScanMaps(found["hirescam"].logits, hirescam, gradcam, by_slice)


@contextlib.contextmanager
def _head_outputs(network: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Record what AxialNet's head computes for each slice group; nothing of other networks."""
    kept: list[torch.Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        kept.append(output.detach())

    handles = [network.head.register_forward_hook(keep)] if isinstance(network, AxialNet) else []
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


def maps_and_regions(method: str) -> Callable[[Mapping[str, Any]], tuple[list[torch.Tensor], list[Any]]]:
    """Make the ``output_transform`` of OrganIoU: relative maps on the regions' grid, labels and regions.

    As the authors do, maps of another grid are divided by their maximum before they are interpolated. The metric must
    be ``OrganIoUMetric(relative=True)``.

    Args:
        method: "hirescam" or "gradcam" of :class:`ScanMaps`, or "attention" of an `Explanation`.

    Returns:
        Function from an output with "pred", one of these, and "label", the pair of
        :func:`~monai_pylon.workflows.bundle.prepare_training`, to lists of maps (M, *grid) and of pairs (labels (M,),
        regions (M, *grid)).

    Example:
        >>> pred = ScanMaps(torch.zeros(1, 2), torch.ones(1, 2, 4, 4, 2), None)
        >>> output = {"pred": pred, "label": (torch.ones(1, 2), torch.ones(1, 2, 6, 6, 2))}
        >>> maps, targets = maps_and_regions("hirescam")(output)
        >>> maps[0].shape, len(targets[0])
        (torch.Size([2, 6, 6, 2]), 2)
    """
    check_choice(method, ("hirescam", "gradcam", "attention"), "method")

    def transform(output: Mapping[str, Any]) -> tuple[list[torch.Tensor], list[Any]]:
        labels, allowed = output["label"]
        maps = []
        for map, region in zip(getattr(output["pred"], method), allowed, strict=True):
            grid = tuple(region.shape[1:])
            maps.append(relative_attention(map) if map.shape[1:] == grid else resample_attention(map, grid))
        return maps, list(zip(labels, allowed, strict=True))

    return transform


class ExplainScan:
    """Function that explains a single scan by HiResCAM, for `CohortRunner`.

    HiResCAM of a logit has a closed form for AxialNet with its mean and for BodyCAM; otherwise it is computed at
    a layer. For AxialNet it is the attention divided by the number of slice groups.

    Args:
        network: Network for volumes (N, 1, X, Y, Z) with logits (N, M).
        layer: Layer for HiResCAM without a closed form; None for no maps.
        labels: Names of the M labels.
        top: Number of maps, of the most probable labels; more than there are means all.
        findings: Names of the labels to map instead.
        amp: Whether to compute in mixed precision, on CUDA.
        optimize: Whether to use `optimize_for_inference` with the closed form: twice as fast on CPUs in a fraction of
            the memory, with numbers that differ by rounding only.
        backend: "torch", or "openvino" to let OpenVINO run the encoder, on CPUs, with ``optimize``.

    Raises:
        ValueError: If a finding is no label. The message names the nearest one. Also if there is no such backend, or if
            OpenVINO is asked for without ``optimize`` or a closed form.

    Example:
        >>> explain = ExplainScan(BodyCAM(num_classes=2, reduction_padding=1), None, ["mass", "nodule"], top=1)
        >>> item = explain({"image": torch.zeros(1, 64, 96, 9)})
        >>> item["logits"].shape, item["maps"].shape, len(item["mapped"])
        (torch.Size([2]), torch.Size([1, 2, 3, 3]), 1)
    """

    def __init__(
        self,
        network: nn.Module,
        layer: str | None,
        labels: Sequence[str],
        top: int = 3,
        findings: Sequence[str] | None = None,
        amp: bool = False,
        optimize: bool = False,
        backend: str = "torch",
    ) -> None:
        check_type(top, int, "top")
        check(top >= 0, "top", "0 or more", top)
        findings = [findings] if isinstance(findings, str) else findings
        for name in findings or ():
            check_choice(name, labels, "findings")
        self.network, self.layer, self.labels, self.top, self.amp = network, layer, tuple(labels), top, amp
        self.findings = None if findings is None else [self.labels.index(name) for name in findings]
        self.closed_form = isinstance(network, BodyCAM) or (
            isinstance(network, AxialNet) and network.slice_pooling == "mean"
        )
        self.optimize, self.backend = optimize and self.closed_form, backend
        check_backend(network, backend)
        remedy = "Use a CPU with optimize, and AxialNet with its mean or BodyCAM."
        check(self.optimize or backend == "torch", "backend", '"torch" without the optimized copy', backend, remedy)
        self._fast: nn.Module | None = None
        self._geometry_of = GeometryCache(network, None if self.closed_form else layer)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "logits" (M,), "mapped" (K labels), "maps" (K, x, y, groups) and "slice_scores" (M, S) to an item.

        "geometry" says where the cells of the maps look in the image; it is None without maps and slice scores.
        """
        if self.optimize and self._fast is None:  # not in the constructor: weights may be loaded later
            self._fast = optimize_for_inference(self.network, backend=self.backend)
        self.network.eval()
        precision = torch.autocast("cuda") if self.amp else contextlib.nullcontext()
        x = torch.as_tensor(data["image"])[None]
        with torch.inference_mode(), precision:
            logits, maps, scores = self._explain(x)
        count = logits.shape[1]
        check(count == len(self.labels), "labels", f"{count} names, one for each logit", len(self.labels))
        order = logits[0].argsort(descending=True, stable=True).tolist()
        mapped = order[: self.top] if self.findings is None else self.findings
        maps = None if maps is None else maps[0, mapped].float()
        scores = None if scores is None else scores[0].float()
        found = {"logits": logits[0].float(), "mapped": mapped, "maps": maps, "slice_scores": scores}
        geometry = None if maps is None and scores is None else self._geometry_of(x.shape[2:])
        return {**data, **found, "geometry": geometry}

    def _explain(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        net: Any = self.network if self._fast is None else self._fast
        if self.closed_form:
            logits, attention, scores = net.explain(x)
            return logits, attention if scores is None else attention / attention.shape[-1], scores
        if isinstance(net, AxialNet):
            logits, _, scores = net.explain(x)
            return logits, self._maps(x), scores
        return (net(x), None, None) if self.layer is None else self._at_layer(x)

    def _maps(self, x: torch.Tensor) -> torch.Tensor | None:
        return None if self.layer is None else self._at_layer(x)[1]

    def _at_layer(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        layer: Any = self.layer
        found = HiResCAM(self.network, layer).explain(x, "all")
        return found.logits, maps_on_axes(found.maps, layer), None
