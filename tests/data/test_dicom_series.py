"""Tests of the DICOM series: order and choice of series, and errors for irregular slices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest

from monai_pylon.data import read_volume
from monai_pylon.data.dicom_series import _without_copies, _without_scouts, is_dicom_file, read_dicom_series
from tests.data.dicom_files import SPACING, write_dicom
from tests.data.test_dicom_headers import slice_of


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


def test_voxels_have_the_spacing_of_rows_columns_and_slices(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "all", hu)
    write_dicom(tmp_path / "one", hu[:, :, :1])
    assert read_dicom_series(tmp_path / "all").GetSpacing() == pytest.approx(SPACING)
    assert read_dicom_series(tmp_path / "one").GetSpacing() == pytest.approx((*SPACING[:2], 1.0))
    write_dicom(tmp_path / "two", hu[:, :, :2])
    assert read_dicom_series(tmp_path / "two").GetSpacing() == pytest.approx(SPACING)


def test_directions_have_length_1(tmp_path: Path, hu: np.ndarray) -> None:
    """A header may round them; the spacing stays that of PixelSpacing."""
    write_dicom(tmp_path, hu, ImageOrientationPatient=[1.01, 0, 0, 0, 0.99, 0])
    image = read_dicom_series(tmp_path)
    assert image.GetDirection() == pytest.approx(np.eye(3).ravel())
    assert image.GetSpacing() == pytest.approx(SPACING)


def test_several_series_need_a_choice(tmp_path: Path, hu: np.ndarray) -> None:
    first = write_dicom(tmp_path / "d", hu, ConvolutionKernel="soft", SeriesDescription="Miller")
    second = write_dicom(tmp_path / "d", hu - 100, ConvolutionKernel=["sharp", "4"])
    with pytest.raises(
        ValueError, match=r"one CT series.*It holds 2: .*\(ConvolutionKernel sharp 4; 5 slices\)"
    ) as error:
        read_volume(tmp_path / "d")
    assert f"{first} (ConvolutionKernel soft; 5 slices)" in str(error.value)
    assert "Miller" not in str(error.value), "descriptions are free text"
    assert second in str(error.value)
    chosen = read_volume(tmp_path / "d", series_uid=second)
    np.testing.assert_array_equal(chosen[0].numpy(), (hu - 100) // 2 * 2)
    with pytest.raises(ValueError, match="series_uid must be the UID of a CT series"):
        read_volume(tmp_path / "d", series_uid="1.2.3")


def test_a_series_is_chosen_by_its_number(tmp_path: Path, hu: np.ndarray) -> None:
    for number, value in ((2, 0), (13, -100), (13, -200)):
        write_dicom(tmp_path / "d", hu + value, SeriesNumber=number)
    for series in (2, "2", " 2 "):
        np.testing.assert_array_equal(read_volume(tmp_path / "d", series)[0].numpy(), hu // 2 * 2)
    for series in (13, 1, "3"):
        with pytest.raises(ValueError, match=r"or the SeriesNumber that only one has.*\(SeriesNumber 13; 5 slic"):
            read_volume(tmp_path / "d", series)


def test_series_of_one_slice_are_listed_and_chosen(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, SeriesNumber=2, ConvolutionKernel="soft")
    write_dicom(tmp_path / "d", hu[:, :, :1], SeriesNumber=3)
    for listed in (r"\(SeriesNumber 2; ConvolutionKernel soft; 5 slices\)", r"\(SeriesNumber 3; 1 slices\)"):
        with pytest.raises(ValueError, match=rf"It holds 2: .*{listed}"):
            read_volume(tmp_path / "d")
    assert read_volume(tmp_path / "d", 3).shape == (1, 7, 6, 1)


def test_an_acquisition_is_chosen_by_its_number(tmp_path: Path, hu: np.ndarray) -> None:
    uid = write_dicom(tmp_path / "d", hu, AcquisitionNumber=1)
    write_dicom(tmp_path / "d", hu - 100, SeriesInstanceUID=uid, AcquisitionNumber=2)
    write_dicom(tmp_path / "d", hu, SeriesInstanceUID=uid)
    for series, value in ((":1", 0), (f"{uid}:2", -100)):
        np.testing.assert_array_equal(read_volume(tmp_path / "d", series)[0].numpy(), (hu + value) // 2 * 2)
    with pytest.raises(ValueError, match=r"must end in an AcquisitionNumber .* but is '3'\. .* has 1, 2, none\."):
        read_volume(tmp_path / "d", ":3")


def test_problems_of_another_series_do_not_count(tmp_path: Path, hu: np.ndarray) -> None:
    uid = write_dicom(tmp_path / "d", hu)
    other = write_dicom(tmp_path / "broken", hu)
    for file in (tmp_path / "broken").iterdir():
        dataset = pydicom.dcmread(file)
        del dataset.PixelSpacing
        dataset.save_as(tmp_path / "d" / f"b{file.name}")
    assert read_volume(tmp_path / "d", uid).shape == (1, 7, 6, 5)
    for series in (None, other):
        with pytest.raises(ValueError, match="PixelSpacing is missing"):
            read_volume(tmp_path / "d", series)
    next((tmp_path / "d").iterdir()).with_name("z.dcm").touch()
    with pytest.raises(ValueError, match=r"z\.dcm: the file is empty\. Repair"):
        read_volume(tmp_path / "d", uid)
    (tmp_path / "d" / "zz.dcm").touch()
    with pytest.raises(ValueError, match=r"z\.dcm: the file is empty\. 1 more files have problems\. Repair"):
        read_volume(tmp_path / "d", uid)


@pytest.mark.parametrize("tags", [{"Modality": "PT"}, {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}])
def test_scouts_and_other_modalities_are_skipped(tags: dict, tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    write_dicom(tmp_path / "d", hu[:, :, :2], **tags)
    assert read_volume(tmp_path / "d").shape == (1, 7, 6, 5)
    write_dicom(tmp_path / "other", hu, **tags)
    with pytest.raises(ValueError, match=r"No CT slices were found in it \(skipped: 5 x [^()]*(\(.*\))?\)\.$"):
        read_volume(tmp_path / "other")


@pytest.mark.filterwarnings("ignore:.*")
@pytest.mark.parametrize(
    ("heights", "shift", "message"),
    [
        ([0, 5, 10, 20, 25], (0, 0, 0), r"5\.00 to 10\.00 mm apart.* after 110\.0 mm"),
        ([0, 5, 5.1, 10, 15], (0, 0, 0), r"0\.10 to 5\.00 mm apart"),
        ([0, 5, 10, 15, 20], (0, 1.5, 0), r"gantry was tilted by 16\.7 degrees"),
    ],
    ids=["missing", "duplicate", "tilted"],
)
def test_irregular_geometry_is_an_error(heights, shift, message, tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, heights=heights, shift=shift)
    with pytest.raises(ValueError, match=message):
        read_volume(tmp_path / "d")


def test_rounded_positions_are_accepted(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, heights=[0, 5.02, 9.97, 15, 20])
    assert read_volume(tmp_path / "d").affine[2, 2] == pytest.approx(5.0, abs=0.01)


def test_scout_in_the_series_is_skipped(tmp_path: Path, hu: np.ndarray) -> None:
    """A scout without the image type LOCALIZER is told by its orientation."""
    uid = write_dicom(tmp_path / "d", hu)
    coronal = [1, 0, 0, 0, 0, -1]
    write_dicom(tmp_path / "d", hu[:, :, :1], heights=[30.0], SeriesInstanceUID=uid, ImageOrientationPatient=coronal)
    np.testing.assert_array_equal(read_volume(tmp_path / "d")[0].numpy(), hu // 2 * 2)


def test_exact_copies_of_a_slice_are_dropped(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    file = next((tmp_path / "d").iterdir())
    (tmp_path / "d" / "copy.dcm").write_bytes(file.read_bytes())
    assert read_volume(tmp_path / "d").shape == (1, 7, 6, 5)


def test_two_acquisitions_at_the_same_positions_are_an_error(tmp_path: Path, hu: np.ndarray) -> None:
    uid = write_dicom(tmp_path / "d", hu, AcquisitionNumber=1)
    write_dicom(tmp_path / "d", hu + 100, SeriesInstanceUID=uid, AcquisitionNumber=2)
    for number, file in enumerate(sorted((tmp_path / "d").iterdir())):
        file.rename(file.with_name(f"{number}.dcm"))
    with pytest.raises(ValueError, match=r"2 different ones at .*AcquisitionNumber: 1 \(5 slices\), 2"):
        read_volume(tmp_path / "d")


@pytest.mark.parametrize("stored", [63536, 0])
def test_padding_that_is_no_tissue_becomes_air(stored: int, tmp_path: Path, hu: np.ndarray) -> None:
    """With slope 2 and intercept -1024, 63536 is 126048 HU, and 0 is -1024 HU."""
    write_dicom(tmp_path / "d", hu, PixelPaddingValue=stored)
    for file in (tmp_path / "d").iterdir():
        dataset = pydicom.dcmread(file)
        pixels = dataset.pixel_array.copy()
        pixels[0, 0] = stored
        dataset.PixelData = pixels.tobytes()
        dataset.save_as(file)
    volume = read_volume(tmp_path / "d")[0].numpy()
    assert (volume[0, 0] == -1024).all()
    np.testing.assert_array_equal(volume[1:], (hu // 2 * 2)[1:])


def test_spacing_between_slices_of_0_is_ignored(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, SpacingBetweenSlices=0)
    image = read_volume(tmp_path / "d")
    assert image.affine[2, 2] == pytest.approx(5.0)
    np.testing.assert_array_equal(image[0].numpy(), hu // 2 * 2)


def test_dicom_files_are_recognized_without_an_ending(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    file = next((tmp_path / "d").iterdir()).rename(tmp_path / "IM0001")
    assert is_dicom_file(file)
    (tmp_path / "note").write_text("x" * 200)
    assert not is_dicom_file(tmp_path / "note")


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


def test_error_names_the_folder_below_that_holds_the_slices(tmp_path: Path, hu: np.ndarray) -> None:
    (tmp_path / "PAT").mkdir()
    write_dicom(tmp_path / "PAT" / "SER", hu)
    with pytest.raises(ValueError, match=r"No CT slices were found in it\. Its folder 'PAT/SER' holds DICOM files"):
        read_volume(tmp_path)


def test_a_thousand_files_are_searched_for_the_right_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.dcm").touch()
    for number in range(1000):
        (tmp_path / "a" / f"{number}.txt").touch()
    with pytest.raises(ValueError, match=r"No CT slices were found in it\.$"):
        read_volume(tmp_path)
    (tmp_path / "a" / "0.txt").unlink()
    with pytest.raises(ValueError, match=r"Its folder 'b' holds DICOM files"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    ("count", "tilt", "left"),
    [(3, 90, 5), (4, 90, None), (3, 46, 5), (3, 44, None)],
)
def test_three_slices_turned_by_45_degrees_or_more_are_scouts(count: int, tilt: float, left: int | None) -> None:
    turned = (1.0, 0.0, 0.0, 0.0, np.cos(np.deg2rad(tilt)), np.sin(np.deg2rad(tilt)))
    slices = [slice_of(str(n)) for n in range(5)] + [slice_of(orientation=turned)] * count
    if left is None:
        with pytest.raises(ValueError, match="whose slices have one geometry, but 'x' has 2"):
            _without_scouts(slices, "x")
    else:
        assert len(_without_scouts(slices, "x")) == left


def test_one_slice_of_another_geometry_is_described() -> None:
    turned = slice_of(orientation=(1.0, 0.0, 0.0, 0.0, 0.0, 1.0))
    assert _without_scouts([slice_of(), turned], "x") == [slice_of()]
    slices = [slice_of("0")._replace(acquisition="7"), slice_of("1"), slice_of("2", spacing=2.0)]
    first = "2 slices of 8 x 8 pixels, PixelSpacing 1 x 1 mm, AcquisitionNumber 7, none"
    second = r"1 slices of 8 x 8 pixels, PixelSpacing 2 x 2 mm, AcquisitionNumber none\. Name"
    with pytest.raises(ValueError, match=f"has 2: {first}; {second}"):
        _without_scouts(slices, "x")


def test_positions_within_a_thousandth_are_one_place(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("monai_pylon.data.dicom_series.stored_bytes", lambda one: b"same")
    slices = [slice_of("1.0001"), slice_of("1.0004"), slice_of("1.0006"), slice_of("1.0004")]
    kept = _without_copies(slices, "x")
    assert [one.position[2] for one in kept] == ["1.0001", "1.0006"]
    assert "skipped 2 exact copies" in caplog.text
