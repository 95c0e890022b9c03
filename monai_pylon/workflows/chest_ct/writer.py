"""What the inference of chest_ct_classification_axialnet writes for a scan: maps, slice scores, a picture, a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import SpatialResample, Transform

from monai_pylon.reports import finding_on_scan, save_figure, save_map_nifti, scan_findings_figure
from monai_pylon.utils import check, check_type, resize_linear, write_rows

__all__ = ["ScanWriter", "map_on_scan", "slice_heights"]


def map_on_scan(map: torch.Tensor, image: MetaTensor, scan: MetaTensor) -> np.ndarray:
    """Bring a map from the network's grid to that of the scan as it was read.

    The cells are stretched evenly over the volume that the network saw, as for the allowed regions, and interpolated;
    then that volume is turned and resampled back. What the network did not see has 0: it gave nothing to the score.

    Args:
        map: (x, y, groups), signed.
        image: (1, X', Y', Z'), what the network saw, with its affine.
        scan: (1, X, Y, Z), as it was read, with its affine.

    Returns:
        (X, Y, Z) float32.

    Example:
        >>> image = MetaTensor(torch.zeros(1, 8, 8, 8), affine=torch.diag(torch.tensor([-2.0, -2, -2, 1])))
        >>> scan = MetaTensor(torch.zeros(1, 16, 16, 16), affine=torch.eye(4))
        >>> map_on_scan(torch.ones(2, 2, 2), image, scan).shape
        (16, 16, 16)
    """
    fine = resize_linear(torch.as_tensor(map).float().cpu(), tuple(image.shape[1:]))
    placed = MetaTensor(fine[None], affine=image.affine.cpu())
    resample = SpatialResample(mode="bilinear", padding_mode="zeros", dtype=np.float32)
    back = resample(placed, dst_affine=scan.affine.cpu(), spatial_size=tuple(scan.shape[1:]))
    return torch.as_tensor(back)[0].numpy()


def slice_heights(groups: int, image: MetaTensor, scan: MetaTensor) -> tuple[np.ndarray, np.ndarray]:
    """Where the slice groups of the network's input lie in the scan.

    Args:
        groups: their number S.
        image: (1, X', Y', Z'), what the network saw, with its affine.
        scan: (1, X, Y, Z), as it was read.

    Returns:
        heights (S,) in mm, from RAS's zero towards the head; and the scan's slices (S,) along its axis nearest to that
        direction, NaN for groups outside of it (padding).

    Example:
        >>> image = MetaTensor(torch.zeros(1, 4, 4, 6), affine=torch.diag(torch.tensor([1.0, 1, -1, 1])))
        >>> scan = MetaTensor(torch.zeros(1, 4, 4, 4), affine=torch.eye(4))
        >>> slice_heights(2, image, scan)[0].tolist()
        [-1.0, -4.0]
    """
    affine, own = (np.asarray(part.affine, dtype=np.float64) for part in (image, scan))
    size = np.array(image.shape[1:])
    centres = np.empty((4, groups))
    centres[:2], centres[3] = (size[:2, None] - 1) / 2, 1
    centres[2] = (np.arange(groups) + 0.5) * size[2] / groups - 0.5
    world = affine @ centres
    axis = int(np.argmax(np.abs(own[2, :3])))
    slices = (np.linalg.inv(own) @ world)[axis]
    inside = (slices > -0.5) & (slices < scan.shape[1 + axis] - 0.5)
    return world[2], np.where(inside, np.rint(slices), np.nan)


def _file_part(label: str) -> str:
    """A label as a part of a file's name."""
    return re.sub(r"\W+", "_", label).strip("_")


class ScanWriter(Transform):
    """Write what a network says of a scan: HiResCAM as NIfTI, slice scores as a table, a picture of both.

    Args:
        output: the folder to write to.
        labels: names of the M labels.
        overlay: whether to draw the picture, ``<scan>_overlay.png``.
        nifti: whether to write the maps, ``<scan>_<label>_hirescam.nii.gz``, on the scan's own grid.
        slice_scores: whether to write the table ``<scan>_slice_scores.csv``, where the network scores slices.
        scan_key: the item's scan as it was read, MetaTensor (1, X, Y, Z) in HU.

    Example:
        >>> ScanWriter("results", labels=["lung mass", "lung nodule"]).columns
        ('lung mass', 'lung nodule', 'mapped', 'peaks')
    """

    def __init__(
        self,
        output: str | PathLike[str],
        labels: Sequence[str],
        overlay: bool = True,
        nifti: bool = True,
        slice_scores: bool = True,
        scan_key: str = "scan_hu",
    ) -> None:
        self.output, self.labels = Path(output).expanduser(), tuple(labels)
        self.overlay, self.nifti, self.slice_scores, self.scan_key = overlay, nifti, slice_scores, scan_key
        #: The columns of the row that it gives: probabilities, the labels with a map, and the voxels (x y z) where
        #: their evidence is strongest.
        self.columns = (*self.labels, "mapped", "peaks")

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results; gives the item with "row" (values by column) and "files" (their names)."""
        image, scan, logits = data["image"], data[self.scan_key], data["logits"].cpu()
        check_type(scan, MetaTensor, self.scan_key, "Its affine says where the map lies: read it by ReadVolumed.")
        check(bool(logits.isfinite().all()), "logits", "finite", logits, "The network gave NaN: see its training.")
        chances, name = logits.sigmoid().tolist(), data["scan"]
        files, findings = [], []
        scores, heights, slices = data.get("slice_scores"), None, None
        if scores is not None:
            scores = scores.cpu().numpy()
            heights, slices = slice_heights(scores.shape[1], image, scan)
            if self.slice_scores:
                files.append(f"{name}_slice_scores.csv")
                self._write_scores(self.output / files[-1], scores, heights, slices)
        affine = np.asarray(scan.affine, dtype=np.float64)
        ct = torch.as_tensor(scan)[0].cpu().numpy()
        maps = data["maps"] if data["maps"] is not None and (self.nifti or self.overlay) else []
        for label, map in zip(data["mapped"], maps, strict=False):
            heat = map_on_scan(map, image, scan)
            if self.nifti:
                files.append(f"{name}_{_file_part(self.labels[label])}_hirescam.nii.gz")
                save_map_nifti(self.output / files[-1], heat, affine)
            curve = None if scores is None else scores[label]
            findings.append(finding_on_scan(self.labels[label], chances[label], ct, heat, affine, heights, curve))
        if self.overlay and findings:
            files.append(f"{name}_overlay.png")
            save_figure(self.output / files[-1], scan_findings_figure(findings, name))
        row: dict[str, Any] = {label: round(chance, 5) for label, chance in zip(self.labels, chances, strict=True)}
        row["mapped"] = "; ".join(finding.name for finding in findings)
        row["peaks"] = "; ".join("{} {} {}".format(*finding.peak) for finding in findings)
        return {**data, "row": row, "files": files}

    def _write_scores(self, file: Path, scores: np.ndarray, heights: np.ndarray, slices: np.ndarray) -> None:
        """One row a slice group: its height in mm, the scan's slice, and every label's score (M, S)."""
        rows = []
        for group, (height, place) in enumerate(zip(heights, slices, strict=True)):
            facts = {"group": group, "height_mm": round(float(height), 1)}
            facts["slice"] = None if np.isnan(place) else int(place)  # type: ignore[assignment]
            rows.append(
                {**facts, **{n: round(float(s), 5) for n, s in zip(self.labels, scores[:, group], strict=True)}}
            )
        write_rows(file, rows)
