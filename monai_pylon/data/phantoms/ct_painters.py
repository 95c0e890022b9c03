"""Painters of the CT phantom, in painting order: later ones paint over earlier ones."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from monai_pylon.data.phantoms.anatomy import Anatomy
from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES, Canvas
from monai_pylon.data.phantoms.ct_contrast import HEART_WALL_MM, blood_hu, injected_vein
from monai_pylon.data.phantoms.ct_findings import LungFields, alter_lung
from monai_pylon.data.phantoms.ct_gas import paint_hollow_organs, paint_oesophagus_gas, paint_subcutaneous_gas
from monai_pylon.data.phantoms.ct_scene import Scene
from monai_pylon.data.phantoms.shapes import Box, Ellipsoid, Grid, superellipse_depth
from monai_pylon.taxonomy.organs import ORGAN_VALUES

__all__ = ["render"]


class _Fields(NamedTuple):
    """Arrays that several painters need: coordinates, height against gravity, depth in skin and ribs, diaphragm."""

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    up: np.ndarray
    skin: np.ndarray
    wall: np.ndarray
    floor: np.ndarray


def _skin(anatomy: Anatomy, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    skin = anatomy.body_depth(x, y, z)
    for side in (1, -1):
        skin = np.maximum(skin, anatomy.arm(side).depth(x, y, z))
    return skin


def _paint_table(canvas: Canvas, scene: Scene) -> None:
    # the table follows the scanner's axes and stays level if the patient is rotated
    level = Grid(canvas.grid.axes, 0.0, (0.0, canvas.grid.shift[1], 0.0))
    half, thick = 130.0 + 90.0 * scene.chances[0], 16.0 + 8.0 * scene.chances[1]
    sag = 0.0006 * (scene.chances[2] > 0.5) * level.x**2
    middle = -scene.anatomy.body[1] - 7.0 - thick + sag
    shell = np.minimum(half - np.abs(level.x), thick - np.abs(level.y - middle)) + 0.0 * level.z
    canvas.paint(shell, -60.0 - 150.0 * scene.chances[3], "table")
    canvas.paint(shell - 2.2, -930.0 - 40.0 * scene.chances[4], "table")


def _paint_body(canvas: Canvas, f: _Fields, scene: Scene) -> None:
    anatomy = scene.anatomy
    canvas.paint(f.skin, 15.0, "muscle")
    canvas.paint(f.skin - 1.8, -105.0, "fat")
    # thicker in front and behind than at the sides
    fat = anatomy.fat * np.where(f.wall > -60.0, 0.8, 0.6)
    grain = scene.textures["soft"](f.x, f.y, f.z)
    canvas.paint(f.skin - fat, 50.0 + 9.0 * grain, "muscle")
    # fat between muscle layers
    canvas.paint(np.minimum(f.skin - fat - 3.0, 1.2 - np.abs(f.wall + 13.0 + 3.0 * grain)), -80.0, "fat")


def _paint_bones(canvas: Canvas, f: _Fields, scene: Scene) -> None:
    anatomy = scene.anatomy
    x, y, z = f.x, f.y, f.z
    ribs, round_ = anatomy.rib_depth(x, y, z, f.wall)
    ribs = np.minimum(ribs, f.skin - 5.0)
    cartilage = round_ > 0.74
    canvas.paint(ribs, np.where(cartilage, 105.0, 520.0), "bone")
    canvas.paint(np.where(cartilage, -9.0, ribs - 1.6), 190.0, "bone")
    plate = np.minimum(3.2 - np.abs(-f.wall - 20.0), (0.11 - np.abs(round_ - 0.33)) * 300.0)
    plate = np.minimum(np.minimum(plate, f.skin - 6.0), 52.0 - np.abs(z - 52.0))
    canvas.paint(np.where(np.abs(x) > 55.0, plate, -9.0), 420.0, "bone")
    breast = np.minimum(np.minimum(17.0 - np.abs(x), 5.5 - np.abs(-f.wall - 7.0)), 68.0 - np.abs(z - 20.0))
    breast = np.where(y > 0.0, breast, -9.0)
    canvas.paint(breast, 380.0, "bone")
    canvas.paint(breast - 1.6, 130.0, "bone")
    _paint_spine(canvas, f, scene)
    for bone in anatomy.long_bones():
        canvas.paint_tubes(bone.segments(), 700.0, "bone")
        canvas.paint_tubes(bone.segments(), 120.0, "bone", grow=-3.5)


def _paint_spine(canvas: Canvas, f: _Fields, scene: Scene) -> None:
    part = canvas.grid.crop(Box((-45, -140, -400), (45, -55, 400)))
    if part is None:
        return
    where, g = part
    gap = scene.anatomy.rib_gap
    rise = np.abs((g.z - scene.anatomy.rib_phase) / gap - np.round((g.z - scene.anatomy.rib_phase) / gap)) * gap
    column = superellipse_depth(g.x, g.y + 78.0, np.float32(18.5), np.float32(15.5)) + 0.0 * g.z
    canvas.paint(column, 85.0, "bone", where)
    body = np.minimum(column, gap / 2 - 2.6 - rise)
    canvas.paint(body, 430.0, "bone", where)
    canvas.paint(body - 1.8, 190.0, "bone", where)
    ring = superellipse_depth(g.x, g.y + 104.0, np.float32(14.0), np.float32(13.0)) + 0.0 * g.z
    spine = np.minimum(np.minimum(3.5 - np.abs(g.x), 14.0 - np.abs(g.y + 122.0)), 8.0 - rise)
    wings = np.minimum(np.minimum(36.0 - np.abs(g.x), 4.5 - np.abs(g.y + 104.0 + 0.0 * g.z)), 5.5 - rise)
    back = np.maximum(np.maximum(ring, spine), wings)
    canvas.paint(np.minimum(back, f.skin[where] - 5.0), 350.0, "bone", where)
    canvas.paint(
        superellipse_depth(g.x, g.y + 101.0, np.float32(9.0), np.float32(8.0)) + 0.0 * g.z, 22.0, "spinal canal", where
    )


def _paint_heart(canvas: Canvas, heart: tuple[Ellipsoid, ...], contrast: str) -> None:
    for lobe in heart:
        canvas.paint_in(lobe.box(), lobe.depth, blood_hu(contrast, "heart wall"), "heart")
    if contrast == "none":
        return
    for lobe in heart:
        blood = lobe._replace(radii=np.subtract(lobe.radii, HEART_WALL_MM))
        canvas.paint_in(blood.box(), blood.depth, blood_hu(contrast, "heart"), "heart")


def _paint_mediastinum(canvas: Canvas, f: _Fields, scene: Scene) -> None:
    organs = scene.anatomy.mediastinum
    inside = np.minimum(f.wall, f.floor)
    spine = Ellipsoid((0, -80, 0), (25, 22, 1e4)).depth(f.x, f.y, f.z)
    inside = np.minimum(np.minimum(inside, -spine), f.y + 70.0)
    canvas.paint(inside, -90.0, "mediastinal fat")
    canvas.organs[inside > 0] = ORGAN_VALUES["mediastinum"]
    _paint_heart(canvas, organs.heart, scene.contrast)
    for name, tube in organs.vessels.items():
        hu = blood_hu(scene.contrast, name)
        canvas.paint_tubes(tube.segments(), hu, "aorta" if name == "aorta" else "great vessels")
    if scene.contrast == "streaks":
        vein = injected_vein(organs.vessels["vena cava"])
        canvas.paint_tubes(vein.segments(), blood_hu(scene.contrast, "injected vein"), "great vessels")
    canvas.paint_tubes(organs.oesophagus.segments(), 38.0, "oesophagus")
    if scene.chances[5] > 0.5:
        canvas.paint_tubes(organs.oesophagus.segments()[:1], -700.0, "oesophagus", grow=-4.0)
    if "oesophagus" in scene.gas:
        paint_oesophagus_gas(canvas, scene)


def _paint_abdomen(canvas: Canvas, f: _Fields, scene: Scene) -> None:
    anatomy, chances = scene.anatomy, scene.chances
    width, depth = anatomy.chest
    hollow = superellipse_depth(f.x, f.y, np.float32(0.97 * width), np.float32(0.97 * depth)) + 0.0 * f.z
    spine = Ellipsoid((0, -80, 0), (26, 24, 1e4)).depth(f.x, f.y, f.z)
    hollow = np.minimum(np.minimum(hollow, -f.floor), -spine)
    if not (hollow > 0).any():
        return
    right, left = anatomy.domes
    canvas.paint(hollow, 48.0, "muscle")
    canvas.paint(hollow - 3.0, -98.0, "abdomen")

    def organ(centre: tuple[float, ...], radii: tuple[float, ...], hu: float, name: str, margin: float = 3.5) -> None:
        ball = Ellipsoid(centre, radii)
        part = canvas.grid.crop(ball.box(canvas.edge))
        if part is not None:
            where, g = part
            canvas.paint(np.minimum(ball.depth(g.x, g.y, g.z), hollow[where] - margin), hu, name, where)

    organ((58, 8, right - 72), (88, 84, 84), 58.0, "abdomen")
    organ((-88, -42, left - 58), (38, 44, 46), 50.0, "abdomen")
    stomach = (-62.0, 22.0, left - 36.0 - 8.0 * chances[6]), (46.0, 42.0, 38.0)
    organ(*stomach, 30.0, "stomach")
    # the patient lies on the back, so that gas rises to the front wall of the stomach
    level = stomach[0][1] - 8.0 + 26.0 * chances[7]
    gas = np.minimum(Ellipsoid(*stomach).depth(f.x, f.y, f.z), hollow - 3.5) - 2.0
    canvas.paint(np.minimum(gas, f.up - level), -985.0, "stomach gas")
    # the colon: its left flexure close to the diaphragm, its right flexure below the liver
    for wall, hu, name in ((0.0, 40.0, "abdomen"), (2.0, -960.0, "bowel gas")):
        for number in range(6):
            turn, size = 1.1 * number, 11.0 + 9.0 * chances[9 + number % 4] - wall
            height = left - 46.0 - 14.0 * number + 14.0 * chances[8]
            organ((-104.0 + 5.0 * number, 34.0 - 12.0 * np.sin(turn), height), (size,) * 3, hu, name, 3.5 + wall)
            organ((88.0 - 14.0 * number, 58.0, right - 112.0 - 6.0 * np.cos(turn)), (size,) * 3, hu, name, 3.5 + wall)
    paint_hollow_organs(canvas, scene, hollow)


def _paint_lung(canvas: Canvas, f: _Fields, scene: Scene, side: int, inside: np.ndarray) -> dict[str, np.ndarray]:
    """Paint one pleural cavity, write the depth inside its lung to ``inside``, and return a mask for each finding."""
    anatomy = scene.anatomy
    masks = {finding.name: np.zeros(canvas.grid.shape, dtype=bool) for finding in scene.findings}
    part = canvas.grid.crop(Box((-30 if side > 0 else -170, -130, -200), (170 if side > 0 else 30, 130, 140)))
    if part is None:
        return masks
    where, g = part
    wall = f.wall[where]
    space = np.minimum(np.minimum(wall, f.floor[where]), anatomy.medial_depth(g.x, g.y, g.z, side))
    hu = anatomy.lung_hu + 26.0 * scene.textures["soft"](g.x, g.y, g.z) - 0.2 * g.up
    fissure = anatomy.fissure_depth(g.x, g.y, g.z, side)
    hu = hu + 130.0 * np.clip(1.0 - np.abs(fissure) / max(1.0, 0.5 * canvas.edge), 0.0, 1.0)
    start = LungFields(g.x, g.y, g.z, g.up, side, wall, space, hu, None, None, {})
    lung = alter_lung(start, scene.findings, anatomy, scene.textures)
    canvas.paint(space, 15.0, "pleural fluid", where)
    if lung.air is not None:
        canvas.paint(lung.air, -995.0, "pleural air", where)
    if lung.fluid is not None:
        canvas.paint(lung.fluid, 8.0, "pleural fluid", where)
    canvas.paint(lung.lung, np.clip(lung.hu, -990.0, 60.0), "lung", where)
    canvas.organs[where][space > 0] = ORGAN_VALUES["right lung" if side > 0 else "left lung"]
    inside[where] = np.maximum(inside[where], lung.lung)
    for name, depth in lung.masks.items():
        masks[name][where] = depth > 0
    return masks


def _paint_balls(canvas: Canvas, scene: Scene, lung: np.ndarray, lesions: dict[str, np.ndarray]) -> None:
    for finding in scene.findings:
        if finding.name not in ("nodule", "mass"):
            continue
        for ball in finding.balls:
            part = canvas.grid.crop(ball.box())
            if part is None:
                continue
            where, g = part
            bumps = scene.textures["patchy"](g.x, g.y, g.z) * (0.12 * min(ball.radii))
            depth = np.minimum(ball.depth(g.x, g.y, g.z) + bumps, lung[where])
            canvas.paint(depth, 40.0, "lesion", where)
            lesions[finding.name][where] |= depth > 0


def render(canvas: Canvas, scene: Scene) -> dict[str, np.ndarray]:
    """Paint a scene on a slab.

    Args:
        canvas: The slab, still empty.
        scene: The scene.

    Returns:
        bool (X, Y, Z) by finding, for each kind of finding in the scene; all False if the slab holds none.

    Example:
        >>> from monai_pylon.data.phantoms.ct_scene import make_scene
        >>> axis = np.arange(-160.0, 160.0, 8.0)
        >>> canvas = Canvas(Grid((axis, axis, axis)), edge=8.0)
        >>> sorted(render(canvas, make_scene(0, {"mass": (1,)}, severity=0.5, arms="up")))
        ['mass']
    """
    anatomy = scene.anatomy
    x, y, z = canvas.grid.x, canvas.grid.y, canvas.grid.z
    skin, wall, floor = _skin(anatomy, x, y, z), anatomy.thorax_depth(x, y, z), anatomy.floor_depth(x, y, z)
    fields = _Fields(x, y, z, canvas.grid.up, skin, wall, floor)
    _paint_table(canvas, scene)
    _paint_body(canvas, fields, scene)
    if "subcutaneous" in scene.gas:
        paint_subcutaneous_gas(canvas, scene, skin, wall)
    _paint_mediastinum(canvas, fields, scene)
    _paint_abdomen(canvas, fields, scene)
    _paint_bones(canvas, fields, scene)
    lung = np.full(canvas.grid.shape, -99.0, dtype=np.float32)
    lesions = _paint_lung(canvas, fields, scene, 1, lung)
    for name, mask in _paint_lung(canvas, fields, scene, -1, lung).items():
        lesions[name] |= mask
    canvas.paint_tubes(scene.vessels, blood_hu(scene.contrast, "lung"), "lung vessel", inside=lung - 1.0)
    _paint_balls(canvas, scene, lung, lesions)
    # bronchi pass through the mediastinum, but not through pleural fluid or air
    names = PHANTOM_STRUCTURES["pleural fluid"], PHANTOM_STRUCTURES["pleural air"]
    dry = np.where(np.isin(canvas.structures, names), np.float32(-9.0), np.float32(9.0))
    canvas.paint_tubes(scene.bronchi, -120.0, "lung vessel", grow=0.8, inside=dry)
    canvas.paint_tubes(scene.bronchi, -960.0, "bronchus", inside=dry)
    for tube in anatomy.mediastinum.airways:
        canvas.paint_tubes(tube.segments(), 20.0, "airway wall", grow=1.6)
    for tube in anatomy.mediastinum.airways:
        canvas.paint_tubes(tube.segments(), -990.0, "airway")
    return lesions
