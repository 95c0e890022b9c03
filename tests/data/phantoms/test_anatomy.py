"""One chest in millimetres: sides, asymmetry, what lies outside of the lungs, and what each argument may change."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.lung_trees import grow_lung_tree, grow_tree
from monai_pylon.data.phantoms.mediastinum import make_mediastinum

SIDES = (1, -1)


def cloud(count=4000, seed=0):
    return np.random.default_rng(seed).uniform((-140, -100, -120), (140, 100, 120), (count, 3)).T


@pytest.fixture(scope="module", params=[0, 1, 2])
def anatomy(request):
    return make_anatomy(np.random.default_rng(request.param), arms="down")


def test_the_same_numbers_make_the_same_patient():
    one, two = (make_anatomy(np.random.default_rng(4)) for _ in range(2))
    assert one.chest == two.chest
    np.testing.assert_array_equal(one.mediastinum.surfaces, two.mediastinum.surfaces)
    assert make_anatomy(np.random.default_rng(5)).chest != one.chest


def test_each_lung_lies_on_its_side_and_the_left_one_is_smaller(anatomy):
    points = cloud(20_000)
    right, left = (anatomy.lung_depth(*points, side) > 0 for side in SIDES)
    assert points[0][right].mean() > 40
    assert points[0][left].mean() < -40
    assert not (right & left).any()
    assert left.sum() < 0.97 * right.sum()


def test_lungs_hold_no_organ_of_the_mediastinum(anatomy):
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


def test_domes_stand_at_their_heights(anatomy):
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


def test_the_fissure_parts_upper_in_front_from_lower_behind(anatomy):
    for side in SIDES:
        front, back = anatomy.fissure_depth(
            np.full(2, 60.0 * side), np.array([70.0, -70.0]), np.array([20.0, -20.0]), side
        )
        assert front < 0 < back


@pytest.mark.parametrize("side", SIDES)
def test_spans_and_depth_of_a_lung_tell_of_the_same_border(anatomy, side):
    x, y, z = cloud()
    spans = anatomy.lung_spans(y, z, side)
    inside = np.any([(low < x) & (x < high) for low, high in spans], axis=0)
    depth = anatomy.lung_depth(x, y, z, side)
    # where one dome goes over into the other, the spans keep to their own
    clear = (np.abs(depth) > 2.0) & (np.abs(x) > 40.0)
    np.testing.assert_array_equal(inside[clear], depth[clear] > 0)
    assert inside.any()


def test_a_gap_takes_the_lung_off_the_wall_alone(anatomy):
    y, z = np.zeros(3), np.array([-90.0, 40.0, anatomy.apex - 12.0])
    (_, _), (low, high) = anatomy.lung_spans(y, z, 1)
    (_, _), (gap_low, gap_high) = anatomy.lung_spans(y, z, 1, gap=10.0)
    np.testing.assert_array_equal(gap_low, low)
    lost = high - gap_high
    assert lost[0] == pytest.approx(10.0, abs=1.0)
    assert 6.0 < lost[1] < 16.0
    assert lost[2] > 10.0


def test_faces_of_the_thorax_lie_where_its_depth_is_0(anatomy):
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


def test_the_chord_of_the_trunk_is_its_depth_counted(anatomy):
    x, z = np.array([0.0, 100.0, 300.0]), np.array([20.0, -30.0, 0.0])
    y = np.arange(-250.0, 250.0, 0.5)[:, None]
    counted = (anatomy.body_depth(x + 0 * y, y + 0 * x, z + 0 * y) > 0).sum(axis=0) * 0.5
    np.testing.assert_allclose(anatomy.trunk_chord(x, z), counted, atol=1.0)


def test_a_larger_heart_changes_nothing_but_the_room_that_it_takes():
    usual, large = (make_anatomy(np.random.default_rng(7), heart_scale=scale) for scale in (1.0, 1.4))
    assert usual._replace(mediastinum=None) == large._replace(mediastinum=None)
    for name, tube in usual.mediastinum.vessels.items():
        np.testing.assert_array_equal(tube.points, large.mediastinum.vessels[name].points)
    right, left = large.mediastinum.surfaces - usual.mediastinum.surfaces
    assert right.min() > -1e-3
    assert left.max() < 1e-3
    assert left.min() < -10
    # the top of the chest, 60 mm above the heart, stays as it is
    assert np.abs([right[:, 90:], left[:, 90:]]).max() == 0


def test_a_push_moves_the_mediastinum_and_a_lift_the_diaphragm():
    usual, pushed = (make_anatomy(np.random.default_rng(7), shift=shift) for shift in (0.0, 12.0))
    for one, other in zip(usual.mediastinum.heart, pushed.mediastinum.heart, strict=True):
        np.testing.assert_allclose(np.subtract(other.centre, one.centre), [12, 0, 0])
    lifted = make_anatomy(np.random.default_rng(7), dome_rise=(20.0, 0.0))
    assert lifted.domes == pytest.approx((usual.domes[0] + 20.0, usual.domes[1]))


def test_the_heart_lies_to_the_left_and_the_arch_turns_there():
    organs = make_mediastinum(np.random.default_rng(2))
    weights = [np.prod(lobe.radii) for lobe in organs.heart]
    assert np.average([lobe.centre[0] for lobe in organs.heart], weights=weights) < -5
    assert organs.vessels["aorta"].points[-1, 0] < 0 < organs.vessels["vena cava"].points[0, 0]
    assert organs.hila[0][0] > 0 > organs.hila[1][0]


def test_surfaces_hold_every_vessel_and_airway():
    """Slow and plain: whatever node lies beside a ball, the lung begins beyond it."""
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


def test_beside_is_the_distance_to_the_surface_where_it_is_flat():
    organs = make_mediastinum(np.random.default_rng(3))
    y, z = np.array([-110.0]), np.array([-100.0])  # beside the spine, which is flat
    surface = organs.surface(y, z, 1)
    np.testing.assert_allclose(organs.beside(surface + 7.0, y, z, 1), 7.0, atol=1e-3)
    np.testing.assert_allclose(organs.beside(organs.surface(y, z, -1) + 4.0, y, z, -1), -4.0, atol=1e-3)


def everywhere(x, y, z):
    return np.full(np.shape(x), 10.0)


@pytest.mark.parametrize("levels", [0, 1, 5])
def test_a_tree_halves_at_each_generation(levels):
    box = (np.zeros(3), np.full(3, 100.0))
    tree = grow_tree(np.random.default_rng(0), np.full(3, -5.0), everywhere, box, levels, radius=4.0)
    assert tree.shape == (2 ** (levels + 1) - 1, 8)
    np.testing.assert_array_equal(tree[0, :3], -5.0)
    assert tree[0, 6] == 4.0
    # every branch but the first begins where its parent ends, as thick as that ends
    for number in range(1, len(tree)):
        np.testing.assert_allclose(tree[number, :3], tree[(number - 1) // 2, 3:6], atol=1e-4)
        np.testing.assert_allclose(tree[number, 6], tree[(number - 1) // 2, 7], rtol=1e-6)
        # Murray's law with exponent 2.7
        assert 2 * tree[number, 6] ** 2.7 == pytest.approx(tree[(number - 1) // 2, 6] ** 2.7)


@pytest.mark.parametrize("kind", ["arteries", "veins", "bronchi"])
@pytest.mark.parametrize("side", SIDES)
def test_trees_end_in_their_lung(anatomy, kind, side):
    tree = grow_lung_tree(np.random.default_rng(0), anatomy, side, kind)
    assert np.linalg.norm(tree[0, :3] - anatomy.mediastinum.hila[0 if side > 0 else 1]) < 20
    last = tree[len(tree) // 2 :]
    assert (anatomy.lung_depth(*last[:, 3:6].T, side) > 2.9).mean() > 0.99
