"""Tests of the mediastinum: sides of its organs, and the surfaces where the lungs begin."""

import numpy as np

from monai_pylon.data.phantoms.mediastinum import make_mediastinum


def test_heart_and_aortic_arch_lie_to_the_left():
    organs = make_mediastinum(np.random.default_rng(2))
    weights = [np.prod(lobe.radii) for lobe in organs.heart]
    assert np.average([lobe.centre[0] for lobe in organs.heart], weights=weights) < -5
    assert organs.vessels["aorta"].points[-1, 0] < 0 < organs.vessels["vena cava"].points[0, 0]
    assert organs.hila[0][0] > 0 > organs.hila[1][0]


def test_surfaces_enclose_every_vessel_and_airway():
    """A slow check of every node: the lung begins beyond the sphere beside it."""
    organs = make_mediastinum(np.random.default_rng(3))
    y, z = np.meshgrid(-126.0 + 3.0 * np.arange(85), -180.0 + 3.0 * np.arange(121), indexing="ij")
    right, left = organs.surfaces
    assert (right > left).all()
    for tube in [*organs.vessels.values(), *organs.airways, organs.oesophagus]:
        for x, front, up, radius in tube.spheres(9.0):
            inside = (radius + 3.0) ** 2 - (y - front) ** 2 - (z - up) ** 2
            beside = np.sqrt(inside[inside > 0])
            assert (right[inside > 0] >= x + beside - 1e-3).all()
            assert (left[inside > 0] <= x - beside + 1e-3).all()


def test_beside_is_the_distance_to_a_flat_surface():
    organs = make_mediastinum(np.random.default_rng(3))
    y, z = np.array([-110.0]), np.array([-100.0])  # beside the spine, which is flat
    surface = organs.surface(y, z, 1)
    np.testing.assert_allclose(organs.beside(surface + 7.0, y, z, 1), 7.0, atol=1e-3)
    np.testing.assert_allclose(organs.beside(organs.surface(y, z, -1) + 4.0, y, z, -1), -4.0, atol=1e-3)
