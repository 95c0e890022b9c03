"""Anatomy of one chest in millimeters: the shapes that the CT phantom renders and the radiograph phantom projects.

The origin is the middle of the chest; the axes point to the patient's right, front and head (RAS). Every number varies
a little from seed to seed. The lungs are asymmetric because heart and aorta lie more to the left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.mediastinum import Mediastinum, make_mediastinum
from monai_pylon.data.phantoms.shapes import Tube, superellipse_depth, superellipse_reach

__all__ = ["Anatomy", "make_anatomy"]

#: Drop of the lung's outline below the top of the cupola at a distance of one radius, mm.
_CUPOLA_DROP = 38.0


class Anatomy(NamedTuple):
    """Shapes of one patient. The argument ``side`` is +1 for the right and -1 for the left lung.

    Attributes:
        chest: Half width and half depth of the chest cavity, mm.
        apex: Height of the top of the lungs, mm.
        domes: Height of the right and the left diaphragm, mm.
        body: Half width and half depth of the body at the chest, mm.
        fat: Thickness of the subcutaneous fat, mm.
        mediastinum: Heart, vessels and airways, and the surfaces where the lungs meet them.
        rib_phase: Height of the first rib, mm.
        rib_gap: Distance between ribs, mm.
        lung_hu: HU of lung without its vessels.
        arms: "up" or "down".

    Example:
        >>> anatomy = make_anatomy(np.random.default_rng(0))
        >>> (anatomy.lung_depth(np.array([70.0, 0.0]), np.zeros(2), np.zeros(2), side=1) > 0).tolist()
        [True, False]
    """

    chest: tuple[float, float]
    apex: float
    domes: tuple[float, float]
    body: tuple[float, float]
    fat: float
    mediastinum: Mediastinum
    rib_phase: float
    rib_gap: float
    lung_hu: float
    arms: str

    def thorax_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the depth (...) inside the inner surface of the ribs, mm; the diaphragm is not part of it."""
        width, depth = self.chest
        taper = 1.0 - 0.06 * ((z + 40.0) / 100.0) ** 2
        wall = superellipse_depth(x, y, width * taper, depth * taper)
        # flat between the two cupolas
        return np.minimum(wall, self._cupola(np.maximum(np.abs(x) - 48.0, 0.0) / 42.0, y, z))

    def _cupola(self, u: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the depth (...) below the top of a lung, at ``u`` radii beside its middle, mm."""
        radius = np.where(y > -20.0, 50.0, 60.0).astype(np.float32)
        v = (y + 20.0) / radius
        roof = self.apex - _CUPOLA_DROP * (u * u + v * v) - z
        return roof / np.sqrt(1.0 + (2 * _CUPOLA_DROP) ** 2 * ((u / 42.0) ** 2 + (v / radius) ** 2))

    def thorax_faces(self, x: np.ndarray, z: np.ndarray, grow: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the y (...) at which a line from back to front at (x, z) enters and leaves the thorax.

        The thorax is enlarged by ``grow`` mm. If the line misses it, both are the y of the middle of the cupola.
        """
        taper = 1.0 - 0.06 * ((z + 40.0) / 100.0) ** 2
        reach = superellipse_reach(x, self.chest[0] * taper + grow, self.chest[1] * taper + grow)
        u = np.maximum(np.abs(x) - 48.0, 0.0) / (42.0 + 0.45 * grow)
        under = np.sqrt(np.maximum((self.apex + grow - z) / _CUPOLA_DROP - u * u, 0.0))
        back = np.minimum(np.maximum(-reach, -20.0 - (60.0 + 0.45 * grow) * under), -20.0)
        return back, np.maximum(np.minimum(reach, -20.0 + (50.0 + 0.45 * grow) * under), -20.0)

    def lung_spans(
        self, y: np.ndarray, z: np.ndarray, side: int, gap: np.ndarray | float = 0.0
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the spans of a line from left to right at (y, z) inside one pleural cavity.

        Inside means that ``lung_depth`` is positive.

        Args:
            y, z: Coordinates that broadcast to ``(...)``, mm.
            side: +1 right, -1 left.
            gap: Distance of the lung from chest wall and cupola, as in a pneumothorax, mm, broadcasting likewise; 60 at
                most.

        Returns:
            Two spans, medial and lateral to the dome of the diaphragm. Each is the lower and the higher x (...), empty
            if the first is not the lower one.
        """
        taper = 1.0 - 0.06 * ((z + 40.0) / 100.0) ** 2
        wall = superellipse_reach(y, self.chest[1] * taper - gap, self.chest[0] * taper - gap)
        v = (y + 20.0) / np.where(y > -20.0, np.float32(50.0), np.float32(60.0))
        above = (self.apex - z) / _CUPOLA_DROP - v * v
        under = above - gap / _CUPOLA_DROP
        # the gap does not move the medial border
        inner = 48.0 - 62.0 * np.sqrt(np.maximum(above, 0.0))
        first = np.maximum(side * self.mediastinum.surface(y, z, side), inner)
        cupola = 48.0 + (42.0 - 0.6 * gap) * np.sqrt(np.maximum(under, 0.0))
        last = np.where(under > 0.0, np.minimum(wall, cupola), first)
        v = (y - 22.0) / np.where(y > 22.0, np.float32(95.0), np.float32(78.0))
        dome = np.sqrt(np.maximum((self.domes[0 if side > 0 else 1] - z) / 32.0 - v * v, 0.0))
        spans = ((first, np.minimum(last, 58.0 - 130.0 * dome)), (np.maximum(first, 58.0 + 62.0 * dome), last))
        return [(low, high) if side > 0 else (-high, -low) for low, high in spans]

    def trunk_chord(self, x: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the length (...) of a line from back to front at (x, z) inside trunk and neck, mm."""
        width, depth, _ = self._body_section(z)
        return 2.0 * superellipse_reach(x, width, depth)

    def fissure_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, side: int) -> np.ndarray:
        """Return the distance (...) behind the oblique fissure of one side, mm; positive in the lower lobe."""
        bow = 0.0012 * (side * x - 70.0) ** 2
        return -0.62 * (y + 8.0) - 0.78 * (z + 12.0) - 0.1 * (side * x - 60.0) - bow

    def floor_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the distance (...) above the diaphragm, which has a dome on either side, mm."""
        top = self.domes[1] + (self.domes[0] - self.domes[1]) / (1.0 + np.exp(-x / 12.0))
        u, v = np.abs(x) - 58.0, y - 22.0
        u = u / np.where(u > 0, np.float32(62.0), np.float32(130.0))
        v = v / np.where(v > 0, np.float32(95.0), np.float32(78.0))
        return (z - top + 32.0 * (u * u + v * v)) / np.sqrt(1.0 + (u * u + v * v))

    def medial_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, side: int) -> np.ndarray:
        """Return the distance (...) from the mediastinum and the medial slope of the cupola of one side, mm."""
        cupola = self._cupola(np.minimum(side * x - 48.0, 0.0) / 62.0, y, z)
        return np.minimum(cupola, self.mediastinum.beside(x, y, z, side))

    def lung_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, side: int) -> np.ndarray:
        """Return the depth (...) inside the pleural cavity of one side, mm."""
        depth = np.minimum(self.thorax_depth(x, y, z), self.floor_depth(x, y, z))
        return np.minimum(depth, self.medial_depth(x, y, z, side))

    def arm(self, side: int) -> Tube:
        """Return the upper arm of one side, raised beside the head or along the body."""
        if self.arms == "up":
            return Tube(np.array([[side * 132, -25, 100], [side * 118, -10, 260.0]]), np.array([56.0, 46.0]))
        beside = self.body[0] + 2.0
        ends = np.array([[side * beside, -30, 105], [side * (beside + 56), -35, -220.0]])
        return Tube(ends, np.array([52.0, 40.0]))

    def long_bones(self) -> list[Tube]:
        """Return both clavicles and both humeri."""
        bones = []
        for side in (1, -1):
            arm = self.arm(side)
            clavicle = [(side * 20, 36, 94), (side * 62, 46, 104), (side * 128, -8, 118)]
            bones.append(Tube(np.array(clavicle, float), np.array([6.5, 5.0, 6.0])))
            bones.append(Tube(arm.points, np.array([12.0, 11.0])))
            bones.append(Tube(arm.points[[0, 0]] + [[0, 0, 0], [0, 0, 1]], np.array([21.0, 21.0])))
        return bones

    def body_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Return the depth (...) inside the skin of trunk and neck, without the arms, mm."""
        width, depth, back = self._body_section(z)
        return superellipse_depth(x, y - back, width, depth)

    def _body_section(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return half width, half depth and middle (y) of the trunk at heights (...), mm."""
        heights = [-400.0, -180.0, -60.0, 40.0, 95.0, 128.0, 146.0, 158.0, 180.0, 400.0]
        widths = [0.93, 0.93, 0.97, 1.0, 1.08, 1.02, 0.72, 0.42, 0.36, 0.36]
        depths = [0.95, 0.96, 1.0, 0.98, 0.86, 0.72, 0.6, 0.53, 0.52, 0.52]
        width, depth = (np.interp(z, heights, share).astype(np.float32) for share in (widths, depths))
        # the back lies on the table, so that a thinner section lies further back
        back = self.body[1] * (depth - 1.0) * 0.75 - 6.0
        return self.body[0] * width, self.body[1] * depth, back

    def rib_depth(self, x: np.ndarray, y: np.ndarray, z: np.ndarray, wall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the depth (...) inside the ribs, mm, and the share of the way round from spine (0) to sternum (1)."""
        round_ = np.arctan2(np.abs(x), -(y + 0.0 * z)) / np.pi
        # ribs descend from spine to sternum, the lower ones more
        fall = 52.0 + 46.0 * np.clip((70.0 - z) / 120.0, 0.0, 1.0)
        slant = z + fall * np.sin(np.pi * 0.72 * round_) - self.rib_phase
        number = np.clip(np.round(slant / self.rib_gap), -11, 0)
        across = np.abs(slant - number * self.rib_gap)
        return np.minimum(4.0 - np.abs(-wall - 5.0), 0.8 * (6.0 - across)), round_


def make_anatomy(
    rng: np.random.Generator,
    *,
    arms: str = "up",
    heart_scale: float = 1.0,
    shift: float = 0.0,
    dome_rise: tuple[float, float] = (0.0, 0.0),
) -> Anatomy:
    """Draw one patient.

    Args:
        rng: Random numbers for every variation.
        arms: "up" or "down".
        heart_scale: 1 for a heart of normal size, 1.3 and more for an enlarged one.
        shift: Displacement of heart and vessels towards the right, mm.
        dome_rise: Elevation of the right and the left diaphragm, mm.

    Returns:
        The patient.

    Example:
        >>> make_anatomy(np.random.default_rng(3)).arms
        'up'
    """
    size = float(np.clip(rng.normal(1.0, 0.035), 0.92, 1.08))
    chest = (137.0 * size * rng.uniform(0.97, 1.03), 97.0 * size * rng.uniform(0.94, 1.06))
    fat = float(rng.uniform(7.0, 24.0))
    domes = (-52.0 + rng.uniform(-8, 8) + dome_rise[0], -64.0 + rng.uniform(-8, 8) + dome_rise[1])
    return Anatomy(
        chest=chest,
        apex=118.0 + float(rng.uniform(-5, 5)),
        domes=domes,
        body=(chest[0] + 22.0 + fat, chest[1] + 22.0 + 0.7 * fat),
        fat=fat,
        mediastinum=make_mediastinum(rng, heart_scale, shift, max(domes)),
        rib_phase=112.0 + float(rng.uniform(-6, 6)),
        rib_gap=float(rng.uniform(22.5, 26.0)),
        lung_hu=float(rng.uniform(-885.0, -835.0)),
        arms=arms,
    )
