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


def test_other_images_may_be_drawn() -> None:
    assert may_draw(MetaTensor(np.zeros((1, 2, 2))), False, "a")
