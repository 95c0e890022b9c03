"""Tests of the lung trees: two branches from each, Murray's law, and ends inside the lung."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.lung_trees import grow_lung_tree, grow_tree


def everywhere(x, y, z):
    return np.full(np.shape(x), 10.0)


@pytest.mark.parametrize("levels", [0, 1, 5])
def test_tree_divides_in_two_at_each_generation(levels):
    box = (np.zeros(3), np.full(3, 100.0))
    tree = grow_tree(np.random.default_rng(0), np.full(3, -5.0), everywhere, box, levels, radius=4.0)
    assert tree.shape == (2 ** (levels + 1) - 1, 8)
    np.testing.assert_array_equal(tree[0, :3], -5.0)
    assert tree[0, 6] == 4.0
    # every branch but the first begins at its parent's end, with the same radius
    for number in range(1, len(tree)):
        np.testing.assert_allclose(tree[number, :3], tree[(number - 1) // 2, 3:6], atol=1e-4)
        np.testing.assert_allclose(tree[number, 6], tree[(number - 1) // 2, 7], rtol=1e-6)
        # Murray's law with exponent 2.7
        assert 2 * tree[number, 6] ** 2.7 == pytest.approx(tree[(number - 1) // 2, 6] ** 2.7)


@pytest.mark.parametrize("kind", ["arteries", "veins", "bronchi"])
@pytest.mark.parametrize("side", [1, -1])
def test_trees_end_in_their_lung(kind, side):
    anatomy = make_anatomy(np.random.default_rng(0), arms="down")
    tree = grow_lung_tree(np.random.default_rng(0), anatomy, side, kind)
    assert np.linalg.norm(tree[0, :3] - anatomy.mediastinum.hila[0 if side > 0 else 1]) < 20
    last = tree[len(tree) // 2 :]
    assert (anatomy.lung_depth(*last[:, 3:6].T, side) > 2.9).mean() > 0.99


def test_finest_branches_taper_and_a_missing_number_of_levels_is_that_of_a_ct():
    box = (np.zeros(3), np.full(3, 100.0))
    tree = grow_tree(np.random.default_rng(0), np.zeros(3), everywhere, box, levels=2, radius=4.0)
    np.testing.assert_allclose(tree[-4:, 7], 0.45 * tree[-4:, 6], rtol=1e-6)
    anatomy = make_anatomy(np.random.default_rng(0))
    sizes = [len(grow_lung_tree(np.random.default_rng(0), anatomy, 1, kind)) for kind in ("veins", "bronchi")]
    assert sizes == [511, 63]
