"""From millimetres of tissue to the gray values of a film: exposure, contrast, noise and borders."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from monai_pylon.data.film_canvas import Film
from monai_pylon.data.film_chest import CLEAR_MM, ChestLayers

__all__ = ["expose"]


def expose(
    film: Film,
    layers: ChestLayers,
    absorption: np.ndarray,
    looks: np.random.Generator,
    grain: np.random.Generator,
    view: str,
) -> np.ndarray:
    """Make the picture.

    Exposure is set by the patient as he would be without findings, so that a finding changes the picture only where
    it lies.

    Args:
        film: the film.
        layers: the chest without findings.
        absorption: (H, W) mm of soft tissue that each ray meets, with findings and overlays.
        looks: draws contrast, brightness and borders.
        grain: draws the noise.
        view: "PA" or "AP"; an AP film has less contrast and more noise.

    Returns:
        float32 (H, W), 0 (black) to 1 (white).

    Example:
        >>> from monai_pylon.data.film_canvas import FilmPose
        >>> chest = ChestLayers(np.zeros((2, 64, 64)), np.full((2, 64, 64), 99.0), np.full((64, 64), 200.0))
        >>> dice = np.random.default_rng(0), np.random.default_rng(1)
        >>> expose(Film(64, 400.0, FilmPose()), chest, np.full((64, 64), 200.0), *dice, "PA").shape
        (64, 64)
    """
    bare = layers.solid - layers.gas.sum(axis=0)
    quarter = film.size // 4
    lung = float(np.median(bare[layers.lungs.max(axis=0) > CLEAR_MM]))
    soft = float(np.median(bare[-quarter // 2 :, quarter:-quarter]))
    portable = view == "AP"
    dark = looks.uniform(0.28, 0.5) if portable else looks.uniform(0.2, 0.42)
    light = looks.uniform(0.68, 0.84) if portable else looks.uniform(0.78, 0.92)
    low, high = (float(np.log(gray / (1.0 - gray))) for gray in (dark, light))
    speckle = grain.standard_normal((film.size, film.size), dtype=np.float32)
    speckle = gaussian_filter(speckle, 0.5) if portable else speckle
    speckle *= looks.uniform(0.02, 0.05) if portable else looks.uniform(0.01, 0.03)
    contrast = max(soft - lung, 30.0)
    # the fewer quanta come through, the more they scatter
    noise = speckle * np.clip(0.7 + 0.5 * (bare - lung) / contrast, 0.4, 1.5)
    image = 1.0 / (1.0 + np.exp(-(low + (high - low) * ((absorption - lung) / contrast + noise))))
    if looks.random() < 0.25:
        _collimate(image, looks)
    return np.asarray(image, dtype=np.float32)


def _collimate(image: np.ndarray, looks: np.random.Generator) -> None:
    """Blacken up to four borders, as shutters before the tube do."""
    size = image.shape[0]
    for turn in range(4):
        edge = int(size * max(0.0, looks.uniform(-0.05, 0.05)))
        np.rot90(image, turn)[:edge] = 0.02
