"""Tests of the anatomy: sides, asymmetry, borders of the lungs, and the effect of each argument."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy

SIDES = (1, -1)


def cloud(count=4000, seed=0):
    return np.random.default_rng(seed).uniform((-140, -100, -120), (140, 100, 120), (count, 3)).T


@pytest.fixture(scope="module", params=[0, 1, 2])
def anatomy(request):
    return make_anatomy(np.random.default_rng(request.param), arms="down")


def test_same_seed_gives_same_patient():
    one, two = (make_anatomy(np.random.default_rng(4)) for _ in range(2))
    assert one.chest == two.chest
    np.testing.assert_array_equal(one.mediastinum.surfaces, two.mediastinum.surfaces)
    assert make_anatomy(np.random.default_rng(5)).chest != one.chest


def test_left_lung_is_smaller_and_lungs_do_not_overlap(anatomy):
    points = cloud(20_000)
    right, left = (anatomy.lung_depth(*points, side) > 0 for side in SIDES)
    assert points[0][right].mean() > 40
    assert points[0][left].mean() < -40
    assert not (right & left).any()
    assert left.sum() < 0.97 * right.sum()


def test_mediastinal_organs_lie_outside_the_lungs(anatomy):
    organs = anatomy.mediastinum
    tubes = [*organs.vessels.values(), *organs.airways, organs.oesophagus]
    points = np.concatenate([tube.spheres(8.0)[:, :3] for tube in tubes] + [[lobe.centre for lobe in organs.heart]]).T
    for side in SIDES:
        assert (anatomy.lung_depth(*points, side) < 0).all()


def test_lungs_end_at_ribs_and_diaphragm(anatomy):
    points = cloud()
    for side in SIDES:
        depth = anatomy.lung_depth(*points, side)
        assert (depth <= anatomy.thorax_depth(*points)).all()
        assert (depth <= anatomy.floor_depth(*points)).all()
    assert (anatomy.body_depth(*points)[anatomy.thorax_depth(*points) > 0] > 0).all()


def test_domes_have_the_heights_stored(anatomy):
    for side, top in zip(SIDES, anatomy.domes, strict=True):
        below, above = anatomy.floor_depth(np.full(2, 58.0 * side), np.full(2, 22.0), np.array([top - 3, top + 3]))
        assert below < 0 < above
    assert anatomy.domes[0] > anatomy.domes[1] - 16


def test_ribs_lie_in_the_chest_wall(anatomy):
    points = cloud()
    wall = anatomy.thorax_depth(*points)
    ribs, round_ = anatomy.rib_depth(*points, wall)
    assert (ribs > 0).any()
    assert (wall[ribs > 0] < 0).all()
    assert (wall[ribs > 0] > -10).all()
    assert 0 <= round_.min() <= round_.max() <= 1


def test_lower_lobe_lies_behind_the_fissure(anatomy):
    for side in SIDES:
        front, back = anatomy.fissure_depth(
            np.full(2, 60.0 * side), np.array([70.0, -70.0]), np.array([20.0, -20.0]), side
        )
        assert front < 0 < back


@pytest.mark.parametrize("side", SIDES)
def test_spans_and_depth_of_a_lung_agree(anatomy, side):
    x, y, z = cloud()
    spans = anatomy.lung_spans(y, z, side)
    inside = np.any([(low < x) & (x < high) for low, high in spans], axis=0)
    depth = anatomy.lung_depth(x, y, z, side)
    # between the domes, each span uses the dome of its side
    clear = (np.abs(depth) > 2.0) & (np.abs(x) > 40.0)
    np.testing.assert_array_equal(inside[clear], depth[clear] > 0)
    assert inside.any()


def test_gap_moves_the_lateral_border_only(anatomy):
    y, z = np.zeros(3), np.array([-90.0, 40.0, anatomy.apex - 12.0])
    (_, _), (low, high) = anatomy.lung_spans(y, z, 1)
    (_, _), (gap_low, gap_high) = anatomy.lung_spans(y, z, 1, gap=10.0)
    np.testing.assert_array_equal(gap_low, low)
    lost = high - gap_high
    assert lost[0] == pytest.approx(10.0, abs=1.0)
    assert 6.0 < lost[1] < 16.0
    assert lost[2] > 10.0


def test_thorax_faces_have_depth_0(anatomy):
    x, z = (axis.ravel() for axis in np.meshgrid(np.linspace(-110, 110, 23), np.linspace(-100, 90, 20)))
    back, front = anatomy.thorax_faces(x, z)
    met = front > back
    assert met.any()
    for face, outwards in ((back, -1.0), (front, 1.0)):
        assert (anatomy.thorax_depth(x, face + outwards * 2.0, z)[met] <= 0.1).all()
        assert (anatomy.thorax_depth(x, face - outwards * 2.0, z)[met & (front - back > 8)] > -0.1).all()
    grown = anatomy.thorax_faces(x, z, grow=9.0)
    assert (grown[0] <= back).all()
    assert (grown[1] >= front).all()


def test_trunk_chord_is_the_integral_of_body_depth(anatomy):
    x, z = np.array([0.0, 100.0, 300.0]), np.array([20.0, -30.0, 0.0])
    y = np.arange(-250.0, 250.0, 0.5)[:, None]
    counted = (anatomy.body_depth(x + 0 * y, y + 0 * x, z + 0 * y) > 0).sum(axis=0) * 0.5
    np.testing.assert_allclose(anatomy.trunk_chord(x, z), counted, atol=1.0)


def test_larger_heart_moves_the_lung_surfaces_outwards_only():
    usual, large = (make_anatomy(np.random.default_rng(7), heart_scale=scale) for scale in (1.0, 1.4))
    assert usual._replace(mediastinum=None) == large._replace(mediastinum=None)
    for name, tube in usual.mediastinum.vessels.items():
        np.testing.assert_array_equal(tube.points, large.mediastinum.vessels[name].points)
    right, left = large.mediastinum.surfaces - usual.mediastinum.surfaces
    assert right.min() > -1e-3
    assert left.max() < 1e-3
    assert left.min() < -10
    # the top of the chest, 60 mm above the heart, is unchanged
    assert np.abs([right[:, 90:], left[:, 90:]]).max() == 0


def test_shift_moves_the_heart_and_dome_rise_the_diaphragm():
    usual, pushed = (make_anatomy(np.random.default_rng(7), shift=shift) for shift in (0.0, 12.0))
    for one, other in zip(usual.mediastinum.heart, pushed.mediastinum.heart, strict=True):
        np.testing.assert_allclose(np.subtract(other.centre, one.centre), [12, 0, 0])
    lifted = make_anatomy(np.random.default_rng(7), dome_rise=(20.0, 0.0))
    assert lifted.domes == pytest.approx((usual.domes[0] + 20.0, usual.domes[1]))
