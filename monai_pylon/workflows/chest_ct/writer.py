"""Maps, slice scores, a picture and a table row of an explained scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import SpatialResample, Transform
from monai.utils import TransformBackends

from monai_pylon.reports.chest_ct_figure import finding_on_scan, scan_findings_figure
from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.map_views import scan_background
from monai_pylon.reports.nifti import save_map_nifti
from monai_pylon.utils import check, check_choice, check_type, voxel_spacing, write_rows
from monai_pylon.utils.files import file_parts
from monai_pylon.visualize import MapGeometry, map_on_image
from monai_pylon.workflows.cohort.burned_in import may_draw
from monai_pylon.workflows.cohort.notice import case_title

__all__ = ["ScanWriter", "map_on_scan", "slice_heights"]


def map_on_scan(map: torch.Tensor, geometry: MapGeometry, image: MetaTensor, scan: MetaTensor) -> np.ndarray:
    """Resample a map from the network's grid to that of the scan as it was read.

    Each cell is drawn where it looks, see :func:`~monai_pylon.visualize.map_on_image`; then that volume is reoriented
    and resampled. Voxels that belong to no cell are 0.

    Args:
        map: Signed map (x, y, groups).
        geometry: Where the map's cells look in the network's input.
        image: The network's input (1, X', Y', Z') with its affine.
        scan: The scan (1, X, Y, Z) as it was read, with its affine.

    Returns:
        The map (X, Y, Z), float32.

    Example:
        >>> image = MetaTensor(torch.zeros(1, 8, 8, 8), affine=torch.diag(torch.tensor([-2.0, -2, -2, 1])))
        >>> scan = MetaTensor(torch.zeros(1, 16, 16, 16), affine=torch.eye(4))
        >>> map_on_scan(torch.ones(2, 2, 2), MapGeometry((1.5,) * 3, (4.0,) * 3), image, scan).shape
        (16, 16, 16)
    """
    fine = map_on_image(torch.as_tensor(map).float().cpu(), geometry, tuple(image.shape[1:]))
    placed = MetaTensor(fine[None], affine=image.affine.cpu())
    resample = SpatialResample(mode="bilinear", padding_mode="zeros", dtype=np.float32)
    back = resample(placed, dst_affine=scan.affine.cpu(), spatial_size=tuple(scan.shape[1:]))
    return torch.as_tensor(back)[0].numpy()


def slice_heights(
    groups: int, geometry: MapGeometry, image: MetaTensor, scan: MetaTensor
) -> tuple[np.ndarray, np.ndarray]:
    """Return height and slice of the scan for each slice group of the network's input.

    Args:
        groups: Number of groups S.
        geometry: Where the map's cells look in the network's input; its last axis is that of the groups.
        image: The network's input (1, X', Y', Z') with its affine.
        scan: The scan (1, X, Y, Z) as it was read.

    Returns:
        Heights (S,) in mm, in the superior direction of RAS; and the scan's slices (S,) along its axis nearest to that
        direction, NaN for groups outside the scan (padding).

    Example:
        >>> image = MetaTensor(torch.zeros(1, 4, 4, 6), affine=torch.diag(torch.tensor([1.0, 1, -1, 1])))
        >>> scan = MetaTensor(torch.zeros(1, 4, 4, 4), affine=torch.eye(4))
        >>> slice_heights(2, MapGeometry((0.0, 0.0, 1.0), (1.0, 1.0, 3.0)), image, scan)[0].tolist()
        [-1.0, -4.0]
    """
    affine, own = (np.asarray(part.affine, dtype=np.float64) for part in (image, scan))
    size = np.array(image.shape[1:])
    centres = np.empty((4, groups))
    centres[:2], centres[3] = (size[:2, None] - 1) / 2, 1
    centres[2] = geometry.origin[2] + np.arange(groups) * geometry.spacing[2]
    world = affine @ centres
    axis = int(np.argmax(np.abs(own[2, :3])))
    slices = (np.linalg.inv(own) @ world)[axis]
    inside = (slices > -0.5) & (slices < scan.shape[1 + axis] - 0.5)
    return world[2], np.where(inside, np.rint(slices), np.nan)


class ScanWriter(Transform):
    """Transform that writes HiResCAM of a scan as NIfTI, slice scores as a table, and a picture of both.

    Args:
        output: Folder to write to.
        labels: Names of the M labels.
        overlay: Whether to draw the picture, ``<scan>_overlay.png``.
        burned_in_text: Whether to draw it also if the pixels hold text that may name the patient (BurnedInAnnotation).
        nifti: Whether to write the maps, ``<scan>_<label>_hirescam.nii.gz``.
        map_grid: Grid of these maps: "native", with a voxel for each cell of the network's map, placed where the cell
            looks, or "scan", interpolated on the scan's own grid.
        slice_scores: Whether to write the table ``<scan>_slice_scores.csv``, if the network scores slices.
        scan_key: Item with the scan as it was read, MetaTensor (1, X, Y, Z) in HU.

    Example:
        >>> ScanWriter("results", labels=["lung mass", "lung nodule"]).columns
        ('lung mass', 'lung nodule', 'mapped', 'peaks')
    """

    backend = [TransformBackends.NUMPY]

    def __init__(
        self,
        output: str | PathLike[str],
        labels: Sequence[str],
        overlay: bool = True,
        nifti: bool = True,
        slice_scores: bool = True,
        scan_key: str = "scan_hu",
        map_grid: str = "native",
        burned_in_text: bool = False,
    ) -> None:
        check_choice(map_grid, ("native", "scan"), "map_grid")
        self.map_grid, self.burned_in_text = map_grid, burned_in_text
        self.output, self.labels = Path(output).expanduser(), tuple(labels)
        self.overlay, self.nifti, self.slice_scores, self.scan_key = overlay, nifti, slice_scores, scan_key
        #: Columns of the row: probabilities, the labels with a map, and the voxels (x y z) of their strongest evidence.
        self.columns = (*self.labels, "mapped", "peaks")

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results, and add "row" (values by column) and "files" (file names) to it."""
        image, scan, logits = data["image"], data[self.scan_key], data["logits"].cpu()
        check_type(scan, MetaTensor, self.scan_key, "Read it by ReadVolumed, which keeps its affine.")
        check(bool(logits.isfinite().all()), "logits", "finite", logits, "The network gave NaN: see its training.")
        chances, name = logits.sigmoid().tolist(), data["scan"]
        files, findings = [], []
        scores, heights, slices = data.get("slice_scores"), None, None
        if scores is not None:
            scores = scores.cpu().numpy()
            heights, slices = slice_heights(scores.shape[1], data["geometry"], image, scan)
            if self.slice_scores:
                files.append(f"{name}_slice_scores.csv")
                self._write_scores(self.output / files[-1], scores, heights, slices)
        ranks = {label: rank for rank, label in enumerate(logits.argsort(descending=True, stable=True).tolist(), 1)}
        affine = np.asarray(scan.affine, dtype=np.float64)
        ct = torch.as_tensor(scan)[0].cpu().numpy()
        maps = data["maps"] if data["maps"] is not None and (self.nifti or self.overlay) else []
        cell_mm, background = None, scan_background(ct, affine) if len(maps) else None
        parts = file_parts([self.labels[label] for label in data["mapped"]])
        for label, part, map in zip(data["mapped"], parts, maps, strict=False):
            geometry = data["geometry"]
            native = np.asarray(image.affine, dtype=np.float64) @ geometry.affine
            cell_mm = voxel_spacing(native)
            heat = map_on_scan(map, geometry, image, scan)
            if self.nifti:
                files.append(f"{name}_{part}_hirescam.nii.gz")
                about = f"HiResCAM in logits: {self.labels[label]}"
                if self.map_grid == "native":
                    save_map_nifti(self.output / files[-1], map.cpu().numpy(), native, about)
                else:
                    save_map_nifti(self.output / files[-1], heat, affine, about)
            curve = None if scores is None else scores[label]
            name_and_chance = self.labels[label], chances[label]
            findings.append(
                finding_on_scan(*name_and_chance, ct, heat, affine, heights, curve, ranks[label], background)
            )
        if self.overlay and findings and may_draw(scan, self.burned_in_text, name):
            files.append(f"{name}_overlay.png")
            figure = scan_findings_figure(findings, case_title(data), cell_mm)
            save_figure(self.output / files[-1], figure)
        row: dict[str, Any] = {label: round(chance, 5) for label, chance in zip(self.labels, chances, strict=True)}
        row["mapped"] = "; ".join(finding.name for finding in findings)
        row["peaks"] = "; ".join("{} {} {}".format(*finding.peak) for finding in findings)
        return {**data, "row": row, "files": files}

    def _write_scores(self, file: Path, scores: np.ndarray, heights: np.ndarray, slices: np.ndarray) -> None:
        """Write a row for each slice group: its height in mm, the scan's slice, and the scores (M, S) of all labels."""
        rows = []
        for group, (height, slice_index) in enumerate(zip(heights, slices, strict=True)):
            facts = {"group": group, "height_mm": round(float(height), 1)}
            facts["slice"] = None if np.isnan(slice_index) else int(slice_index)  # type: ignore[assignment]
            rows.append(
                {**facts, **{n: round(float(s), 5) for n, s in zip(self.labels, scores[:, group], strict=True)}}
            )
        write_rows(file, rows)
