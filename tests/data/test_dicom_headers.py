"""Tests of the DICOM headers: slices are found among other objects, and unusable files are named."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.uid import SecondaryCaptureImageStorage

from monai_pylon.data import read_volume
from monai_pylon.data.dicom_headers import CTSlice, _expected_bytes, geometry_groups, read_dicom_headers
from tests.data.dicom_files import DIRECTION_LPS, ORIGIN_LPS, SPACING, write_dicom, write_enhanced

HU = np.random.default_rng(7).integers(-900, 1500, (7, 6, 5)).astype(np.int16)


def change(file: Path, **tags: object) -> None:
    """Set fields of a DICOM file, or remove those that are None."""
    dataset = pydicom.dcmread(file)
    for name, value in tags.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(file)


def test_other_objects_beside_the_ct_are_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    uid = write_dicom(tmp_path, HU)
    write_dicom(tmp_path, HU[:, :, :1], SOPClassUID=SecondaryCaptureImageStorage, SeriesDescription="Dose Report")
    write_dicom(tmp_path, HU[:, :, :1], Modality="RTDOSE")
    write_dicom(tmp_path, HU[:, :, :1], SeriesInstanceUID=uid, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (tmp_path / "readme.txt").write_text("no scan")
    content = read_dicom_headers(tmp_path)
    assert {series: len(slices) for series, slices in content.slices.items()} == {uid: 5}
    assert len(content.skipped) == 4
    logged = [record.getMessage() for record in caplog.records]
    assert len(logged) == 3, "one line for each kind of DICOM object; other files are not named"
    assert all("skipped 1 file(s) that hold no CT slice" in line for line in logged)
    assert not content.problems
    np.testing.assert_array_equal(read_volume(tmp_path)[0].numpy(), HU // 2 * 2)


def test_files_without_ending_or_preamble_are_read(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU)
    for number, file in enumerate(sorted(tmp_path.iterdir())):
        content = file.read_bytes()
        file.unlink()
        (tmp_path / f"I{number}").write_bytes(content[132:] if number % 2 else content)
    assert [len(slices) for slices in read_dicom_headers(tmp_path).slices.values()] == [5]


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"ImagePositionPatient": None}, "ImagePositionPatient is missing"),
        ({"ImageOrientationPatient": None}, "ImageOrientationPatient is missing"),
        ({"PixelSpacing": [0.0, 1.0]}, "PixelSpacing must be positive"),
        ({"PixelSpacing": None}, "PixelSpacing is missing"),
        ({"RescaleIntercept": None}, "RescaleIntercept is missing"),
    ],
)
def test_missing_field_is_named_with_its_file(tags: dict, message: str, tmp_path: Path) -> None:
    uid = write_dicom(tmp_path, HU)
    file = sorted(tmp_path.iterdir())[2]
    change(file, **tags)
    content = read_dicom_headers(tmp_path)
    assert message in content.problems[file]
    assert content.problem_series == {file: uid}
    with pytest.raises(ValueError, match=f"{file.name}: {message}"):
        read_volume(tmp_path)


def test_a_slice_has_its_series_and_frame(tmp_path: Path) -> None:
    uid = write_dicom(tmp_path, HU[:, :, :1], ConvolutionKernel="B60f")
    ((one,),) = read_dicom_headers(tmp_path).slices.values()
    assert (one.series, one.kernel, one.frame, one.size) == (uid, "B60f", 0, (6, 7))


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(("lost", "problems"), [(0, 0), (1, 1)])
def test_one_missing_byte_of_pixels_is_a_problem(lost: int, problems: int, implicit: bool, tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1])
    (file,) = tmp_path.iterdir()
    if implicit:
        dataset = pydicom.dcmread(file)
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        dataset.save_as(file, implicit_vr=True, little_endian=True)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) - lost])
    assert len(read_dicom_headers(tmp_path).problems) == problems


def test_compressed_pixels_may_be_shorter_than_the_image(tmp_path: Path) -> None:
    write_dicom(tmp_path, np.full((32, 32, 1), 40))
    (file,) = tmp_path.iterdir()
    dataset = pydicom.dcmread(file)
    dataset.compress(pydicom.uid.RLELossless)
    dataset.save_as(file)
    assert not read_dicom_headers(tmp_path).problems


@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_files_are_named_not_dropped(kept: float, tmp_path: Path) -> None:
    write_dicom(tmp_path, np.repeat(HU, 20, axis=0))
    files = sorted(tmp_path.iterdir())
    for file in files[-2:]:
        file.write_bytes(file.read_bytes()[: int(kept * file.stat().st_size)])
    with pytest.raises(ValueError, match=rf"{files[-2].name}: .*1 more files have problems\. Repair or remove"):
        read_volume(tmp_path)


def test_hidden_files_and_folders_are_left_out_and_empty_files_are_named(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1])
    (file,) = tmp_path.iterdir()
    (tmp_path / ".hidden.dcm").write_bytes(file.read_bytes())
    (tmp_path / "folder.dcm").mkdir()
    (tmp_path / "empty.dcm").touch()
    content = read_dicom_headers(tmp_path)
    assert [one.file for slices in content.slices.values() for one in slices] == [file]
    assert content.problems == {tmp_path / "empty.dcm": "the file is empty"}


@pytest.mark.parametrize("lost", ["SOPClassUID", "file_meta"])
def test_the_class_stands_in_the_file_or_before_it(lost: str, tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1])
    (file,) = tmp_path.iterdir()
    dataset = pydicom.dcmread(file)
    if lost == "file_meta":
        del dataset.file_meta.MediaStorageSOPClassUID
    else:
        del dataset.SOPClassUID
    dataset.save_as(file)
    assert len(read_dicom_headers(tmp_path).slices) == 1


@pytest.mark.parametrize("shared", [True, False])
def test_frames_take_their_fields_from_their_own_or_shared_groups_or_the_file(shared: bool, tmp_path: Path) -> None:
    file = tmp_path / "a.dcm"
    write_enhanced(file, HU, [1, 0])
    if not shared:
        dataset = pydicom.dcmread(file)
        for (group,) in (each.value for each in dataset.SharedFunctionalGroupsSequence[0]):
            dataset.update(group)
        del dataset.SharedFunctionalGroupsSequence
        dataset.save_as(file)
    (slices,) = read_dicom_headers(tmp_path).slices.values()
    assert [(one.file, one.frame) for one in slices] == [(file, 0), (file, 1)]
    assert [float(one.position[2]) for one in slices] == [ORIGIN_LPS[2] + SPACING[2], ORIGIN_LPS[2]]
    for one in slices:
        assert (one.spacing, one.rescale, one.burned_in) == ((SPACING[1], SPACING[0]), (1, 0), False)
        assert one.orientation == pytest.approx(DIRECTION_LPS.T[:2].ravel())


def test_slices_are_grouped_by_size_spacing_and_orientation(tmp_path: Path) -> None:
    uid = write_dicom(tmp_path, HU)
    write_dicom(tmp_path, HU[:, :, :2], heights=[40.0, 45.0], SeriesInstanceUID=uid, PixelSpacing=[2.5, 2.5])
    groups = geometry_groups(read_dicom_headers(tmp_path).slices[uid])
    assert [len(group) for group in groups] == [5, 2]
    with pytest.raises(ValueError, match=r"5 slices of 6 x 7 pixels, PixelSpacing 0\.9 x 0\.8.*2 slices.*2\.5 x 2\.5"):
        read_volume(tmp_path)


@pytest.mark.parametrize(
    "tags", [{"SOPClassUID": "1.2.840.10008.1.3.10"}, {"DirectoryRecordSequence": [pydicom.Dataset()]}]
)
def test_the_class_or_the_records_tell_a_dicomdir(tags: dict[str, object], tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1], **tags)
    assert list(read_dicom_headers(tmp_path).skipped.values()) == ["DICOMDIR"]


@pytest.mark.parametrize(("frames", "problem"), [(None, False), (1, False), (0, False), (2, True)])
def test_an_empty_number_of_frames_is_one_frame(frames: int | None, problem: bool, tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1], NumberOfFrames=frames)
    content = read_dicom_headers(tmp_path)
    assert [len(found) for found in (content.slices, content.problems)] == [not problem, problem]


@pytest.mark.parametrize(
    ("mark", "listed"), [(b"DICM", "problems"), (b"DICM" + bytes(200), "problems"), (b"DICX", "skipped")]
)
def test_a_file_without_ending_is_dicom_by_its_mark(mark: bytes, listed: str, tmp_path: Path) -> None:
    (tmp_path / "I0").write_bytes(bytes(128) + mark)
    assert list(getattr(read_dicom_headers(tmp_path), listed)) == [tmp_path / "I0"]


@pytest.mark.parametrize(("stated", "burned_in"), [(None, False), ("YES", True), ("NO", False)])
def test_burned_in_text_is_known_where_stated(stated: str | None, burned_in: bool, tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1], **({} if stated is None else {"BurnedInAnnotation": stated}))
    ((one,),) = read_dicom_headers(tmp_path).slices.values()
    assert one.burned_in is burned_in


@pytest.mark.parametrize(
    ("value", "limit", "padding"),
    [
        (None, None, None),
        (10, None, (-1004, -1004)),
        (10, 30, (-1004, -964)),
        (30, 10, (-1004, -964)),
        (None, 30, None),
    ],
)
def test_padding_is_a_range_in_hu(value: int | None, limit: int | None, padding: tuple | None, tmp_path: Path) -> None:
    """Slope 2 and intercept -1024."""
    tags = {"PixelPaddingValue": value, "PixelPaddingRangeLimit": limit}
    write_dicom(tmp_path, HU[:, :, :1], **{name: number for name, number in tags.items() if number is not None})
    ((one,),) = read_dicom_headers(tmp_path).slices.values()
    assert one.padding == padding


def test_a_kernel_of_several_parts_and_a_series_without_a_number(tmp_path: Path) -> None:
    write_dicom(tmp_path, HU[:, :, :1], ConvolutionKernel=["B60f", "3"])
    ((one,),) = read_dicom_headers(tmp_path).slices.values()
    assert (one.kernel, one.number, one.rescale, one.frame) == ("B60f 3", "", (2.0, -1024.0), 0)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, 3 * 5 * 2),
        ({"BitsAllocated": 12}, 22),  # 22.5
        ({"SamplesPerPixel": 3, "BitsAllocated": 8}, 45),
        ({"NumberOfFrames": 4}, 120),
        ({"NumberOfFrames": None}, 30),
    ],
)
def test_bytes_of_uncompressed_pixels(tags: dict, expected: int) -> None:
    assert _expected_bytes(SimpleNamespace(**{"Rows": 3, "Columns": 5, "BitsAllocated": 16, **tags})) == expected


AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def slice_of(position: str = "0", orientation: tuple[float, ...] = AXIAL, spacing: float = 1.0) -> CTSlice:
    """Return the geometry of a slice without a file."""
    position_of = ("0", "0", position)
    return CTSlice(Path("a"), 0, "1", "", "", position_of, orientation, (spacing, spacing), (8, 8), (1, 0))


def test_a_slice_needs_no_further_facts() -> None:
    one = slice_of()
    assert (one.padding, one.number, one.burned_in, one.phase) == (None, "", False, {})


def test_geometries_may_differ_by_rounding() -> None:
    for other, groups in (
        (slice_of(spacing=1.0019), 1),
        (slice_of(spacing=1.0031), 2),
        (slice_of(orientation=(1.0, 0.009, 0.0, 0.0, 1.0, 0.0)), 1),
        (slice_of(orientation=(1.0, 0.011, 0.0, 0.0, 1.0, 0.0)), 2),
        (slice_of(orientation=(0.985, 0.0, 0.0, 0.0, 1.0, 0.0)), 2),
        (slice_of()._replace(size=(8, 9)), 2),
    ):
        assert len(geometry_groups([slice_of(), other])) == groups
