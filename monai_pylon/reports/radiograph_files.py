"""Result files of a radiograph: the heatmap of each finding as NIfTI, and a picture of all findings."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from monai_pylon.reports.figure_style import save_figure
from monai_pylon.reports.heatmap import Peak, heatmap_on_image, heatmap_peak
from monai_pylon.reports.nifti import radiograph_affine, save_map_nifti, save_radiograph_nifti
from monai_pylon.reports.pixels import as_pixels
from monai_pylon.reports.radiograph_figure import RadiographFindingMap, radiograph_overlay_figure
from monai_pylon.utils import check_choice
from monai_pylon.utils.files import file_parts
from monai_pylon.utils.image_orientation import orientation_matrix, unturn_image
from monai_pylon.visualize import MapGeometry

__all__ = ["map_affine", "save_radiograph_files"]


def map_affine(geometry: MapGeometry, from_file: np.ndarray, file_affine: np.ndarray) -> np.ndarray:
    """Return where the cells of a map lie in the geometry of the radiograph's file.

    Args:
        geometry: Where the cells look in the radiograph as it was read, in its rows and columns.
        from_file: Matrix (4, 4) from pixels (row, column, 0, 1) of the file to those of the radiograph.
        file_affine: Geometry of the file, (4, 4) from (column, row, 0, 1) to RAS mm.

    Returns:
        Matrix (4, 4) from cells (column, row, 0, 1) to RAS mm.

    Example:
        >>> map_affine(MapGeometry((1.0, 2.0), (4.0, 8.0)), np.eye(4), np.eye(4))[:2].tolist()
        [[8.0, 0.0, 0.0, 2.0], [0.0, 4.0, 0.0, 1.0]]
    """
    cells = np.eye(4)
    cells[:2] = 0
    cells[0, 1], cells[0, 3] = geometry.spacing[0], geometry.origin[0]  # rows of the radiograph
    cells[1, 0], cells[1, 3] = geometry.spacing[1], geometry.origin[1]
    return np.asarray(file_affine, dtype=np.float64)[:, [1, 0, 2, 3]] @ np.linalg.inv(from_file) @ cells


def _place(geometry: MapGeometry | None, cells: Sequence[int], size: Sequence[int]) -> MapGeometry:
    """Return where the cells of a map look in a radiograph; without a geometry, they cover it evenly."""
    if geometry is not None:
        return geometry
    steps = tuple(pixels / count for pixels, count in zip(size, cells, strict=True))
    return MapGeometry(tuple(step / 2 - 0.5 for step in steps), steps)


def save_radiograph_files(
    folder: str | PathLike[str],
    name: str,
    radiograph: np.ndarray,
    findings: Sequence[RadiographFindingMap],
    num_maps: int = 0,
    overlay: bool = True,
    spacing: tuple[float, float] | None = None,
    affine: np.ndarray | None = None,
    orientation: int = 1,
    sides: str = "",
    geometry: MapGeometry | None = None,
    title: str | None = None,
    map_grid: str = "native",
) -> tuple[list[str], list[Peak]]:
    """Save the heatmaps of findings as NIfTI, and a picture of the radiograph with all findings.

    Args:
        folder: Folder to write to.
        name: Name of the radiograph, with which each file name begins.
        radiograph: Image (H, W), 0 to 1.
        findings: Findings with their heatmap logits (h, w) as `heat`, on the network's grid.
        num_maps: Number of findings, the first ones, to save as ``<name>_<finding>.nii.gz``: signed logits. Other
            characters than letters and digits become underscores.
        overlay: Whether to draw the picture, ``<name>_overlay.png``.
        spacing: Millimeters between rows and between columns, for the NIfTI files. None if unknown.
        affine: Geometry of the radiograph's file instead of the spacing, see
            :func:`~monai_pylon.reports.save_radiograph_nifti`.
        orientation: EXIF number of the turn from the file to the radiograph, 1 to 8. The maps are turned back.
        sides: Letters of the patient's sides at the left and right edge, for the picture. Empty if unknown.
        geometry: Where the maps' cells look in the radiograph, in its pixels; None stretches them evenly.
        title: Title of the picture; None for the name.
        map_grid: Grid of the NIfTI files: "native", with a pixel for each cell of the network's map, placed where the
            cell looks, or "radiograph", interpolated on the pixels of the radiograph's file.

    Returns:
        The names of the files, and the peak of each finding on the radiograph's grid.

    Raises:
        ValueError: If the radiograph is not 2D or not between 0 and 1, a map is not 2D or not finite, or there is no
            such grid.

    Example:
        >>> import tempfile
        >>> found = RadiographFindingMap("Mass", 0.7, np.eye(4), np.zeros((0, 4)))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     files, peaks = save_radiograph_files(folder, "a", np.zeros((8, 8)), [found], num_maps=1, overlay=False)
        >>> files, (peaks[0].row, peaks[0].column)
        (['a_Mass.nii.gz'], (0, 0))
    """
    radiograph = as_pixels(radiograph, "radiograph")
    check_choice(map_grid, ("native", "radiograph"), "map_grid")
    files, shown, parts = [], [], file_parts([finding.name for finding in findings])
    for number, finding in enumerate(findings):
        logits = torch.from_numpy(as_pixels(finding.heat, f"the map of {finding.name}", unit=False))[None]
        if number < num_maps:
            files.append(f"{name}_{parts[number]}.nii.gz")
            about = f"Evidence in logits: {finding.name}"
            if map_grid == "native":
                cells = _place(geometry, logits.shape[1:], radiograph.shape)
                from_file = orientation_matrix(orientation, radiograph.shape)
                matrix = map_affine(cells, from_file, radiograph_affine(spacing, affine))
                save_map_nifti(Path(folder) / files[-1], logits[0].numpy().T[..., None], matrix, about)
            else:
                signed = heatmap_on_image(logits, radiograph.shape, False, geometry)[0].numpy()
                turned = unturn_image(signed, orientation)
                save_radiograph_nifti(Path(folder) / files[-1], turned, spacing, affine, about)
        heat = heatmap_on_image(logits, radiograph.shape, geometry=geometry)[0].numpy()
        shown.append(finding._replace(heat=heat))
    if overlay:
        files.append(f"{name}_overlay.png")
        heading = name if title is None else title
        save_figure(Path(folder) / files[-1], radiograph_overlay_figure(radiograph, shown, heading, sides))
    return files, [heatmap_peak(finding.heat) for finding in shown]
