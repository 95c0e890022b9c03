"""Trees of vessels and bronchi that fill a lung; every branch points to the middle of the tissue it supplies."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy

__all__ = ["grow_lung_tree", "grow_tree"]


def grow_tree(
    rng: np.random.Generator,
    root: np.ndarray,
    inside: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    box: tuple[np.ndarray, np.ndarray],
    levels: int,
    radius: float,
) -> np.ndarray:
    """Grow a tree from a hilum into a lung.

    The points of the lung are divided in half at each generation. One branch supplies each half with half of the flow
    (Murray's law with exponent 2.7).

    Args:
        rng: Random numbers for the 2^levels points that the tree must reach.
        root: (3,), where the tree enters, mm.
        inside: Function that returns the depth (K,) of points in the lung, mm.
        box: Lowest and highest corner (3,) of the lung.
        levels: Number of generations.
        radius: Radius of the first branch, mm.

    Returns:
        (B, 8): both ends (3 + 3) and both radii of each branch, thickest first.

    Example:
        >>> everywhere = lambda x, y, z: np.full(x.shape, 10.0)
        >>> corner = np.zeros(3), np.full(3, 100.0)
        >>> grow_tree(np.random.default_rng(0), np.zeros(3), everywhere, corner, levels=3, radius=4.0).shape
        (15, 8)
    """
    count = 2**levels
    points = rng.uniform(*box, size=(6 * count, 3)).astype(np.float32)
    points = points[np.argsort(inside(*points.T) < 3.0, kind="stable")[:count]]
    groups, starts = points[None], np.asarray(root, np.float32)[None]
    branches = []
    for level in range(levels + 1):
        middle = groups.mean(axis=1)
        ends = groups[:, 0] if level == levels else starts + 0.45 * (middle - starts)
        thick = radius * 2.0 ** (-level / 2.7)
        radii = np.broadcast_to([thick, thick * (0.45 if level == levels else 2.0 ** (-1 / 2.7))], (len(ends), 2))
        branches.append(np.concatenate([starts, ends, radii], axis=1))
        if level == levels:
            break
        # halve each group across its longest side
        side = np.argmax(groups.max(axis=1) - groups.min(axis=1), axis=1)
        key = np.take_along_axis(groups, side[:, None, None], axis=2)[..., 0]
        order = np.argsort(key, axis=1)
        groups = np.take_along_axis(groups, order[..., None], axis=1).reshape(2 * len(groups), -1, 3)
        starts = np.repeat(ends, 2, axis=0)
    return np.concatenate(branches)


def grow_lung_tree(
    rng: np.random.Generator, anatomy: Anatomy, side: int, kind: str, levels: int | None = None
) -> np.ndarray:
    """Grow the arteries, the veins or the bronchi of one lung.

    Args:
        rng: Random numbers.
        anatomy: The patient.
        side: +1 right, -1 left.
        kind: "arteries", "veins" or "bronchi" (beyond the main bronchus).
        levels: Number of generations; None for as many as a CT shows.

    Returns:
        (B, 8): both ends (3 + 3) and both radii of each branch.

    Example:
        >>> from monai_pylon.data.phantoms.anatomy import make_anatomy
        >>> grow_lung_tree(np.random.default_rng(0), make_anatomy(np.random.default_rng(0)), 1, "bronchi").shape
        (63, 8)
    """
    offset, radius, usual = {
        "arteries": ((2 * side, 8, 4), 6.0, 8),
        "veins": ((-4 * side, 10, -14), 5.5, 8),
        "bronchi": ((0, 0, 0), 4.2, 5),
    }[kind]
    root = anatomy.mediastinum.hila[0 if side > 0 else 1] + offset
    corners = np.array([[10.0 * side, -98, -118], [136.0 * side, 92, anatomy.apex]])
    box = (corners.min(axis=0), corners.max(axis=0))
    lung = partial(anatomy.lung_depth, side=side)
    return grow_tree(rng, root, lung, box, levels=usual if levels is None else levels, radius=radius)
