"""Tests of the CT painters: masks of findings, organs and structures of one slab."""

import functools

import numpy as np

from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES, Canvas
from monai_pylon.data.phantoms.ct_painters import render
from monai_pylon.data.phantoms.ct_scene import make_scene
from monai_pylon.data.phantoms.shapes import Grid

AXIS = np.arange(-160.0, 160.0, 8.0)


@functools.cache
def scene():
    return make_scene(0, {"mass": (1,), "effusion": (-1,)}, severity=0.5, arms="up")


def test_slab_without_chest_has_empty_masks_and_no_organs():
    canvas = Canvas(Grid((AXIS, AXIS, np.array([300.0, 308.0]))), edge=8.0)
    masks = render(canvas, scene())
    assert sorted(masks) == ["effusion", "mass"]
    assert not masks["mass"].any()
    assert not canvas.organs.any()


def test_masks_lie_in_their_lung_and_lesions_are_painted():
    canvas = Canvas(Grid((AXIS, AXIS, AXIS)), edge=8.0)
    masks = render(canvas, scene())
    assert set(np.unique(canvas.organs[masks["mass"]])) == {1}
    assert set(np.unique(canvas.organs[masks["effusion"]])) == {3}
    np.testing.assert_array_equal(masks["effusion"], canvas.structures == PHANTOM_STRUCTURES["pleural fluid"])
    assert masks["mass"][canvas.structures == PHANTOM_STRUCTURES["lesion"]].all()
