"""Tests of volumes and pictures embedded in a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from monai_pylon.reports.page.embedding import embedded_jpeg, embedded_nifti, embedded_png
from tests.reports.page.pages import volume


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_volume_decodes_to_the_same_values_and_affine(dtype: type) -> None:
    voxels = np.random.default_rng(0).uniform(0, 255, (5, 6, 7)).astype(dtype)
    affine = np.array([[0, -2.5, 0, 10], [0.7, 0, 0, -3], [0, 0, 1.25, 400], [0, 0, 0, 1.0]])
    image = volume(embedded_nifti(voxels, affine, 8.0, -1000.0))
    assert np.array_equal(np.asarray(image.dataobj.get_unscaled()), voxels)
    assert np.allclose(image.get_fdata(), voxels.astype(float) * 8 - 1000)
    assert np.array_equal(image.affine, affine.astype(np.float32))
    assert image.header["descrip"].item() == b"", "no description, no name"
    assert (int(image.header["sform_code"]), image.get_data_dtype()) == (1, dtype)


def test_a_volume_of_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match="of type uint8 or float32"):
        embedded_nifti(np.zeros((2, 2, 2)), np.eye(4))
    with pytest.raises(ValueError, match="shape"):
        embedded_nifti(np.zeros((2, 2), np.uint8), np.eye(4))


def test_the_same_volume_gives_the_same_text() -> None:
    assert embedded_nifti(np.ones((3, 3, 3), np.uint8), np.eye(4)) == embedded_nifti(
        np.ones((3, 3, 3), np.uint8), np.eye(4)
    )


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2])))


def test_pictures_decode() -> None:
    gray = np.linspace(0, 1, 12).reshape(3, 4)
    assert np.array_equal(np.asarray(opened(embedded_png(gray))), np.rint(gray * 255).astype(np.uint8))
    picture = opened(embedded_jpeg(np.full((8, 16, 3), [1.0, 0.5, 0.0])))
    assert picture.size == (16, 8)
    assert np.abs(np.asarray(picture)[4, 4].astype(int) - [255, 128, 0]).max() < 6
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        embedded_jpeg(np.zeros((8, 8)))
