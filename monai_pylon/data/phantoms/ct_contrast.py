"""Contrast medium in a CT phantom: HU of blood in two phases, and streaks of undiluted contrast medium in a vein."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES
from monai_pylon.data.phantoms.shapes import Tube

__all__ = ["CONTRAST_PHASES", "HEART_WALL_MM", "add_streaks", "blood_hu", "injected_vein"]

#: HU by phase, of vessels by name, "heart" (blood), "heart wall" and "lung"; a vessel without a value of its own has
#: that of "aorta". "streaks" is the arterial phase while contrast medium still flows in through the right arm.
_BLOOD_HU: dict[str, dict[str, float]] = {
    "none": {"heart": 42.0, "heart wall": 42.0, "aorta": 45.0, "lung": 40.0},
    "arterial": {"heart": 320.0, "heart wall": 110.0, "aorta": 350.0, "vena cava": 420.0, "lung": 280.0},
    "venous": {"heart": 165.0, "heart wall": 115.0, "aorta": 170.0, "lung": 150.0},
}
_BLOOD_HU["streaks"] = _BLOOD_HU["arterial"] | {"vena cava": 1200.0, "injected vein": 1800.0}

#: Phases that a phantom can have besides "none".
CONTRAST_PHASES = ("arterial", "venous", "streaks")

#: Thickness of the heart's wall, which takes up less contrast medium than the blood, mm.
HEART_WALL_MM = 7.0

#: Blood denser than this HU causes streaks, of this amplitude in HU, which fades over this distance in mm.
_DENSE_HU, _STREAK_HU, _FADE_MM = 900.0, 220.0, 70.0

#: Cross-section of dense blood in mm2 from which the streaks of a slice are strongest.
_FULL_STREAKS_MM2 = 800.0


def blood_hu(phase: str, name: str) -> float:
    """Return the HU of blood.

    Args:
        phase: "none" or one of ``CONTRAST_PHASES``.
        name: Vessel of the mediastinum, "heart", "heart wall", "injected vein" or "lung".

    Returns:
        The HU.

    Example:
        >>> blood_hu("none", "vena cava"), blood_hu("arterial", "vena cava")
        (45.0, 420.0)
    """
    values = _BLOOD_HU[phase]
    return values.get(name, values["aorta"])


def injected_vein(vena_cava: Tube) -> Tube:
    """Return the vein that carries contrast medium from the right arm over the apex of the lung to the vena cava.

    Args:
        vena_cava: The vena cava.

    Returns:
        The vein.

    Example:
        >>> len(injected_vein(Tube(np.zeros((4, 3)), np.full(4, 9.0))).points)
        4
    """
    end = np.asarray(vena_cava.points[-2], float)
    points = np.array([end, end + np.array([20.0, 14.0, 12.0]), (72.0, 34.0, 108.0), (150.0, 0.0, 112.0)])
    return Tube(points, np.array([7.0, 7.0, 7.0, 6.0]))


def add_streaks(
    image: np.ndarray, structures: np.ndarray, spacing: tuple[float, ...], rng: np.random.Generator
) -> None:
    """Add bright and dark streaks around very dense blood, slice by slice, in place.

    Streaks run straight away from the dense blood within the body, as beam hardening and scatter make them.

    Args:
        image: (X, Y, Z) in HU.
        structures: (X, Y, Z), values as in ``PHANTOM_STRUCTURES``.
        spacing: (x, y, z) mm.
        rng: Random numbers for the directions of the streaks.

    Example:
        >>> image, structures = np.full((9, 9, 1), 40.0), np.full((9, 9, 1), PHANTOM_STRUCTURES["muscle"])
        >>> image[4, 4], structures[4, 4] = 1800.0, PHANTOM_STRUCTURES["great vessels"]
        >>> add_streaks(image, structures, (5.0, 5.0, 5.0), np.random.default_rng(0))
        >>> float(image[4, 4, 0]), bool(np.ptp(image[structures == PHANTOM_STRUCTURES["muscle"]]) > 5)
        (1800.0, True)
    """
    counts, phases = np.arange(5, 19, 2), rng.uniform(0.0, 2.0 * np.pi, 7)
    outside = PHANTOM_STRUCTURES["air"], PHANTOM_STRUCTURES["table"]
    for z in range(image.shape[2]):
        dense = (structures[..., z] == PHANTOM_STRUCTURES["great vessels"]) & (image[..., z] > _DENSE_HU)
        if not dense.any():
            continue
        x, y = (
            (np.arange(n) - middle) * step
            for n, middle, step in zip(dense.shape, ndimage.center_of_mass(dense), spacing, strict=False)
        )
        angle = np.arctan2(y[None, :], x[:, None])
        # The streaks turn slowly from slice to slice.
        wave = np.cos(counts * angle[..., None] + phases + 0.02 * counts * z * spacing[2]).sum(axis=-1)
        distance = ndimage.distance_transform_edt(~dense, sampling=spacing[:2])
        strength = min(1.0, np.count_nonzero(dense) * spacing[0] * spacing[1] / _FULL_STREAKS_MM2)
        streaks = _STREAK_HU * strength * wave * np.exp(-distance / _FADE_MM)
        image[..., z] += np.where(dense | np.isin(structures[..., z], outside), 0.0, streaks)
