"""HU of blood in each phase, the injected vein, and streaks that run straight away from dense blood."""

import numpy as np
import pytest

from monai_pylon.data.phantoms.anatomy import make_anatomy
from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES
from monai_pylon.data.phantoms.ct_contrast import CONTRAST_PHASES, add_streaks, blood_hu, injected_vein


def test_blood_without_contrast_is_as_dense_as_muscle():
    assert [blood_hu("none", name) for name in ("heart", "heart wall", "aorta", "vena cava", "lung")] == [
        42.0,
        42.0,
        45.0,
        45.0,
        40.0,
    ]


@pytest.mark.parametrize("phase", CONTRAST_PHASES)
def test_the_heart_wall_takes_up_less_than_the_blood(phase):
    assert 60 < blood_hu(phase, "heart wall") < blood_hu(phase, "heart") - 30
    assert blood_hu(phase, "pulmonary trunk") == blood_hu(phase, "aorta")


def test_the_injected_vein_runs_over_the_right_lung_to_the_vena_cava():
    anatomy = make_anatomy(np.random.default_rng(2))
    vena_cava = anatomy.mediastinum.vessels["vena cava"]
    vein = injected_vein(vena_cava)
    np.testing.assert_array_equal(vein.points[0], vena_cava.points[-2])
    assert vein.points[-1][0] > 140
    points = vein.spheres(5.0)
    assert anatomy.lung_depth(*points[points[:, 0] > 45, :3].T, side=1).max() < 0


def dense_disc():
    structures = np.full((41, 41, 2), PHANTOM_STRUCTURES["muscle"], dtype=np.uint8)
    structures[:5] = PHANTOM_STRUCTURES["air"]
    image = np.full(structures.shape, 40.0)
    structures[18:23, 18:23, 0], image[18:23, 18:23, 0] = PHANTOM_STRUCTURES["great vessels"], 1800.0
    return image, structures


def test_streaks_are_straight_and_fade_outside_the_dense_blood():
    image, structures = dense_disc()
    add_streaks(image, structures, (4.0, 4.0, 4.0), np.random.default_rng(0))
    assert (image[18:23, 18:23, 0] == 1800).all()
    assert (image[:5] == 40).all()
    assert (image[..., 1] == 40).all()  # nothing dense on this slice
    change = image[..., 0] - 40
    near, far = change[20, 24:28], change[20, 36:40]
    assert len(set(np.sign(near))) == 1
    assert np.abs(near).mean() > 1.5 * np.abs(far).mean()
    assert (change > 30).any()
    assert (change < -30).any()


def test_streaks_need_very_dense_blood():
    image, structures = dense_disc()
    image[image == 1800] = 400.0
    add_streaks(image, structures, (4.0, 4.0, 4.0), np.random.default_rng(0))
    assert set(np.unique(image)) == {40.0, 400.0}
