"""Tests of the DICOM series: order and choice of series, and errors for irregular slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data import read_volume
from monai_pylon.data.dicom_series import check_slices, find_ct_series, is_dicom_file
from tests.data.dicom_files import SPACING, write_dicom


@pytest.fixture(scope="module")
def hu() -> np.ndarray:
    """Return random voxels (X, Y, Z) with three different lengths."""
    return np.random.default_rng(7).integers(-900, 1500, (7, 6, 5)).astype(np.int16)


def test_dicom_slices_are_ordered_by_position(tmp_path: Path, hu: np.ndarray) -> None:
    """File names and instance numbers have another order: the first slice is the highest."""
    write_dicom(tmp_path / "d", hu, heights=[20.0, 15.0, 10.0, 5.0, 0.0])
    image = read_volume(tmp_path / "d")
    np.testing.assert_array_equal(image[0].numpy(), (hu // 2 * 2)[:, :, ::-1])
    assert image.affine[2, 2] == SPACING[2]


def test_several_series_need_a_choice(tmp_path: Path, hu: np.ndarray) -> None:
    first = write_dicom(tmp_path / "d", hu, SeriesDescription="soft")
    second = write_dicom(tmp_path / "d", hu - 100, SeriesDescription="sharp")
    with pytest.raises(ValueError, match=r"one CT series.*It holds 2: .*\(s(oft|harp); 5 files\)") as error:
        read_volume(tmp_path / "d")
    assert first in str(error.value)
    assert second in str(error.value)
    chosen = read_volume(tmp_path / "d", series_uid=second)
    np.testing.assert_array_equal(chosen[0].numpy(), (hu - 100) // 2 * 2)
    with pytest.raises(ValueError, match="series_uid must be the UID of a CT series"):
        read_volume(tmp_path / "d", series_uid="1.2.3")


@pytest.mark.parametrize("tags", [{"Modality": "PT"}, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}])
def test_scouts_and_other_modalities_are_skipped(tags: dict, tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    write_dicom(tmp_path / "d", hu[:, :, :2], **tags)
    assert read_volume(tmp_path / "d").shape == (1, 7, 6, 5)
    write_dicom(tmp_path / "other", hu, **tags)
    with pytest.raises(ValueError, match="No CT slices were found"):
        read_volume(tmp_path / "other")


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize(
    ("heights", "shift", "message"),
    [
        ([0, 5, 10, 20, 25], (0, 0, 0), r"5\.00 to 10\.00 mm apart.* after 110\.0 mm"),
        ([0, 5, 5.1, 10, 15], (0, 0, 0), r"0\.10 to 5\.00 mm apart"),
        ([0, 5, 10, 15, 20], (0, 1.5, 0), r"without gantry tilt.* 16\.7 degrees"),
    ],
    ids=["missing", "duplicate", "tilted"],
)
def test_irregular_geometry_is_an_error(heights, shift, message, tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, heights=heights, shift=shift)
    with pytest.raises(ValueError, match=message):
        read_volume(tmp_path / "d")


def test_slices_of_different_directions_are_an_error() -> None:
    axial, coronal = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
    positions = np.array([[0.0, 0, z] for z in (0, 5, 10)])
    check_slices(positions, np.array([axial, axial, axial]), "series")
    with pytest.raises(ValueError, match=r"a series of parallel slices, but is 'series'\. Remove the scout"):
        check_slices(positions, np.array([axial, axial, coronal]), "series")


def test_rounded_positions_are_accepted(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, heights=[0, 5.02, 9.97, 15, 20])
    assert read_volume(tmp_path / "d").affine[2, 2] == pytest.approx(5.0)


def test_scout_in_the_series_is_an_error(tmp_path: Path, hu: np.ndarray) -> None:
    uid = write_dicom(tmp_path / "d", hu)
    coronal = [1, 0, 0, 0, 0, -1]
    write_dicom(tmp_path / "d", hu[:, :, :1], heights=[30.0], SeriesInstanceUID=uid, ImageOrientationPatient=coronal)
    with pytest.raises((ValueError, RuntimeError)):
        read_volume(tmp_path / "d")


def test_dicom_files_are_recognized_without_an_ending(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    file = next((tmp_path / "d").iterdir()).rename(tmp_path / "IM0001")
    assert is_dicom_file(file)
    (tmp_path / "note").write_text("x" * 200)
    assert not is_dicom_file(tmp_path / "note")


AXIAL = np.array([1.0, 0, 0, 0, 1, 0])


def positions(*heights: float, slide: float = 0.0) -> np.ndarray:
    return np.array([[slide * z, 0.0, z] for z in heights])


@pytest.mark.parametrize(("last", "fits"), [(15.49, True), (15.51, False), (14.51, True), (14.49, False)])
def test_gaps_may_differ_by_10_percent(last: float, fits: bool) -> None:
    slices = positions(0, 5, 10, last), np.tile(AXIAL, (4, 1)), "series"
    if fits:
        assert check_slices(*slices) is None
    else:
        with pytest.raises(ValueError, match=r"evenly spaced slices, but is 'series'.* after 10\.0 mm\."):
            check_slices(*slices)


@pytest.mark.parametrize(("slide", "fits"), [(0.049, True), (0.051, False)])
def test_tilt_may_be_3_degrees(slide: float, fits: bool) -> None:
    slices = positions(10, 15, 20, slide=slide), np.tile(AXIAL, (3, 1)), "series"
    if fits:
        assert check_slices(*slices) is None
    else:
        with pytest.raises(ValueError, match=r"without gantry tilt.* displaced by 2\.9 degrees"):
            check_slices(*slices)


def test_identical_positions_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"0\.00 to 0\.00 mm apart; look for .* after the first"):
        check_slices(positions(5, 5, 5), np.tile(AXIAL, (3, 1)), "series")


def test_at_most_five_gaps_are_listed() -> None:
    heights = np.cumsum([0, 5, 5, 5, 5, 5, 5, 5, 9, 9, 9, 9, 9, 9])
    with pytest.raises(ValueError, match=r"5\.00 to 9\.00 mm .* after 35\.0 mm, 44\.0 mm(, [567]\d\.0 mm){3}\.$"):
        check_slices(positions(*heights), np.tile(AXIAL, (14, 1)), "series")


def test_small_differences_of_direction_are_accepted() -> None:
    slices = np.tile(AXIAL, (3, 1))
    slices[2, 1] = 0.0009
    assert check_slices(positions(0, 5, 10), slices, "series") is None
    slices[2, 1] = 0.0011
    with pytest.raises(ValueError, match="parallel slices"):
        check_slices(positions(0, 5, 10), slices, "series")


def test_series_has_its_description_and_files(tmp_path: Path, hu: np.ndarray) -> None:
    named = write_dicom(tmp_path, hu, SeriesDescription="thorax")
    unnamed = write_dicom(tmp_path, hu, SeriesDescription="")
    series = find_ct_series(tmp_path)
    assert {uid: text for uid, (text, _) in series.items()} == {named: "thorax", unnamed: "no description"}
    assert len(series[named][1]) == 5


def test_single_file_is_read_without_slice_checks(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu[:, :, :1])
    assert read_volume(tmp_path / "d").shape == (1, 7, 6, 1)


def test_dicom_by_ending_or_by_characters(tmp_path: Path) -> None:
    assert is_dicom_file("a.DCM")
    assert is_dicom_file("a.ima")
    (tmp_path / "short").write_bytes(b"\0" * 128 + b"DIC")
    (tmp_path / "exact").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "late").write_bytes(b"\0" * 129 + b"DICM")
    assert [is_dicom_file(tmp_path / name) for name in ("short", "exact", "late")] == [False, True, False]


def test_thin_slices_are_accepted() -> None:
    assert check_slices(positions(0, 0.6, 1.2), np.tile(AXIAL, (3, 1)), "series") is None


def test_displacement_of_the_first_slice_is_an_error() -> None:
    slices = positions(0, 5, 10)
    slices[0, 1] = 3.0
    with pytest.raises(ValueError, match=r"without gantry tilt.* displaced by 16\.7 degrees"):
        check_slices(slices, np.tile(AXIAL, (3, 1)), "series")
