"""Tests of series that mix phases of an examination on one even grid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data import read_volume
from monai_pylon.data.scan_headers.phases import mixed_phases
from tests.data.dicom_files import write_dicom

HU = np.random.default_rng(7).integers(-900, 1500, (7, 6, 12)).astype(np.int16)


def write_phases(folder: Path, first: dict, second: dict) -> None:
    """Write two phases of one series whose slices alternate."""
    heights = [5.0 * k for k in range(12)]
    uid = write_dicom(folder, HU[:, :, ::2], heights[::2], SeriesNumber=2, **first)
    write_dicom(folder, HU[:, :, 1::2], heights[1::2], SeriesNumber=2, SeriesInstanceUID=uid, **second)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ({"AcquisitionNumber": 1}, {"AcquisitionNumber": 2}, r"AcquisitionNumber is 1 \(6 slices\), 2 \(6 slices\)"),
        ({}, {"ContrastBolusAgent": "Iomeprol"}, r"ContrastBolusAgent is none \(6 slices\), agent 1 \(6"),
        ({"ConvolutionKernel": "B30f"}, {"ConvolutionKernel": "B70f"}, "ConvolutionKernel is B30f"),
        ({"KVP": 80}, {"KVP": 140}, r"KVP is 80(\.0)? \(6"),
        ({"ImageType": ["ORIGINAL", "PRIMARY"]}, {"ImageType": ["DERIVED", "SECONDARY"]}, "ImageType is"),
        ({"AcquisitionTime": "101000"}, {"AcquisitionTime": "101045"}, "AcquisitionTime runs 2 times from"),
    ],
)
def test_alternating_phases_are_an_error(first: dict, second: dict, message: str, tmp_path: Path) -> None:
    write_phases(tmp_path / "d", first, second)
    with pytest.raises(ValueError, match=f"a series of one phase.*{message}.*--series.*own folder"):
        read_volume(tmp_path / "d")


def test_one_acquisition_can_be_chosen(tmp_path: Path) -> None:
    write_phases(tmp_path / "d", {"AcquisitionNumber": 1}, {"AcquisitionNumber": 2})
    for name in ("2:2", ":2", " 2 : 2 "):
        np.testing.assert_array_equal(read_volume(tmp_path / "d", name)[0].numpy(), HU[:, :, 1::2] // 2 * 2)
    with pytest.raises(ValueError, match=r"must end in an AcquisitionNumber .* but is '3'.* has 1, 2"):
        read_volume(tmp_path / "d", "2:3")


def test_contrast_in_one_half_is_an_error() -> None:
    phases = [{"ContrastBolusAgent": agent} for agent in ["", "", "", "Iohexol", "Iohexol", "Iohexol"]]
    found = mixed_phases(phases)
    assert found == "slices have different contrast: ContrastBolusAgent is none (3 slices), agent 1 (3 slices)"


def test_free_text_and_times_of_the_headers_are_not_repeated() -> None:
    agents = ["Miller 1", "Miller 2"] * 3
    assert "Miller" not in mixed_phases([{"ContrastBolusAgent": agent} for agent in agents])
    times = [f"2019022810{minute}00" for minute in ("10", "40", "11", "41", "12", "42")]
    found = mixed_phases([{"AcquisitionTime": time} for time in times])
    assert "AcquisitionTime" in found
    assert "2019" not in found


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("AcquisitionNumber", "111222333"),  # in several steps
        ("AcquisitionNumber", "123456789"),  # slice by slice
        ("InstanceNumber", "987654321"),
        ("InstanceNumber", "518342967"),  # in the order in which an archive sent them
        ("InstanceNumber", "1324"),  # too few to tell
        ("InstanceNumber", "11223344"),  # in one direction, with copies
        ("InstanceNumber", "44332211"),
        ("InstanceNumber", "15263"),  # two slices of the second
        ("InstanceNumber", ["1", "11", "2", "11", "1", "11"]),  # neither up nor down
        ("InstanceNumber", "132435"),  # 1, 2, 3 and 3, 4, 5 meet
        ("InstanceNumber", [f"{10 * phase + step}" for step in range(3) for phase in range(7)]),  # more than six phases
        ("AcquisitionTime", ["11.1", "11.0", "11.2", "11.1", "11.3", "11.2"]),  # the clock of a spiral scan
        ("AcquisitionTime", ["", "10", "", "11", "", "12"]),
    ],
)
def test_scans_of_one_phase_are_accepted(keyword: str, values: list) -> None:
    assert mixed_phases([{keyword: value} for value in values]) == ""


@pytest.mark.parametrize(
    "numbers",
    [
        [1, 5, 2, 6, 3, 7, 4, 8],
        [9, 6, 3, 8, 5, 2, 7, 4, 1],
        [1, 4, 2, 5, 3, 6],  # three slices of each
        [1, 4, 1, 5, 2, 5],  # some numbers twice
        [6, 3, 5, 3, 5, 2],
        [10 * phase + step for step in range(3) for phase in range(6)],
    ],
)
def test_instance_numbers_show_phases_that_take_turns(numbers: list) -> None:
    assert "InstanceNumber runs from" in mixed_phases([{"InstanceNumber": str(number)} for number in numbers])


def test_an_error_lists_six_values() -> None:
    def message(count: int) -> str:
        return mixed_phases([{"KVP": str(kvp)} for kvp in [*range(count), *range(count)]])

    assert message(6).endswith("3 (2 slices), 4 (2 slices), 5 (2 slices)")
    assert message(7).endswith("4 (2 slices), 5 (2 slices) and 1 more")
    assert message(8).endswith("4 (2 slices), 5 (2 slices) and 2 more")
