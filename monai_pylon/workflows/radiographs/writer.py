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
from monai.utils import MetaKeys, TransformBackends, convert_to_numpy
from torch import nn

from monai_pylon.data.radiographs.reader import FILE_AFFINE, ORIENTATION, SIDES
from monai_pylon.networks import optimize_for_inference
from monai_pylon.networks.optimize import check_backend
from monai_pylon.reports.radiograph_figure import RadiographFindingMap
from monai_pylon.reports.radiograph_files import save_radiograph_files
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from monai_pylon.transforms.boxes import map_boxes
from monai_pylon.utils import check, check_choice, check_type
from monai_pylon.utils.arrays import as_array
from monai_pylon.visualize.cell_positions import GeometryCache
from monai_pylon.workflows.cohort.burned_in import may_draw
from monai_pylon.workflows.cohort.notice import case_title

__all__ = ["ExplainItem", "RadiographWriter"]

#: Indices of rows, columns and the shift in a (4, 4) affine of pixels.
_PIXEL_AXES = [0, 1, 3]


class ExplainItem:
    """Function that explains a single radiograph, for `CohortRunner`.

    Args:
        network: Network with ``explain`` for images (N, C, H, W).
        key: Item with the image (C, H, W).
        amp: Whether to compute in mixed precision, on CUDA.
        backend: "torch", or "openvino" to run `optimize_for_inference` by OpenVINO, on CPUs; numbers differ by rounding
            only.

    Raises:
        ValueError: If there is no such backend, or it cannot run the network.

    Example:
        >>> from monai_pylon.networks.nets import MaxPoolBackbone
        >>> item = ExplainItem(MaxPoolBackbone(encoder="resnet18"))({"image": torch.zeros(1, 64, 64)})
        >>> item["logits"].shape, item["attention"].shape
        (torch.Size([14]), torch.Size([14, 2, 2]))
    """

    def __init__(self, network: nn.Module, key: str = "image", amp: bool = False, backend: str = "torch") -> None:
        check_backend(network, backend)
        self.network, self.key, self.amp, self.backend = network, key, amp, backend
        self._fast: nn.Module | None = None
        self._geometry_of = GeometryCache(network)

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Add "logits" (M,), "attention" (M, h, w) and "geometry" (where its cells look) to a copy of an item."""
        self.network.eval()
        if self.backend != "torch" and self._fast is None:  # not in the constructor: weights may be loaded later
            self._fast = optimize_for_inference(self.network, backend=self.backend)
        net: Any = self.network if self._fast is None else self._fast
        precision = torch.autocast("cuda") if self.amp else contextlib.nullcontext()
        with torch.inference_mode(), precision:
            explanation = net.explain(torch.as_tensor(data[self.key])[None])
        size = tuple(data[self.key].shape[1:])
        found = {"logits": explanation.logits[0].float(), "attention": explanation.attention[0]}
        return {**data, **found, "geometry": self._geometry_of(size), "input_size": size}


class RadiographWriter(Transform):
    """Transform that writes a picture of a radiograph's most probable findings, and their maps as NIfTI.

    The maps are signed logits, a pixel for each cell of the network's map, placed where the cell looks in the geometry
    of the radiograph's file, even if the reader turned the image. Their largest value is the finding's logit. The
    picture shows probabilities in the standard display, with the patient's sides if the file names them; their peak is
    the point that point localization evaluates. Peaks and boxes are in pixels of the file.

    Args:
        output: Folder to write to.
        labels: Names of the M findings.
        top: Number of findings, the most probable first, to draw and to write as NIfTI; more than there are means all.
            Further findings with boxes are drawn only.
        overlay: Whether to draw the picture, ``<radiograph>_overlay.png``.
        nifti: Whether to write the maps, ``<radiograph>_<finding>.nii.gz``.
        map_grid: Grid of these maps: "native", or "radiograph", interpolated on the pixels of the radiograph's file.
        burned_in_text: Whether to draw it also if the pixels hold text that may name the patient (BurnedInAnnotation).
        radiograph_key: Item with the radiograph as it was read, (1, H, W) between 0 and 1. Its metadata name the
            geometry, the turn and the sides.

    Example:
        >>> RadiographWriter("results", labels=["Mass", "Nodule"], top=1).columns
        ('Mass', 'Nodule', 'top', 'peaks', 'sides')
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
        burned_in_text: bool = False,
        map_grid: str = "native",
    ) -> None:
        check_type(top, int, "top")
        check_choice(map_grid, ("native", "radiograph"), "map_grid")
        check(top >= 1, "top", "1 or more", top)
        self.output, self.labels = Path(output).expanduser(), tuple(labels)
        self.top, self.overlay, self.nifti, self.radiograph_key = min(top, len(labels)), overlay, nifti, radiograph_key
        self.burned_in_text, self.map_grid = burned_in_text, map_grid
        #: Columns of the row: probabilities, the most probable findings, the pixels (x y) of their peaks, and the
        #: patient's sides at the left and right edge of the picture.
        self.columns = (*self.labels, "top", "peaks", "sides")

    def _boxes(self, data: Mapping[str, Any]) -> np.ndarray:
        boxes = as_array(data.get("boxes", [])).astype(np.float64)
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
        meta = radiograph.meta if isinstance(radiograph, MetaTensor) else {}
        from_file = convert_to_numpy(meta.get(MetaKeys.ORIGINAL_AFFINE, np.eye(4)))[np.ix_(_PIXEL_AXES, _PIXEL_AXES)]
        image = np.clip(torch.as_tensor(radiograph)[0].cpu().numpy(), 0, 1)
        if not np.array_equal(from_file, np.eye(3)):
            boxes = map_boxes(boxes, from_file, image.shape, min_visibility=0)
        chances = logits.sigmoid().tolist()
        order = logits.argsort(descending=True, stable=True).tolist()
        chosen = order[: self.top]
        drawn = chosen + [k for k in order[self.top :] if k in boxes[:, 4]]
        attention = data["attention"].cpu().float().numpy()
        findings = [
            RadiographFindingMap(
                self.labels[k], chances[k], attention[k], boxes[boxes[:, 4] == k, :4], rank=order.index(k) + 1
            )
            for k in drawn
        ]
        geometry = data.get("geometry")
        files, peaks = save_radiograph_files(
            self.output,
            data["scan"],
            image,
            findings,
            num_maps=self.top if self.nifti else 0,
            overlay=self.overlay and may_draw(radiograph, self.burned_in_text, data["scan"]),
            title=case_title(data),
            map_grid=self.map_grid,
            affine=meta.get(FILE_AFFINE),
            orientation=int(meta.get(ORIENTATION, 1)),
            sides=str(meta.get(SIDES, "")),
            geometry=None if geometry is None else geometry.resized(data["input_size"], image.shape),
        )
        to_file = np.linalg.inv(from_file)
        points = [np.rint(to_file @ [peak.row, peak.column, 1]).astype(int) for peak in peaks[: self.top]]
        row = {name: round(chance, 5) for name, chance in zip(self.labels, chances, strict=True)}
        row |= {"top": "; ".join(self.labels[k] for k in chosen)}
        row |= {"peaks": "; ".join(f"{column} {line}" for line, column, _ in points)}
        row |= {"sides": meta.get(SIDES) or "unknown"}
        return {**data, "row": row, "files": files, "radiograph_boxes": boxes}
