"""Gas in hollow organs and under the skin, painted on small grids."""

import functools

import numpy as np
import pytest

from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES, Canvas
from monai_pylon.data.phantoms.ct_gas import (
    GAS_PLACES,
    paint_hollow_organs,
    paint_oesophagus_gas,
    paint_subcutaneous_gas,
)
from monai_pylon.data.phantoms.ct_scene import make_scene
from monai_pylon.data.phantoms.shapes import Grid, superellipse_depth


@functools.cache
def scene():
    return make_scene(0, {}, severity=0.5, arms="up")


def canvas_of(x, y, z, step):
    return Canvas(Grid([np.arange(*ends, step) for ends in (x, y, z)]), edge=step)


def volume_ml(canvas, name, step):
    return np.count_nonzero(canvas.structures == PHANTOM_STRUCTURES[name]) * step**3 / 1000


def test_places_have_structures():
    assert {f"{place} gas" for place in GAS_PLACES} <= set(PHANTOM_STRUCTURES)


def test_the_oesophagus_has_gas_within_a_wall():
    canvas = canvas_of((-40, 40), (-80, 0), (-20, 20), 2.0)
    paint_oesophagus_gas(canvas, scene())
    gas = canvas.structures == PHANTOM_STRUCTURES["oesophagus gas"]
    # a tube of 7.5 mm radius and 40 mm length
    assert gas.sum() * 0.008 == pytest.approx(np.pi * 0.75**2 * 4.0, rel=0.15)
    assert np.median(canvas.image[gas]) == -985
    assert (canvas.structures == PHANTOM_STRUCTURES["oesophagus"]).sum() > 0.4 * gas.sum()


def abdomen(canvas):
    anatomy, g = scene().anatomy, canvas.grid
    width, depth = anatomy.chest
    return np.minimum(superellipse_depth(g.x, g.y, width, depth) + 0 * g.z, -anatomy.floor_depth(g.x, g.y, g.z))


@pytest.mark.parametrize(("place", "low", "high"), [("stomach", 350, 650), ("bowel", 100, 450)])
def test_hollow_organs_lie_below_the_diaphragm(place, low, high):
    canvas = canvas_of((-150, 150), (-100, 100), (-200, -20), 4.0)
    canvas.structures[...] = PHANTOM_STRUCTURES["abdomen"]
    paint_hollow_organs(canvas, scene()._replace(gas=(place,)), abdomen(canvas))
    gas = canvas.structures == PHANTOM_STRUCTURES[f"{place} gas"]
    assert low < volume_ml(canvas, f"{place} gas", 4.0) < high
    floor = scene().anatomy.floor_depth(canvas.grid.x, canvas.grid.y, canvas.grid.z)
    assert floor[gas].max() < 1.0
    # the stomach touches the diaphragm
    assert floor[gas].max() > (-1.0 if place == "stomach" else -9.0)


def test_no_gas_without_the_option():
    canvas = canvas_of((-150, 150), (-100, 100), (-200, -20), 10.0)
    paint_hollow_organs(canvas, scene(), abdomen(canvas))
    assert (canvas.image == -1000).all()


def test_gas_under_the_skin_has_the_hu_of_lung():
    canvas = canvas_of((-200, 200), (-160, 160), (-20, 20), 4.0)
    anatomy, g = scene().anatomy, canvas.grid
    skin, wall = anatomy.body_depth(g.x, g.y, g.z), anatomy.thorax_depth(g.x, g.y, g.z)
    canvas.image[...] = -100.0
    paint_subcutaneous_gas(canvas, scene(), skin, wall)
    gas = canvas.structures == PHANTOM_STRUCTURES["subcutaneous gas"]
    assert 0.1 < gas[(skin > 4) & (wall < -12) & (wall > -34)].mean() < 0.7
    assert skin[gas].min() >= 3
    assert wall[gas].max() <= -11
    deep = canvas.image[gas & (canvas.image < -600)]
    assert -800 < np.median(deep) < -650
