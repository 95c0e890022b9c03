"""Tests of NRRD and MetaImage headers that leave the geometry or the values open."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)

from monai_pylon.data import read_volume
from monai_pylon.data.scan_headers.itk_header import check_itk_header, header_lines, itk_fields

META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "0 0 0",
    "AnatomicalOrientation": "RAI",
    "ElementSpacing": "1 1 2",
    "DimSize": "3 4 5",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}
NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "3 4 5",
    "space directions": "(1,0,0) (0,1,0) (0,0,2)",
    "encoding": "raw",
    "endian": "little",
}


def write_meta_image(path: Path, **changes: str | None) -> Path:
    """Write a MetaImage with changed fields; None leaves a field out."""
    fields = {**META, **changes, "ElementDataFile": "LOCAL"}
    fields["ElementDataFile"] = fields.pop("ElementDataFile")  # the last one
    text = "".join(f"{key} = {value}\n" for key, value in fields.items() if value is not None)
    path.write_bytes(text.encode() + np.arange(60, dtype="<i2").tobytes())
    return path


def write_nrrd(path: Path, **changes: str) -> Path:
    """Write an NRRD with changed fields."""
    fields = NRRD | {key.replace("_", " "): value for key, value in changes.items()}
    text = "NRRD0005\n" + "".join(f"{key}: {value}\n" for key, value in fields.items()) + "\n"
    path.write_bytes(text.encode() + bytes(240))
    return path


def test_unchanged_headers_are_read(tmp_path: Path) -> None:
    image = read_volume(write_meta_image(tmp_path / "a.mha"))
    assert np.diag(image.affine.numpy()).tolist() == [-1, -1, 2, 1]
    assert np.diag(read_volume(write_nrrd(tmp_path / "a.nrrd")).affine.numpy()).tolist() == [-1, -1, 2, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"AnatomicalOrientation": None}, "left and right are unknown.*add the line AnatomicalOrientation = RAI"),
        ({"AnatomicalOrientation": "???"}, "AnatomicalOrientation is missing"),
        (
            {"AnatomicalOrientation": None, "TransformMatrix": "-1 0 0 0 -1 0 0 0 1"},
            "add the line AnatomicalOrientation = LPI",
        ),
        ({"TransformMatrix": "-1 0 0 0 1 0 0 0 1"}, "AnatomicalOrientation is RAI, but TransformMatrix means LAI"),
        ({"TransformMatrix": None, "AnatomicalOrientation": "LPI"}, "is LPI, but TransformMatrix means RAI"),
        ({"TransformMatrix": "1 0 0 1 0 0 0 0 1"}, "TransformMatrix must be three directions"),
        ({"TransformMatrix": "0 0 0 0 0 0 0 0 0"}, "TransformMatrix must be three directions"),
        ({"ElementSpacing": "-1 1 2"}, "ElementSpacing must be positive, but is -1 1 2"),
        ({"ElementSpacing": "1 0 2"}, "ElementSpacing must be positive"),
        ({"ElementSpacing": "1 nan 2"}, "ElementSpacing must be positive"),
        ({"ElementSpacing": None}, "has no ElementSpacing"),
        ({"DistanceUnits": "cm"}, "DistanceUnits must be mm, but is cm"),
        ({"ElementToIntensityFunctionSlope": "2"}, "Slope is 2 and ElementToIntensityFunctionOffset 0, which readers"),
        ({"ElementToIntensityFunctionOffset": "-1024"}, "Offset -1024, which readers ignore"),
    ],
)
def test_doubtful_meta_images_are_errors(changes: dict, message: str, tmp_path: Path) -> None:
    path = write_meta_image(tmp_path / "a.mha", **changes)
    with pytest.raises(ValueError, match=message):
        read_volume(path)


def test_orientation_of_all_directions_is_that_of_itk(tmp_path: Path) -> None:
    image = sitk.Image(2, 3, 4, sitk.sitkInt16)
    for order, signs in itertools.product(itertools.permutations(range(3)), itertools.product((1, -1), repeat=3)):
        image.SetDirection((np.eye(3)[:, order] * signs).ravel().tolist())
        sitk.WriteImage(image, str(tmp_path / "a.mha"))
        check_itk_header(tmp_path / "a.mha")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space_directions": "(1,0,0) (0,0,0) (0,0,2)"}, "`space directions` must be three vectors"),
        ({"space_directions": "(1,0,0) (0,nan,0) (0,0,2)"}, "`space directions` must be three vectors"),
        ({"space_directions": "(1,0,0) (2,0,0) (0,0,2)"}, "`space directions` must be three vectors"),
        ({"space_directions": "(1,0) (0,1)"}, "`space directions` must be three vectors"),
        ({"space_directions": "none (1,0,0) (0,1,0)"}, "no `space directions`"),
        ({"dimension": "4", "sizes": "3 4 5 2", "kinds": "domain domain domain time"}, "must be 3, but is 4 .*time"),
        ({"space_units": '"cm" "cm" "cm"'}, "`space units`"),
    ],
)
def test_doubtful_nrrd_files_are_errors(changes: dict, message: str, tmp_path: Path) -> None:
    path = write_nrrd(tmp_path / "a.nrrd", **changes)
    with pytest.raises(ValueError, match=message):
        read_volume(path)


@pytest.mark.parametrize(("space", "diagonal"), [("RAS", [1, 1, 2]), ("left-anterior-superior", [-1, 1, 2])])
def test_all_anatomical_spaces_are_read(space: str, diagonal: list, tmp_path: Path) -> None:
    path = write_nrrd(tmp_path / "a.nrrd", space=space)
    assert np.diag(read_volume(path).affine.numpy())[:3].tolist() == diagonal


def test_fields_have_lower_case_names_and_end_before_the_voxels(tmp_path: Path) -> None:
    fields = itk_fields(write_meta_image(tmp_path / "a.mha"))
    assert fields["anatomicalorientation"] == "RAI"
    assert list(fields)[-1] == "elementdatafile"


def test_voxels_after_a_header_with_any_line_ends_are_no_fields(tmp_path: Path) -> None:
    for ends in ("\n", "\r\n"):
        file = tmp_path / "a.nrrd"
        file.write_bytes(ends.join(["NRRD0004", "sizes: 4 4 4", "", "sizes: 9 9 9", ""]).encode())
        assert itk_fields(file) == {"sizes": "4 4 4"}
    file.write_bytes(b"NRRD0004\ndata file: LIST\na.raw\n\nb.raw")
    assert header_lines(file)[2:] == ["a.raw", "", "b.raw"]


def test_headers_may_have_empty_lines_or_none(tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(b"NDims = 3\n\nElementDataFile = LOCAL\nDimSize = 9 9 9\n")  # voxels like a field
    assert itk_fields(tmp_path / "a.mha") == {"ndims": "3", "elementdatafile": "LOCAL"}
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\nsizes: 4 4 4")
    assert header_lines(tmp_path / "a.nrrd") == ["NRRD0004", "sizes: 4 4 4"]


def test_oblique_directions_and_small_voxels_are_accepted(tmp_path: Path) -> None:
    check_itk_header(write_meta_image(tmp_path / "a.mha", TransformMatrix="0.98 0.2 0 -0.2 0.98 0 0 0 1"))
    check_itk_header(write_nrrd(tmp_path / "a.nrrd", space_directions="(0.05,0,0) (0,0.05,0) (0,0,0.05)"))


def test_long_headers_are_read_to_their_end(tmp_path: Path) -> None:
    file = tmp_path / "a.nhdr"
    file.write_text("NRRD0004\n" + "# a comment\n" * 9000 + "space: LPS\n")
    assert itk_fields(file)["space"] == "LPS"
