"""Tests of images that are no radiograph by their pixels."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.data import read_radiograph
from monai_pylon.data.radiographs.gray_content import check_gray, warn_of_content
from tests.data.radiographs.test_image import EIGHT, write_png16
from tests.data.radiographs.test_reader import write_dicom

#: A photograph: red, green and blue of a scene differ.
PHOTO = np.stack([EIGHT, EIGHT // 2, 255 - EIGHT], -1)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "cmyk.jpg", "palette.png", "alpha.png", "deep.png", "deep.tif"])
def test_colored_images_are_refused_unless_asked_for(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    image = Image.fromarray(PHOTO)
    if "deep" in name:
        tifffile = pytest.importorskip("tifffile")
        deep = PHOTO.astype(np.uint16) * 257
        write_png16(path, deep) if path.suffix == ".png" else tifffile.imwrite(path, deep, photometric="rgb")
    else:
        modes = {"cmyk.jpg": "CMYK", "palette.png": "P", "alpha.png": "RGBA"}
        image.convert(modes.get(name, "RGB")).save(path)
    with pytest.raises(ValueError, match=r"frontal chest radiograph, but \d+ % .* colored.*frontal_chest_only=False"):
        read_radiograph(path)
    assert read_radiograph(path, frontal_chest_only=False).shape == (1, *EIGHT.shape)


def test_colored_dicom_files_are_refused(tmp_path: Path) -> None:
    tags = {"SamplesPerPixel": 3, "PlanarConfiguration": 0, "PhotometricInterpretation": "RGB"}
    size = {"Rows": len(PHOTO), "Columns": len(PHOTO[0]), "BitsStored": 16, "HighBit": 15}
    path = write_dicom(tmp_path / "a.dcm", PHOTO.astype(np.uint16) * 257, **tags, **size)
    with pytest.raises(ValueError, match=r"^path must be a frontal chest radiograph, but 100 % .* colored"):
        read_radiograph(path)
    assert read_radiograph(path, frontal_chest_only=False).shape == (1, *EIGHT.shape)


def test_tinted_radiographs_and_colored_markers_are_accepted(tmp_path: Path) -> None:
    gray = np.stack([EIGHT] * 3, -1)
    marked = gray.copy()
    marked[:9, :10] = 255, 0, 0
    for color in (gray, (gray * (0.85, 0.95, 1.0)).astype(np.uint8), marked):
        Image.fromarray(color).save(tmp_path / "a.png")
        assert read_radiograph(tmp_path / "a.png").shape == (1, *EIGHT.shape)
    with pytest.raises(ValueError, match="25 % of the pixels"):
        check_gray(np.where(np.arange(40)[:, None] < 10, (255, 0, 0), 90)[None], 255, "quarter.png")


@pytest.mark.parametrize(("chroma", "pixels", "colored"), [(51, 11, True), (50, 11, False), (51, 10, False)])
def test_limits_of_color(chroma: int, pixels: int, colored: bool) -> None:
    """More than a fifth of the range in more than a tenth of 100 pixels; alpha has no color."""
    image = np.full((10, 10, 4), 20)
    image[..., 3] = 250
    image.reshape(100, 4)[:pixels, 1] += chroma
    if colored:
        with pytest.raises(ValueError, match="but 11 % of the pixels"):
            check_gray(image, 250, "a.png")
    else:
        check_gray(image, 250, "a.png")


@pytest.mark.parametrize(
    ("shape", "values", "message"), [((64, 64), 1, "fewer than 8"), ((64, 64), 8, ""), ((63, 80), 200, "63 x 80 pix")]
)
def test_blank_and_tiny_images_are_logged(shape: tuple, values: int, message: str, caplog) -> None:
    gray = (np.arange(np.prod(shape)) % values).reshape(shape) / 255
    with caplog.at_level(logging.WARNING):
        warn_of_content(gray, "a.png")
    assert message in caplog.text
    assert bool(caplog.text) is bool(message)
