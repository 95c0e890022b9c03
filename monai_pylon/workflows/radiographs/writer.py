"""Explanation of a radiograph, and its result files."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import TransformBackends
from torch import nn

from monai_pylon.data import PIXEL_SPACING
from monai_pylon.reports import RadiographFindingMap
from monai_pylon.reports.radiograph_files import save_radiograph_files
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.utils import check, check_type

__all__ = ["ExplainItem", "RadiographWriter"]


class ExplainItem:
    """Function that explains a single radiograph, for `CohortRunner`.

    Args:
        network: Network with ``explain`` for images (N, C, H, W).
        key: Item with the image (C, H, W).
        amp: Whether to compute in mixed precision, on CUDA.

    Example:
        >>> from monai_pylon.networks.nets import MaxPoolBackbone
        >>> item = ExplainItem(MaxPoolBackbone(encoder="resnet18"))({"image": torch.zeros(1, 64, 64)})
        >>> item["logits"].shape, item["attention"].shape
        (torch.Size([14]), torch.Size([14, 2, 2]))
    """

    def __init__(self, network: nn.Module, key: str = "image", amp: bool = False) -> None:
        self.network, self.key, self.amp = network, key, amp

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "logits" (M,) and "attention" (M, h, w) to a copy of an item."""
        self.network.eval()
        precision = torch.autocast("cuda") if self.amp else contextlib.nullcontext()
        with torch.inference_mode(), precision:
            explanation = self.network.explain(torch.as_tensor(data[self.key])[None])  # type: ignore[operator]
        return {**data, "logits": explanation.logits[0].float(), "attention": explanation.attention[0]}


class RadiographWriter(Transform):
    """Transform that writes a picture of a radiograph's most probable findings, and their maps as NIfTI.

    The maps have the radiograph's own grid and are signed logits. Their largest value before upsampling is the
    finding's logit. The picture shows probabilities; their peak is the point that point localization evaluates.

    Args:
        output: Folder to write to.
        labels: Names of the M findings.
        top: Number of findings, the most probable first, to draw and to write as NIfTI; more than there are means all.
            Further findings with boxes are drawn only.
        overlay: Whether to draw the picture, ``<radiograph>_overlay.png``.
        nifti: Whether to write the maps, ``<radiograph>_<finding>.nii.gz``.
        radiograph_key: Item with the radiograph as it was read, (1, H, W) between 0 and 1. If it has metadata, the maps
            have its pixel spacing in mm.

    Example:
        >>> RadiographWriter("results", labels=["Mass", "Nodule"], top=1).columns
        ('Mass', 'Nodule', 'top', 'peaks')
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        output: str | PathLike[str],
        labels: Sequence[str] = CHEST_XRAY14_LABELS,
        top: int = 3,
        overlay: bool = True,
        nifti: bool = True,
        radiograph_key: str = "radiograph",
    ) -> None:
        check_type(top, int, "top")
        check(top >= 1, "top", "1 or more", top)
        self.output, self.labels = Path(output).expanduser(), tuple(labels)
        self.top, self.overlay, self.nifti, self.radiograph_key = min(top, len(labels)), overlay, nifti, radiograph_key
        #: Columns of the row: probabilities, the most probable findings, and the pixels (x y) of their peaks.
        self.columns = (*self.labels, "top", "peaks")

    def _boxes(self, data: Mapping[str, Any]) -> np.ndarray:
        boxes = np.asarray(data.get("boxes", []), dtype=np.float64)
        boxes = boxes.reshape(0, 5) if boxes.size == 0 else boxes
        wanted = "a list of [x1, y1, x2, y2, class] in pixels of the radiograph"
        check(boxes.ndim == 2 and boxes.shape[1] == 5, "boxes", wanted, data.get("boxes"))
        known = bool(np.isin(boxes[:, 4], np.arange(len(self.labels))).all())
        check(known, "boxes", f"of classes 0 to {len(self.labels) - 1}", boxes[:, 4].tolist())
        return boxes

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results, and add "row" (values by column) and "files" (file names) to it."""
        radiograph, logits, boxes = data[self.radiograph_key], data["logits"].cpu(), self._boxes(data)
        check(len(logits) == len(self.labels), "labels", f"{len(logits)} names, one for each logit", self.labels)
        check(bool(logits.isfinite().all()), "logits", "finite", logits, "The network gave NaN: see its training.")
        chances = logits.sigmoid().tolist()
        order = logits.argsort(descending=True, stable=True).tolist()
        chosen = order[: self.top]
        drawn = chosen + [k for k in order[self.top :] if k in boxes[:, 4]]
        attention = data["attention"].cpu().float().numpy()
        findings = [
            RadiographFindingMap(self.labels[k], chances[k], attention[k], boxes[boxes[:, 4] == k, :4]) for k in drawn
        ]
        files, peaks = save_radiograph_files(
            self.output,
            data["scan"],
            np.clip(torch.as_tensor(radiograph)[0].cpu().numpy(), 0, 1),
            findings,
            num_maps=self.top if self.nifti else 0,
            overlay=self.overlay,
            spacing=radiograph.meta.get(PIXEL_SPACING) if isinstance(radiograph, MetaTensor) else None,
        )
        row = {name: round(chance, 5) for name, chance in zip(self.labels, chances, strict=True)}
        row |= {"top": "; ".join(self.labels[k] for k in chosen)}
        row |= {"peaks": "; ".join(f"{peak.column} {peak.row}" for peak in peaks[: self.top])}
        return {**data, "row": row, "files": files}
