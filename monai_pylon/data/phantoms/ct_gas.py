"""Gas where it is no lung in a CT phantom: in oesophagus, stomach and bowel, and under the skin."""

from __future__ import annotations

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.data.phantoms.ct_canvas import Canvas
from monai_pylon.data.phantoms.ct_scene import Scene
from monai_pylon.data.phantoms.shapes import Ellipsoid

__all__ = ["GAS_PLACES", "paint_hollow_organs", "paint_oesophagus_gas", "paint_subcutaneous_gas"]

#: Places that can be filled with gas beyond the usual bubbles.
GAS_PLACES = ("oesophagus", "stomach", "bowel", "subcutaneous")


def paint_oesophagus_gas(canvas: Canvas, scene: Scene) -> None:
    """Paint a dilated oesophagus full of gas, with a wall of 2.5 mm.

    Args:
        canvas: The slab, with the mediastinum but without the lungs.
        scene: The scene.

    Example:
        >>> from monai_pylon.data.phantoms.ct_scene import make_scene
        >>> from monai_pylon.data.phantoms.shapes import Grid
        >>> canvas = Canvas(Grid((np.arange(-30.0, 30.0, 3.0), np.arange(-60.0, 0.0, 3.0), np.zeros(1))), edge=3.0)
        >>> paint_oesophagus_gas(canvas, make_scene(0, {}, severity=0.5, arms="up"))
        >>> int(canvas.structures.max())
        23
    """
    segments = scene.anatomy.mediastinum.oesophagus.segments()
    canvas.paint_tubes(segments, 38.0, "oesophagus", grow=3.5)
    canvas.paint_tubes(segments, -985.0, "oesophagus gas", grow=1.0)


def _stomach_depth(canvas: Canvas, scene: Scene, hollow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the depth (X, Y, Z) inside a distended stomach that touches the left diaphragm, and inside its gas, mm."""
    x, y, z = canvas.grid.x, canvas.grid.y, canvas.grid.z
    left = scene.anatomy.domes[1]
    ball = Ellipsoid((-62.0, 18.0, left - 42.0), (56.0, 50.0, 48.0)).depth(x, y, z)
    # Over about 10 mm at the side of the dome, stomach and diaphragm together are thinner than a voxel, so that gas and
    # lung share voxels.
    aside = (x + 86.0) ** 2 + (y + 8.0) ** 2
    wall = 3.5 * (1.0 - np.exp(-aside / 14.0**2)) - 0.4
    return np.minimum(ball, hollow), np.minimum(ball - 2.5, hollow - wall)


def _bowel_loops(anatomy: Anatomy) -> list[Ellipsoid]:
    """Return loops of a distended colon below both domes; on the right in front of the liver."""
    loops = []
    for number in range(4):
        turn = 1.2 * number
        height = anatomy.domes[1] - 34.0 - 22.0 * number
        loops.append(Ellipsoid((-106.0 + 6.0 * number, 20.0 - 30.0 * np.cos(turn), height), (24.0, 22.0, 20.0)))
        height = anatomy.domes[0] - 36.0 - 4.0 * number
        loops.append(Ellipsoid((96.0 - 26.0 * number, 62.0 - 4.0 * number, height), (19.0, 20.0, 18.0)))
    return loops


def paint_hollow_organs(canvas: Canvas, scene: Scene, hollow: np.ndarray) -> None:
    """Paint a stomach and a colon that are distended by gas, if the scene has them.

    Args:
        canvas: The slab, with the abdomen but without the lungs.
        scene: The scene.
        hollow: (X, Y, Z), depth inside the abdominal cavity, mm.

    Example:
        >>> from monai_pylon.data.phantoms.ct_scene import make_scene
        >>> from monai_pylon.data.phantoms.shapes import Grid
        >>> canvas = Canvas(Grid((np.array([-62.0]), np.array([18.0]), np.array([-106.0]))), edge=3.0)
        >>> scene = make_scene(0, {}, severity=0.5, arms="up")._replace(gas=("stomach",))
        >>> paint_hollow_organs(canvas, scene, np.full((1, 1, 1), 30.0))
        >>> float(canvas.image[0, 0, 0])
        -985.0
    """
    if "stomach" in scene.gas:
        wall, gas = _stomach_depth(canvas, scene, hollow)
        canvas.paint(wall, 35.0, "stomach")
        canvas.paint(gas, -985.0, "stomach gas")
    if "bowel" in scene.gas:
        for shrink, hu, name in ((0.0, 40.0, "abdomen"), (2.0, -960.0, "bowel gas")):
            for loop in _bowel_loops(scene.anatomy):
                part = canvas.grid.crop(loop.box(canvas.edge))
                if part is not None:
                    where, g = part
                    depth = np.minimum(loop.depth(g.x, g.y, g.z), hollow[where] - 0.5) - shrink
                    canvas.paint(depth, hu, name, where)


def paint_subcutaneous_gas(canvas: Canvas, scene: Scene, skin: np.ndarray, wall: np.ndarray) -> None:
    """Paint streaks of gas under the skin and between the muscles outside the ribs (subcutaneous emphysema).

    Args:
        canvas: The slab, with the body but without bones and organs.
        scene: The scene.
        skin: (X, Y, Z), depth below the skin, mm.
        wall: (X, Y, Z), depth inside the ribs, mm.

    Example:
        >>> from monai_pylon.data.phantoms.ct_scene import make_scene
        >>> from monai_pylon.data.phantoms.shapes import Grid
        >>> axis = np.arange(-170.0, 170.0, 10.0)
        >>> canvas = Canvas(Grid((axis, axis, np.zeros(1))), edge=10.0)
        >>> scene = make_scene(0, {}, severity=0.5, arms="up")
        >>> g = canvas.grid
        >>> skin, wall = scene.anatomy.body_depth(g.x, g.y, g.z), scene.anatomy.thorax_depth(g.x, g.y, g.z)
        >>> paint_subcutaneous_gas(canvas, scene, skin, wall)
        >>> bool((canvas.structures == 24).any())
        True
    """
    x, y, z = canvas.grid.x, canvas.grid.y, canvas.grid.z
    # Gas spreads from the ribs over chest, neck and flanks, along the layers of fat.
    layer = np.minimum(np.minimum(skin - 3.0, -wall - 11.0), wall + 36.0)
    height = np.minimum(120.0 - z, z + 110.0)
    streaks = 7.0 * (scene.textures["patchy"](x, y, 0.4 * z) - 0.2)
    values = -760.0 + 60.0 * scene.textures["soft"](x, y, z)
    canvas.paint(np.minimum(np.minimum(layer, height), streaks), values, "subcutaneous gas")
