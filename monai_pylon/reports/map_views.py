"""Views of a scan and a map of evidence in radiological display, cut where the evidence is, as arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.reports.display import DisplaySlice, radiological_slice, square_pixels, window_to_gray
from monai_pylon.reports.evidence import evidence_threshold
from monai_pylon.reports.pixels import as_voxels
from monai_pylon.utils import ras_view, voxel_spacing
from monai_pylon.utils.arrays import as_array

__all__ = ["MapView", "ScanBackground", "ScanViews", "scan_background", "scan_views"]

#: Gray windows by name: level and width in HU.
WINDOWS = {"lung window": (-600.0, 1500.0), "mediastinal window": (40.0, 400.0)}
_PIXEL_MM = 1.0
_TISSUE_HU = -300.0
#: Most voxels along an axis of the subsampled volume in which the strongest evidence is searched.
_SEARCHED = 192
#: For each plane the axis of a RAS volume that it cuts, and the letters on the left and right of the picture.
_CUTS = {"axial": (2, ("R", "L")), "coronal": (1, ("R", "L")), "sagittal": (0, ("A", "P"))}


class MapView(NamedTuple):
    """A gray picture and the evidence in it.

    Attributes:
        gray: Picture (H, W), 0 to 1.
        evidence: Signed map (H, W).
        title: What is shown: plane, position and window.
        sides: Letters of the patient's sides on the left and right of the picture; empty if unknown.
        pixel_mm: Edge of a pixel in mm; None if unknown.

    Example:
        >>> MapView(np.zeros((4, 6)), np.zeros((4, 6)), "radiograph", ("R", "L")).pixel_mm is None
        True
    """

    gray: np.ndarray
    evidence: np.ndarray
    title: str = ""
    sides: tuple[str, str] = ("", "")
    pixel_mm: float | None = None


class ScanViews(NamedTuple):
    """Views of a scan, with what they have in common.

    Attributes:
        views: Axial (lung and mediastinal window), coronal and sagittal view, and the projection from the front.
        peak: Voxel (x, y, z) with the strongest evidence for the finding inside the body.
        limit: Largest strength of the evidence inside the body.
        threshold: Strength above which evidence is colored.

    Example:
        >>> ScanViews((), (0, 0, 0), 1.0, 0.5).threshold
        0.5
    """

    views: tuple[MapView, ...]
    peak: tuple[int, int, int]
    limit: float
    threshold: float


class ScanBackground(NamedTuple):
    """Body and projection of a scan, which the views of all its findings share; see :func:`scan_background`.

    Attributes:
        body: Subsampled RAS volume, True inside the body.
        step: Voxels between two of its samples, along every axis.
        projection: Mean of the scan from the front, gray values (X, Z) from 0 to 1 in the RAS volume.

    Example:
        >>> scan_background(np.zeros((8, 8, 8)), np.diag([20.0, 20, 20, 1])).projection.shape
        (8, 8)
    """

    body: np.ndarray
    step: int
    projection: np.ndarray


def scan_background(ct: np.ndarray, affine: np.ndarray) -> ScanBackground:
    """Compute the body and the projection of a scan, once for the views of all its findings.

    Args:
        ct: Voxels (X, Y, Z) in HU; NaN counts as air.
        affine: (4, 4), voxel indices to RAS mm.

    Returns:
        The body, and the projection from the front. Without tissue, all voxels count as the body.

    Example:
        >>> bool(scan_background(np.full((8, 8, 8), -1000.0), np.eye(4)).body.all())
        True
    """
    hu = ras_view(as_voxels(ct, "ct", finite=False), as_array(affine).astype(np.float64)).array
    step = max(1, -(-max(hu.shape) // _SEARCHED))
    body = _inside_body(hu[::step, ::step, ::step])
    if not body.any():
        body[:] = True
    mean = np.stack([np.nan_to_num(sagittal, nan=-1000).clip(-1000, 400).mean(axis=0) for sagittal in hu])
    return ScanBackground(body, step, np.clip((mean + 950) / 1000, 0, 1))


def _inside_body(ct: np.ndarray) -> np.ndarray:
    """Return the voxels (X, Y, Z) with tissue on both sides, left and right as well as in front and behind."""
    tissue = ct > _TISSUE_HU
    inside = np.ones(ct.shape, dtype=bool)
    for axis in (0, 1):
        before = np.maximum.accumulate(tissue, axis=axis)
        behind = np.flip(np.maximum.accumulate(np.flip(tissue, axis), axis=axis), axis)
        inside &= before & behind
    return inside


def scan_views(
    ct: np.ndarray, evidence: np.ndarray, affine: np.ndarray, background: ScanBackground | None = None
) -> ScanViews:
    """Cut a scan in three planes where the evidence for a finding is largest inside the body, and project it.

    Each plane is the slice with the largest sum of the colored positive evidence inside the body, because the strongest
    single voxel may be one of many equal ones, or lie in the air around the patient. Without positive evidence the
    planes cut the middle of the body.

    Args:
        ct: Voxels (X, Y, Z) in HU.
        evidence: Signed evidence (X, Y, Z) on the scan's grid, finite.
        affine: (4, 4), voxel indices to RAS mm.
        background: Result of :func:`scan_background` for this scan; None computes it.

    Returns:
        Views with pixels of 1 mm, the strongest voxel, and limit and threshold of the colors.

    Raises:
        ValueError: If the scan is not 3D, or the evidence is not on its grid or not finite.

    Example:
        >>> ct, evidence = np.zeros((8, 8, 8)), np.zeros((8, 8, 8))
        >>> evidence[2, 3, 4] = 1
        >>> found = scan_views(ct, evidence, np.diag([20.0, 20, 20, 1]))
        >>> found.peak, [view.title for view in found.views[2:4]]
        ((2, 3, 4), ['coronal, lung window', 'sagittal, lung window'])
    """
    ct = as_voxels(ct, "ct", finite=False)  # NaN becomes black
    evidence = as_voxels(evidence, "evidence", like=("scan", ct.shape))
    affine = as_array(affine).astype(np.float64)
    hu, signed = ras_view(ct, affine), ras_view(evidence, affine)
    body, step, projection = scan_background(ct, affine) if background is None else background
    inner = np.where(body, signed.array[::step, ::step, ::step], 0)
    threshold = evidence_threshold(inner[body])
    positive = np.clip(inner, 0, None)
    colored = np.where(positive > threshold, positive, 0)
    shown = colored if colored.any() else positive if positive.any() else body.astype(np.float64)
    cuts = [_heaviest(shown.sum(axis=tuple({0, 1, 2} - {axis})), step, hu.array.shape[axis]) for axis in range(3)]
    strongest = np.array(np.unravel_index(int(np.argmax(shown)), shown.shape)) * step
    if not positive.any():
        strongest = np.array(cuts)
    voxel = np.linalg.inv(affine) @ hu.affine @ [*strongest, 1]
    views = [_cut(ct, evidence, affine, plane, cuts[_CUTS[plane][0]], "lung window") for plane in _CUTS]
    views.insert(1, _cut(ct, evidence, affine, "axial", cuts[2], "mediastinal window"))
    views.append(_projection(projection, signed.array, voxel_spacing(hu.affine)))
    x, y, z = (round(float(n)) for n in voxel[:3])
    limit = float(np.abs(inner).max())
    return ScanViews(tuple(views), (x, y, z), limit, threshold)


def _heaviest(sums: np.ndarray, step: int, size: int) -> int:
    """Return the middle of the slices that share the largest sum."""
    best = np.flatnonzero(sums >= sums.max() * (1 - 1e-9))
    return min(int(best[len(best) // 2]) * step + (step - 1) // 2, size - 1)


def _cut(ct: np.ndarray, evidence: np.ndarray, affine: np.ndarray, plane: str, index: int, window: str) -> MapView:
    """Cut scan and evidence at a slice of the RAS volume."""
    axis, sides = _CUTS[plane]
    slices = ras_view(ct, affine).array.shape[axis]
    position = index / max(slices - 1, 1)
    hu, signed = (radiological_slice(volume, affine, plane, position) for volume in (ct, evidence))
    gray = DisplaySlice(window_to_gray(hu.image, *WINDOWS[window]), hu.spacing)
    values = DisplaySlice(signed.image.astype(np.float32), signed.spacing)
    pixels = (square_pixels(part, _PIXEL_MM, order=1) for part in (gray, values))
    where = f" {index + 1} of {slices} from below" if plane == "axial" else ""
    return MapView(np.clip(next(pixels), 0, 1), next(pixels), f"{plane}{where}, {window}", sides, _PIXEL_MM)


def _projection(gray: np.ndarray, evidence: np.ndarray, spacing: tuple[float, float, float]) -> MapView:
    """Show the strongest evidence (X, Y, Z) for the finding from the front, over the projection (X, Z) of the scan."""
    strongest = np.clip(evidence.max(axis=1), 0, None).astype(np.float32)
    across = (spacing[2], spacing[0])
    slices = (DisplaySlice(part.T[::-1, ::-1], across) for part in (gray, strongest))
    pixels = (square_pixels(part, _PIXEL_MM, order=1) for part in slices)
    return MapView(np.clip(next(pixels), 0, 1), next(pixels), "projection from the front", ("R", "L"), _PIXEL_MM)
