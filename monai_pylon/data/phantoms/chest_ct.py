"""Chest CT with known organs, lesions, labels and report, rendered from one analytic anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_pylon.data.phantoms.ct_canvas import Canvas
from monai_pylon.data.phantoms.ct_contrast import CONTRAST_PHASES, add_streaks
from monai_pylon.data.phantoms.ct_fields import FIELDS, crop_axes, outside_circle
from monai_pylon.data.phantoms.ct_gas import GAS_PLACES
from monai_pylon.data.phantoms.ct_painters import render
from monai_pylon.data.phantoms.ct_scene import Scene, make_scene
from monai_pylon.data.phantoms.report_text import ct_labels, ct_report
from monai_pylon.data.phantoms.shapes import Grid
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["ChestCTPhantom", "phantom_chest_ct"]

#: Voxels rendered at once; limits the memory on fine grids.
_SLAB_VOXELS = 2_500_000


class ChestCTPhantom(NamedTuple):
    """Phantom chest CT with its truth. ``MetaTensor(image[None], affine=affine)`` works.

    The lungs in ``organs`` are the regions in which PARTITION allows lung abnormalities: the whole pleural cavity of a
    side, with parenchyma, vessels and bronchi, nodules and masses, consolidated, fibrotic and collapsed lung, and fluid
    or air in the pleural space (effusion and pneumothorax are lung labels in Table 5). Trachea and main bronchi are
    mediastinum. ``structures`` separates lung from fluid and air.

    Attributes:
        image: float32 (X, Y, Z), HU plus ``hu_offset``.
        affine: float64 (4, 4), voxel indices to RAS mm; the array axes are left, posterior, superior as in most CTs.
        organs: uint8 (X, Y, Z), 0 background, 1 right lung, 2 mediastinum, 3 left lung.
        structures: uint8 (X, Y, Z), values as in ``PHANTOM_STRUCTURES``.
        lesions: bool (X, Y, Z) by kind of finding: "nodule", "mass", "effusion", "collapse", "consolidation", "ild",
            "pneumothorax". Empty without findings.
        labels: uint8 (80,), in the order of ``CHEST_CT_LABELS``.
        locations: bool (80, 3): right lung, mediastinum, left lung.
        report: Findings section of a report with the same content.

    Example:
        >>> phantom_chest_ct(0, shape=(48, 40, 40), spacing=(8, 8, 8)).organs.shape
        (48, 40, 40)
    """

    image: np.ndarray
    affine: np.ndarray
    organs: np.ndarray
    structures: np.ndarray
    lesions: dict[str, np.ndarray]
    labels: np.ndarray
    locations: np.ndarray
    report: str


def _sides(rng: np.random.Generator, value: str | bool | None, argument: str) -> tuple[int, ...]:
    check_type(value, (str, bool, type(None)), argument, 'Give "right", "left" or "both"; True lets the seed choose.')
    if isinstance(value, str):
        check_choice(value, ("right", "left", "both"), argument)
        return {"right": (1,), "left": (-1,), "both": (1, -1)}[value]
    side = 1 if rng.random() < 0.5 else -1
    return (side,) if value else ()


def phantom_chest_ct(
    seed: int = 0,
    shape: Sequence[int] = (180, 160, 160),
    spacing: Sequence[float] = (2.0, 2.0, 2.0),
    *,
    nodules: int = 0,
    mass: str | bool | None = None,
    effusion: str | bool | None = None,
    collapse: str | bool | None = None,
    consolidation: str | bool | None = None,
    ild: str | bool | None = None,
    pneumothorax: str | bool | None = None,
    severity: float = 0.5,
    off_centre: Sequence[float] = (0.0, 0.0, 0.0),
    rotation: float = 0.0,
    arms: str = "up",
    cropped: bool = False,
    mass_place: str = "lung",
    contrast: str | None = None,
    gas: str | Sequence[str] = (),
    field: str = "whole",
    padding: float | None = None,
    hu_offset: float = 0.0,
    noise: float = 20.0,
) -> ChestCTPhantom:
    """Render a synthetic chest CT.

    Args:
        seed: The patient. The same seed gives the same CT bit by bit. A finding or setting changes only what it names.
        shape: (X, Y, Z) voxels.
        spacing: (x, y, z) mm.
        nodules: Number of lung nodules, 3 to 12 mm in radius; every third one lies on the pleura.
        mass: Lung mass: "right", "left", "both", True (the seed chooses the side), False or None. The same values apply
            to the following findings.
        effusion: Pleural fluid at the back, with compressed lung beside it.
        collapse: Airless lower lobe; the whole lung from severity 0.9 on.
        consolidation: Filled airspace with air bronchograms that reaches the pleura.
        ild: Interstitial lung disease: reticulation and honeycombing under the pleura.
        pneumothorax: Air in front of a lung that is detached from the chest wall.
        severity: Size of every finding, 0 to 1.
        off_centre: Position of the patient relative to the scanner's center, RAS mm.
        rotation: Rotation of the patient about the long axis towards the left side, degrees.
        arms: "up" beside the head, or "down" along the body.
        cropped: If True, the field of view ends 6 mm inside the lateral border of the lungs, and X is smaller.
        mass_place: "lung" for a mass anywhere in the lung, or "hilum" for a larger one against the mediastinum.
        contrast: Phase of the contrast medium: "arterial", "venous", "streaks" (arterial, with undiluted contrast
            medium in a vein over the right apex and streaks around it), or None.
        gas: Places full of gas: any of "oesophagus", "stomach" (distended, against the left diaphragm), "bowel", and
            "subcutaneous" (subcutaneous emphysema). The map of structures names them, for example "oesophagus gas".
        field: Part of the grid that is scanned: "whole", "right_side_and_back" or "left_side_and_back" (a box that
            cuts one lung 45 mm deep), "upper" (to the carina), "middle" (100 mm), or "lower" (from 30 mm above the
            diaphragm).
        padding: HU outside the largest circle within a slice, where neither organs nor structures are marked; None
            for a slice that is reconstructed to its corners.
        hu_offset: Added to every voxel (1024 for raw scanner values).
        noise: Standard deviation of the noise, HU.

    Returns:
        The image with its truth.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If an argument is out of its range.

    Example:
        >>> phantom = phantom_chest_ct(1, shape=(48, 40, 40), spacing=(8, 8, 8), effusion="left")
        >>> phantom.report.split(".")[0]
        'There is a moderate left pleural effusion with adjacent left atelectasis'
    """
    check_type(seed, (int, np.integer), "seed")
    check(len(shape) == 3 and min(shape) >= 8, "shape", "three numbers of at least 8 voxels", tuple(shape))
    check(len(spacing) == 3 and min(spacing) > 0, "spacing", "three positive lengths in mm", tuple(spacing))
    check_type(nodules, (int, np.integer), "nodules", "It is the number of nodules.")
    check(nodules >= 0, "nodules", "0 or more", nodules)
    check(0.0 <= severity <= 1.0, "severity", "between 0 and 1", severity)
    check(len(off_centre) == 3, "off_centre", "three lengths in mm", tuple(off_centre))
    check(noise >= 0.0, "noise", "0 or more", noise)
    check_choice(arms, ("up", "down"), "arms")
    check_choice(mass_place, ("lung", "hilum"), "mass_place")
    check_choice(field, FIELDS, "field")
    if contrast is not None:
        check_choice(contrast, CONTRAST_PHASES, "contrast")
    places = (gas,) if isinstance(gas, str) else tuple(gas)
    for place in places:
        check_choice(place, GAS_PLACES, "gas")
    switches = {"mass": mass, "effusion": effusion, "collapse": collapse, "consolidation": consolidation}
    switches |= {"ild": ild, "pneumothorax": pneumothorax}
    chooser = np.random.default_rng([seed, 100])
    sides = {name: _sides(chooser, value, name) for name, value in switches.items()}
    sides["nodule"] = tuple(chooser.choice((1, -1), nodules).tolist())
    scene = make_scene(seed, sides, severity, arms, mass_place)._replace(contrast=contrast or "none", gas=places)

    axes = [
        -sign * (np.arange(n) - (n - 1) / 2) * step for n, step, sign in zip(shape, spacing, (1, 1, -1), strict=True)
    ]
    if cropped:
        reach = scene.anatomy.chest[0] - 6.0
        axes[0] = axes[0][np.abs(axes[0] - off_centre[0]) < reach]
    axes = crop_axes(axes, field, scene.anatomy, off_centre)
    affine = np.diag([-spacing[0], -spacing[1], spacing[2], 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    image, organs, structures, lesions = _render_slabs(axes, scene, np.deg2rad(rotation), off_centre, spacing)
    if contrast == "streaks":
        add_streaks(image, structures, tuple(spacing), np.random.default_rng([seed, 102]))
    _add_noise(image, np.random.default_rng([seed, 101]), noise)
    if padding is not None:
        outside = outside_circle(image.shape[:2], spacing[:2])
        image[outside] = padding
        for truth in (organs, structures, *lesions.values()):
            truth[outside] = 0
    image += hu_offset
    labels, locations = ct_labels(scene.findings)
    return ChestCTPhantom(image, affine, organs, structures, lesions, labels, locations, ct_report(scene.findings))


def _render_slabs(
    axes: list[np.ndarray], scene: Scene, angle: float, shift: Sequence[float], spacing: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    shape = tuple(len(axis) for axis in axes)
    image, organs, structures = np.empty(shape, np.float32), np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    lesions = {finding.name: np.zeros(shape, dtype=bool) for finding in scene.findings}
    thickness = max(1, _SLAB_VOXELS // (shape[0] * shape[1]))
    for start in range(0, shape[2], thickness):
        slab = slice(start, start + thickness)
        canvas = Canvas(Grid([axes[0], axes[1], axes[2][slab]], angle, shift), float(np.prod(spacing)) ** (1 / 3))
        for name, mask in render(canvas, scene).items():
            lesions[name][..., slab] = mask
        image[..., slab], organs[..., slab], structures[..., slab] = canvas.image, canvas.organs, canvas.structures
    return image, organs, structures, lesions


def _add_noise(image: np.ndarray, rng: np.random.Generator, noise: float) -> None:
    """Add noise, slightly smoothed within each slice as in scanners, and clip at -1024 HU."""
    for z in range(image.shape[2] if noise > 0 else 0):
        grain = gaussian_filter(rng.standard_normal(image.shape[:2], dtype=np.float32), 0.6)
        image[..., z] += grain * (noise / grain.std())
    np.maximum(image, -1024.0, out=image)
