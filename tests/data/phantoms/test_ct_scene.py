"""Tests of the scene: independent random streams, and the displacement by a collapsed lung."""

import numpy as np

from monai_pylon.data.phantoms.ct_scene import make_scene


def scene(seed: int = 0, severity: float = 0.5, **sides: tuple[int, ...]):
    return make_scene(seed, sides, severity, arms="up")


def test_findings_do_not_change_patient_and_trees():
    plain, sick = scene(), scene(mass=(1,), ild=(1, -1), nodule=(1, 1))
    assert plain.anatomy.chest == sick.anatomy.chest
    np.testing.assert_array_equal(plain.vessels, sick.vessels)
    np.testing.assert_array_equal(plain.bronchi, sick.bronchi)
    np.testing.assert_array_equal(plain.chances, sick.chances)
    np.testing.assert_array_equal(plain.textures["soft"].values, sick.textures["soft"].values)
    assert set(sick.textures) - set(plain.textures) == {"fine"}


def test_trees_of_both_lungs_and_16_chances():
    plain = scene()
    assert plain.vessels.shape == (4 * 511, 8)
    assert plain.bronchi.shape == (2 * 63, 8)
    assert plain.chances.shape == (16,)


def test_collapse_moves_the_heart_to_its_side_and_raises_its_diaphragm():
    plain, right, both = scene(), scene(collapse=(1,)), scene(collapse=(1, -1))
    x = [s.anatomy.mediastinum.heart[0].centre[0] for s in (plain, right, both)]
    np.testing.assert_allclose(np.subtract(x, x[0]), [0, 8, 0])
    rise = [np.subtract(s.anatomy.domes, plain.anatomy.domes) for s in (right, both)]
    np.testing.assert_allclose(rise, [[12, 0], [12, 12]])
