"""Pictures of images that may show the patient's name."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pydicom
import pytest
from monai.data import MetaTensor

from monai_pylon.data import read_radiograph, read_volume
from monai_pylon.workflows.cohort.burned_in import may_draw
from tests.data.dicom_files import write_dicom
from tests.data.radiographs.test_reader import write_dicom as write_radiograph
from tests.workflows.commands.dicom_inputs import add_overlay_planes


@pytest.mark.parametrize(("value", "drawn"), [("YES", False), ("NO", True), ("", True)])
def test_the_header_decides(tmp_path: Path, caplog: pytest.LogCaptureFixture, value: str, drawn: bool) -> None:
    write_dicom(tmp_path / "series", np.zeros((4, 4, 3), int), BurnedInAnnotation=value)
    write_radiograph(tmp_path / "a.dcm", np.arange(12).reshape(3, 4), BurnedInAnnotation=value)
    for image in (read_volume(tmp_path / "series"), read_radiograph(tmp_path / "a.dcm")):
        with caplog.at_level(logging.WARNING):
            caplog.clear()
            assert may_draw(image, False, "case 7") is drawn
        assert ("case 7" in caplog.text) is not drawn
        assert may_draw(image, True, "case 7")


def test_one_slice_is_enough(tmp_path: Path) -> None:
    write_dicom(tmp_path, np.zeros((4, 4, 3), int))
    file = sorted(tmp_path.iterdir())[1]
    dataset = pydicom.dcmread(file)
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as(file)
    assert not may_draw(read_volume(tmp_path), False, "a")


@pytest.mark.parametrize("in_pixels", [False, True])
def test_overlay_planes_are_not_read(tmp_path: Path, in_pixels: bool) -> None:
    """All pictures are drawn from these arrays."""
    values = np.random.default_rng(0).integers(100, 3000, (12, 16, 3))
    tags = {"BitsStored": 12, "HighBit": 11, "RescaleSlope": 1}
    write_dicom(tmp_path / "series", values, **tags)
    file = write_radiograph(tmp_path / "a.dcm", values[..., 0])
    before = read_volume(tmp_path / "series"), read_radiograph(file)
    for one in (*(tmp_path / "series").iterdir(), file):
        plain = one.read_bytes()
        add_overlay_planes(one, in_pixels)
        assert one.read_bytes() != plain
    for old, new in zip(before, (read_volume(tmp_path / "series"), read_radiograph(file)), strict=True):
        np.testing.assert_array_equal(old, new)


def test_other_images_may_be_drawn() -> None:
    assert may_draw(MetaTensor(np.zeros((1, 2, 2))), False, "a")
