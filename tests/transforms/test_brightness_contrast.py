"""Random brightness and contrast: the formula, the ranges, the probability, and equal changes of all keys."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.transforms import RandBrightnessContrast, RandBrightnessContrastd


def drawn(change: RandBrightnessContrast) -> tuple[float, float]:
    """Return factor and shift, computed from two pixels that are not clipped."""
    while True:
        low, high = change(torch.tensor([0.45, 0.55], dtype=torch.float64).reshape(1, 1, 2)).flatten().tolist()
        if 0 < low < high < 1:
            factor = (high - low) / 0.1
            return factor, low - 0.45 * factor


def test_factor_and_shift_are_drawn_from_their_ranges() -> None:
    change = RandBrightnessContrast(brightness=0.2, contrast=0.3, prob=1.0).set_random_state(0)
    factor, shift = np.array([drawn(change) for _ in range(300)]).T
    assert 0.7 <= factor.min() < 0.72
    assert 1.28 < factor.max() <= 1.3
    assert -0.2 <= shift.min() < -0.19
    assert 0.19 < shift.max() <= 0.2
    assert abs(np.corrcoef(factor, shift)[0, 1]) < 0.15


def test_the_result_stays_between_0_and_1() -> None:
    change = RandBrightnessContrast(prob=1.0).set_random_state(0)
    found = torch.stack([change(torch.tensor([0.0, 0.3, 1.0])) for _ in range(100)])
    assert found.min() == 0
    assert found.max() == 1


def test_prob_is_the_probability_of_a_change() -> None:
    image = torch.full((1, 4, 4), 0.5)
    change = RandBrightnessContrast(prob=0.5).set_random_state(0)
    assert 60 < sum(not torch.equal(change(image), image) for _ in range(200)) < 140
    never = RandBrightnessContrast(prob=0.0)
    assert all(torch.equal(never(image), image) for _ in range(20))


def test_the_input_and_the_affine_are_not_changed() -> None:
    image = MetaTensor(torch.full((1, 4, 4), 0.5), affine=torch.diag(torch.tensor([2.0, 3, 1, 1])))
    changed = RandBrightnessContrast(prob=1.0).set_random_state(0)(image)
    assert (image == 0.5).all()
    assert not torch.equal(changed, image)
    torch.testing.assert_close(changed.affine, image.affine)


def test_all_keys_get_the_same_change() -> None:
    item = {"a": torch.full((1, 2), 0.4), "b": torch.full((1, 2), 0.4), "c": 1}
    change = RandBrightnessContrastd(["a", "b"], prob=1.0).set_random_state(0)
    first, second = change(item), change(item)
    assert torch.equal(first["a"], first["b"])
    assert not torch.equal(first["a"], second["a"])
    again = RandBrightnessContrastd(["a", "b"], prob=1.0).set_random_state(0)(item)
    assert torch.equal(first["a"], again["a"])


def test_a_missing_key_is_an_error_unless_it_is_allowed() -> None:
    with pytest.raises(KeyError, match="image"):
        RandBrightnessContrastd("image")({"other": 1})
    assert RandBrightnessContrastd("image", allow_missing_keys=True)({"other": 1}) == {"other": 1}


def test_ranges_and_probability_are_a_half_by_default() -> None:
    for change in (RandBrightnessContrast(), RandBrightnessContrastd("image").change):
        assert (change.brightness, change.contrast, change.prob) == (0.5, 0.5, 0.5)


def test_ranges_may_be_empty_and_contrast_may_be_1() -> None:
    image = torch.full((1, 2), 0.4)
    torch.testing.assert_close(RandBrightnessContrast(0, 0, prob=1.0)(image), image)
    assert RandBrightnessContrast(0, 1, prob=1.0)(image).shape == image.shape


def test_the_last_draw_can_be_repeated() -> None:
    change, image = RandBrightnessContrast(prob=1.0).set_random_state(0), torch.full((1, 2), 0.4)
    torch.testing.assert_close(change(image, randomize=False), image)  # nothing was drawn yet
    torch.testing.assert_close(change(image), change(image, randomize=False))


def test_errors_name_the_argument() -> None:
    with pytest.raises(ValueError, match="brightness must be 0 or more"):
        RandBrightnessContrast(brightness=-0.1)
    with pytest.raises(ValueError, match="contrast must be from 0 to 1"):
        RandBrightnessContrastd("image", contrast=2)
    with pytest.raises(ValueError, match="contrast must be from 0 to 1"):
        RandBrightnessContrast(contrast=-0.1)
