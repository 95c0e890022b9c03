"""Volume that a CT phantom is painted on: HU with soft edges, and the structure and organ of each voxel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from monai_pylon.data.phantoms.shapes import Box, Grid, cone_depth, cover

__all__ = ["PHANTOM_STRUCTURES", "Canvas"]

#: Values of the map of structures, by name. Later structures are painted over earlier ones.
PHANTOM_STRUCTURES: dict[str, int] = {
    name: value
    for value, name in enumerate(
        (
            "air", "table", "fat", "muscle", "bone", "spinal canal", "mediastinal fat", "heart", "aorta",
            "great vessels", "oesophagus", "airway wall", "airway", "lung", "lung vessel", "bronchus", "lesion",
            "pleural air", "pleural fluid", "abdomen", "stomach", "stomach gas", "bowel gas",
            "oesophagus gas", "subcutaneous gas",
        )
    )
}  # fmt: skip


class Canvas:
    """Slab of a volume while it is painted.

    Args:
        grid: The voxel centers.
        edge: Width of the soft edge, about one voxel, mm.

    Example:
        >>> canvas = Canvas(Grid((np.arange(3.0), np.arange(3.0), np.arange(3.0))), edge=1.0)
        >>> float(canvas.image.max())
        -1000.0
    """

    def __init__(self, grid: Grid, edge: float) -> None:
        self.grid, self.edge = grid, edge
        self.image = np.full(grid.shape, -1000.0, dtype=np.float32)
        self.structures = np.zeros(grid.shape, dtype=np.uint8)
        self.organs = np.zeros(grid.shape, dtype=np.uint8)

    def paint(
        self,
        depth: np.ndarray,
        hu: float | np.ndarray,
        name: str,
        where: tuple[slice, slice, slice] = (slice(None),) * 3,
    ) -> None:
        """Paint a shape over the present content.

        Args:
            depth: (x, y, z), depth inside the shape on the part ``where`` of the grid, mm.
            hu: HU of the shape, a number or (x, y, z).
            name: Its structure, one of ``PHANTOM_STRUCTURES``.
            where: The part of the grid.
        """
        share = cover(depth, self.edge)
        part = self.image[where]
        part += share * (hu - part)
        self.structures[where][np.broadcast_to(depth > 0, part.shape)] = PHANTOM_STRUCTURES[name]

    def paint_in(self, box: Box, depth: Callable[..., np.ndarray], hu: float, name: str) -> None:
        """Paint a shape, given as a depth function of (x, y, z), inside a box."""
        part = self.grid.crop(box)
        if part is not None:
            where, grid = part
            self.paint(depth(grid.x, grid.y, grid.z), hu, name, where)

    def paint_tubes(
        self,
        segments: np.ndarray,
        hu: float,
        name: str,
        grow: float = 0.0,
        inside: np.ndarray | None = None,
    ) -> None:
        """Paint round cones (S, 8), widened by ``grow`` mm, where the depth ``inside`` (X, Y, Z) is positive."""
        reach = segments[:, 6:8].max(axis=1) + grow + self.edge
        lows = np.minimum(segments[:, :3], segments[:, 3:6]) - reach[:, None]
        highs = np.maximum(segments[:, :3], segments[:, 3:6]) + reach[:, None]
        heights = self.grid.z.ravel()
        for index in np.flatnonzero((highs[:, 2] >= heights.min()) & (lows[:, 2] <= heights.max())):
            part = self.grid.crop(Box(lows[index], highs[index]))
            if part is None:
                continue
            where, grid = part
            segment = segments[index] + (0, 0, 0, 0, 0, 0, grow, grow)
            depth, radius = cone_depth(segment, grid.x, grid.y, grid.z)
            # a tube thinner than a voxel fills only a share of it
            depth = np.minimum(depth, np.pi * radius**2 / self.edge - 0.5 * self.edge)
            self.paint(depth if inside is None else np.minimum(depth, inside[where]), hu, name, where)
