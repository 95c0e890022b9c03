"""Chests drawn from a few ellipsoids: less like a patient than the phantom, and every part of them can be moved."""

from __future__ import annotations

import numpy as np

__all__ = ["drawn_chest"]

SHAPE, EDGE = (90, 64, 72), 4.0


def drawn_chest(
    left_dome: float = -80.0, right_dome: float = -80.0, gas: bool = False, trachea: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A chest on cells of 4 mm, axes in RAS, with ribs and a spine, symmetric but for the diaphragm.

    Args:
        left_dome: height of the left dome of the diaphragm in mm; the lungs reach from -80 to 110. Soft tissue below.
        right_dome: likewise.
        gas: a bubble of gas 10 mm below the left dome.
        trachea: whether there is one.

    Returns:
        (X, Y, Z) in HU, the right lung and the left one as they were drawn.
    """
    x, y, z = (
        (np.arange(n) - (n - 1) / 2).reshape([-1 if axis == a else 1 for a in range(3)]) * EDGE
        for axis, n in enumerate(SHAPE)
    )
    ct = np.full(SHAPE, -1000.0)
    round_ = np.hypot(x / 165, y / 115) + 0 * z
    ct[round_ < 1] = 40.0
    ct[(round_ > 0.84) & (round_ < 0.9) & (np.abs(x) > 30) & (np.abs((z + 0.4 * y) % 28) < 10)] = 500.0  # ribs
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
