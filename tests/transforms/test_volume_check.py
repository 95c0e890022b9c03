"""Errors for volumes that cannot be a chest CT in HU."""

from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import phantom_chest_ct
from monai_pylon.transforms import CheckVolume, CheckVolumed
from monai_pylon.transforms.volume_check import check_volume_hu


@pytest.fixture(scope="module")
def ct() -> torch.Tensor:
    return torch.from_numpy(phantom_chest_ct(0, (24, 20, 20), (16, 16, 16)).image)[None]


def test_a_chest_ct_is_returned_itself(ct: torch.Tensor) -> None:
    image = MetaTensor(ct, affine=torch.eye(4))
    assert CheckVolume()(image) is image
    assert CheckVolumed("image")({"image": image, "more": 1})["more"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ct: ct[0], r"of shape \(1, X, Y, Z\).*image\[None\]"),
        (lambda ct: ct.expand(3, -1, -1, -1), r"of shape \(1, X, Y, Z\)"),
        (lambda ct: ct.movedim(0, -1), r"of shape \(1, X, Y, Z\)"),
        (lambda ct: ct[..., :1], "at least 2 slices.*Load all slices"),
        (lambda ct: torch.full_like(ct, -1000.0), "has -1000 HU everywhere. Check that the file is not empty"),
        (lambda ct: ct.index_fill(1, torch.tensor([3]), torch.nan), "finite.*Replace NaN by -1024"),
        (lambda ct: ct.index_fill(1, torch.tensor([3]), torch.inf), "image must be finite"),
        (lambda ct: (ct + 1000) / 1800, "in HU, with air below -500.*not scaled"),
        (lambda ct: ct + 1024, "in HU, with air below -500.*1024 higher"),
        (lambda ct: ct.clamp(max=-400), "tissue above -300"),
    ],
)
def test_errors_name_the_requirement(ct: torch.Tensor, change, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_volume_hu(change(ct))


def volume(lowest: float, highest: float) -> torch.Tensor:
    return torch.linspace(lowest, highest, 8).reshape(1, 2, 2, 2)


@pytest.mark.parametrize(("lowest", "highest", "fits"), [(-501, -299, True), (-500, -299, False), (-501, -300, False)])
def test_air_lies_below_minus_500_and_tissue_above_minus_300(lowest, highest, fits) -> None:
    if fits:
        check_volume_hu(volume(lowest, highest))
    else:
        with pytest.raises(ValueError, match="air below -500 and tissue above -300"):
            check_volume_hu(volume(lowest, highest))


def test_least_slices_is_a_setting() -> None:
    image = volume(-1000, 100)
    assert CheckVolume()(image) is image
    assert CheckVolumed("image")({"image": image})["image"] is image
    for transform in (CheckVolume(3), lambda image: CheckVolumed("image", 3)({"image": image})):
        with pytest.raises(ValueError, match="image must be a volume of at least 3 slices"):
            transform(image)
    with pytest.raises(ValueError, match="at least 2 slices"):
        CheckVolumed("image")({"image": image[..., :1]})
    with pytest.raises(TypeError, match="least_slices must be of type int"):
        CheckVolume(2.5)


def test_a_missing_key_is_an_error_unless_it_is_allowed() -> None:
    with pytest.raises(KeyError, match="image"):
        CheckVolumed("image")({"other": 1})
    assert CheckVolumed("image", allow_missing_keys=True)({"other": 1}) == {"other": 1}


def test_an_unusable_affine_is_an_error(ct: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="affine must be"):
        check_volume_hu(MetaTensor(ct, affine=torch.zeros(4, 4)))


def test_a_wrong_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="image must be of type Tensor"):
        check_volume_hu([1, 2])
