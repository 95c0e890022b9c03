"""Chests drawn from a few ellipsoids or boxes: less like a patient than the phantom, but fast and easy to change."""

from __future__ import annotations

import numpy as np

__all__ = ["box_chest", "drawn_chest"]

SHAPE, EDGE = (90, 64, 72), 4.0


def box_chest() -> np.ndarray:
    """Draw a chest from boxes on voxels of 4 mm, axes in RAS: two lungs of 553 mL each, and a trachea.

    Returns:
        (60, 40, 30) in HU. The left lung has x from 8 to 25, the right lung from 34 to 51.
    """
    ct = np.full((60, 40, 30), -1000.0)
    ct[5:55, 5:35] = 40.0
    ct[8:26, 10:30, 3:27] = ct[34:52, 10:30, 3:27] = -850.0
    ct[28:32, 18:22, 14:30] = -1000.0
    return ct


def drawn_chest(
    left_dome: float = -80.0, right_dome: float = -80.0, gas: bool = False, trachea: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw a chest on voxels of 4 mm, axes in RAS, with ribs and a spine, symmetric except for the diaphragm.

    Args:
        left_dome: Height of the left dome of the diaphragm in mm. Below it is soft tissue. The lungs reach from -80 to
            110 mm.
        right_dome: Height of the right dome in mm.
        gas: Whether to add a bubble of gas 10 mm below the left dome.
        trachea: Whether to draw a trachea.

    Returns:
        The volume (X, Y, Z) in HU, and the right and the left lung (X, Y, Z) bool.
    """
    x, y, z = (
        (np.arange(n) - (n - 1) / 2).reshape([-1 if axis == a else 1 for a in range(3)]) * EDGE
        for axis, n in enumerate(SHAPE)
    )
    ct = np.full(SHAPE, -1000.0)
    radius = np.hypot(x / 165, y / 115) + 0 * z
    ct[radius < 1] = 40.0
    ct[(radius > 0.84) & (radius < 0.9) & (np.abs(x) > 30) & (np.abs((z + 0.4 * y) % 28) < 10)] = 500.0  # ribs
    ct[(np.hypot(x, y + 80) < 18) & (z == z)] = 400.0  # spine
    lungs = []
    for side, dome in ((1, right_dome), (-1, left_dome)):
        within = np.sqrt(((side * x - 74) / 52) ** 2 + (y / 80) ** 2 + ((z - 0) / 125) ** 2) < 1
        floor = dome - ((side * x - 74) ** 2 + y**2) / 120
        lungs.append(within & (z > floor) & (z < 110))
        ct[lungs[-1]] = -850.0
    if gas:
        ct[((x + 74) / 36) ** 2 + (y / 40) ** 2 + ((z - left_dome + 42) / 32) ** 2 < 1] = -1000.0
    if trachea:
        ct[(np.hypot(x, y + 10) < 9) & (z > 10)] = -1000.0
    return ct, lungs[0], lungs[1]
