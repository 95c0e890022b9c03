"""Tests of the fields of a DICOM header that a CT slice needs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest

from monai_pylon.data import read_volume
from monai_pylon.data.scan_headers.dicom_fields import (
    FieldError,
    phase_fields,
    read_field,
    read_numbers,
    read_orientation,
)
from tests.data.dicom_files import write_dicom

HU = np.random.default_rng(7).integers(-900, 1500, (7, 6, 5)).astype(np.int16)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"RescaleSlope": 0}, "RescaleSlope must not be 0"),
        ({"RescaleIntercept": None}, "RescaleIntercept is missing"),
        ({"RescaleType": "MGML"}, "RescaleType must be HU, but is MGML"),
        ({"ImageOrientationPatient": [0.5, 0, 0, 0, 0.5, 0]}, "two perpendicular directions of length 1"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.5, 0.866, 0]}, "two perpendicular directions of length 1"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "two perpendicular directions of length 1"),
    ],
)
def test_invalid_fields_are_errors(tags: dict, message: str, tmp_path: Path) -> None:
    write_dicom(tmp_path / "d", HU, **tags)
    with pytest.raises(ValueError, match=f"cannot be used.*{message}"):
        read_volume(tmp_path / "d")


@pytest.mark.parametrize(("tag", "name"), [(b"\x28\x00\x53\x10DS", "RescaleSlope"), (b"\x20\x00\x32\x00DS", "Image")])
@pytest.mark.parametrize("text", [b"NaN", b"inf", b"one"])
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_text_that_is_no_number_is_an_error(tag: bytes, name: str, text: bytes, tmp_path: Path) -> None:
    write_dicom(tmp_path / "d", HU)
    file = next((tmp_path / "d").iterdir())
    content = file.read_bytes()
    start = content.index(tag) + 8
    length = int.from_bytes(content[start - 2 : start], "little")
    size = (length + 4) // 2 * 2
    value = text.ljust(size - length % 2 if length >= 4 else 4)
    file.write_bytes(content[: start - 2] + len(value).to_bytes(2, "little") + value + content[start + length :])
    with pytest.raises(ValueError, match=f"cannot be used.*{name}"):
        read_volume(tmp_path / "d")


def test_values_without_a_unit_are_read(tmp_path: Path) -> None:
    write_dicom(tmp_path / "d", HU, RescaleType="US")
    assert read_volume(tmp_path / "d").shape == (1, 7, 6, 5)


def test_the_first_dataset_with_a_value_counts() -> None:
    empty, full = pydicom.Dataset(), pydicom.Dataset()
    empty.RescaleSlope, full.RescaleSlope = None, 3
    assert read_numbers("RescaleSlope", 1, None, empty, full) == (3.0,)
    with pytest.raises(FieldError, match="Rows is missing"):
        read_field("Rows", empty, full)


@pytest.mark.parametrize(
    ("keyword", "value", "count", "message"),
    [
        ("RescaleSlope", float("inf"), 1, "RescaleSlope must be a finite number, but is inf"),
        ("PixelSpacing", [1.0], 2, "PixelSpacing must be 2 numbers, but is"),
        ("PixelSpacing", [1.0, float("nan")], 2, "PixelSpacing must be 2 numbers, but is"),
        ("Rows", 3, 2, "Rows must be 2 numbers, but is 3"),
    ],
)
def test_numbers_that_do_not_fit_are_named(keyword: str, value: object, count: int, message: str) -> None:
    with pytest.raises(FieldError, match=message):
        read_numbers(keyword, count, SimpleNamespace(**{keyword: value}))


@pytest.mark.parametrize(
    ("columns", "fits"),
    [
        ([0.02, 1, 0], True),
        ([0.021, 1, 0], False),
        ([0, 1.019, 0], True),
        ([0, 1.021, 0], False),
        ([0, 0.979, 0], False),
    ],
)
def test_directions_may_deviate_by_a_fiftieth(columns: list[float], fits: bool) -> None:
    header = SimpleNamespace(ImageOrientationPatient=[1, 0, 0, *columns])
    if fits:
        assert read_orientation(header) == (1, 0, 0, *columns)
    else:
        with pytest.raises(FieldError, match="two perpendicular directions"):
            read_orientation(header)


def test_phase_fields_of_a_frame_come_first() -> None:
    frame, file = pydicom.Dataset(), pydicom.Dataset()
    frame.FrameAcquisitionNumber, file.AcquisitionNumber, file.ContrastBolusAgent = 7, 1, "NONE"
    fields = phase_fields(None, frame, file)
    assert fields["AcquisitionNumber"] == "7"
    assert fields["ContrastBolusAgent"] == fields["KVP"] == ""
