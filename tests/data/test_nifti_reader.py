"""Tests of the NIfTI reader: the geometry that the header states, and an error for each doubtful field."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.data import nifti_reader, read_volume
from monai_pylon.data.nifti_reader import _shape, read_nifti

AFFINE = np.diag([-2.8, -2.8, 3.1, 1.0])
HU = np.arange(60, dtype=np.int16).reshape(3, 4, 5)


def save(path: Path, sform: int = 1, qform: int = 1, affine: np.ndarray = AFFINE, **fields: bytes) -> Path:
    """Write a volume; `fields` replace bytes of the header, by their offset ("b88")."""
    image = nibabel.Nifti1Image(HU, affine)
    image.set_sform(affine, sform)
    image.set_qform(affine, qform)
    nibabel.save(image, path)
    if fields:
        content = bytearray(path.read_bytes())
        for offset, value in fields.items():
            start = int(offset[1:])
            content[start : start + len(value)] = value
        path.write_bytes(content)
    return path


def test_unset_qform_with_rounded_pixdim_keeps_left_and_right(tmp_path: Path) -> None:
    """A library that prefers the unset qform would return diag(pixdim), which exchanges left and right."""
    rounded = struct.pack("<3f", 2.8, 2.8, 3.101)
    path = save(tmp_path / "a.nii", b80=rounded, b252=struct.pack("<h", 0), b256=bytes(24))
    array, affine = read_nifti(path)
    np.testing.assert_allclose(affine, AFFINE, atol=1e-6)
    np.testing.assert_array_equal(array, HU)


def test_axes_beyond_those_that_the_header_counts_do_not_matter() -> None:
    assert _shape({"dim": [3, 4, 5, 6, 9, 0, 0, 0]}, "a.nii") == [4, 5, 6]
    assert _shape({"dim": [5, 4, 5, 6, 1, 1, 9, 9]}, "a.nii") == [4, 5, 6]


@pytest.mark.parametrize(("unit", "factor"), [("mm", 1), ("micron", 1000), ("meter", 0.001), ("unknown", 1)])
def test_units_are_converted_to_millimeters(unit: str, factor: float, tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(HU, np.diag([*np.diag(AFFINE)[:3] * factor, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii.gz")
    np.testing.assert_allclose(read_nifti(tmp_path / "a.nii.gz")[1], AFFINE, rtol=1e-5, atol=1e-6)


def test_qform_counts_if_the_sform_is_unset(tmp_path: Path) -> None:
    np.testing.assert_allclose(read_nifti(save(tmp_path / "a.nii", sform=0))[1], AFFINE, atol=1e-6)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"b88": struct.pack("<f", 0.0)}, r"pixdim must be three positive voxel sizes, but is .*0\.0\]"),
        ({"b88": struct.pack("<f", float("nan"))}, "pixdim must be three positive"),
        ({"b88": struct.pack("<f", 3.2)}, r"pixdim states voxels of .*3\.2\], but the sform"),
        ({"b88": struct.pack("<f", 5.0)}, r"pixdim states voxels of .*5\.0\], but the sform"),
        ({"b252": bytes(4)}, "both qform_code and sform_code are 0"),
        ({"b123": bytes([5])}, "xyzt_units must state meters"),
        ({"b112": struct.pack("<2f", 1.0, float("nan"))}, "scl_inter must be a number"),
        ({"b42": struct.pack("<3h", 30000, 30000, 30000)}, "more than 2,147,483,648 voxels"),
        ({"b40": struct.pack("<5h", 4, 3, 4, 5, 2)}, r"dim must state a 3D volume, but states \[3, 4, 5, 2\]"),
        ({"b70": struct.pack("<h", 128)}, r"datatype must be real numbers.*color"),
        ({"b70": struct.pack("<h", 999)}, "datatype 999 is unknown"),
        ({"b0": struct.pack("<i", 7)}, "does not start with a NIfTI header"),
        ({"b280": struct.pack("<f", 2.8)}, "the sform states the axes RPS, but the qform LPS"),
        ({"b292": struct.pack("<f", float("inf"))}, "the affine .* is singular or not finite"),
        ({"b280": struct.pack("<8f", 0, 0, 3.1, 0, 0, -2.8, 0, 0)}, "the affine .* is singular or not finite"),
    ],
)
def test_doubtful_field_is_named(fields: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"a\.nii' cannot be used: .*{message}"):
        read_nifti(save(tmp_path / "a.nii", **fields))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("a.nii", gzip.compress, r"gzip-compressed\. Rename it so that it ends in \.nii\.gz"),
        ("a.nii.gz", bytes, r"not gzip-compressed\. Rename it so that it ends in \.nii\."),
        ("a.nii.gz", lambda content: content[3::-1] + content[4:], r"not gzip-compressed\. Rename it"),  # big-endian
        ("a.nii.gz", lambda _: b"hello", "neither gzip-compressed nor NIfTI"),
        ("a.nii.gz", lambda _: b"", r"it is empty|is empty"),
    ],
)
def test_ending_must_fit_the_content(name: str, change: Callable, message: str, tmp_path: Path) -> None:
    content = save(tmp_path / "b.nii").read_bytes()
    (tmp_path / name).write_bytes(change(content))
    with pytest.raises(ValueError, match=message):
        read_nifti(tmp_path / name)


def test_oblique_voxels_have_the_sizes_of_pixdim(tmp_path: Path) -> None:
    cos, sin = np.cos(0.5), np.sin(0.5)
    turn = np.array([[1, 0, 0, 7], [0, cos, -sin, 8], [0, sin, cos, 9], [0, 0, 0, 1]])
    affine = turn @ np.diag([0.7, 0.8, 5.0, 1.0])
    np.testing.assert_allclose(read_nifti(save(tmp_path / "a.nii", affine=affine))[1], affine, atol=1e-6)


def test_nifti_2_and_big_endian_files_are_read(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(HU, AFFINE), tmp_path / "two.nii")
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nibabel.save(nibabel.Nifti1Image(HU, AFFINE, header), tmp_path / "big.nii")
    for name in ("two.nii", "big.nii"):
        array, affine = read_nifti(tmp_path / name)
        np.testing.assert_array_equal(array, HU)
        np.testing.assert_allclose(affine, AFFINE, atol=1e-6)


@pytest.mark.parametrize("kept", [1, 100, 347])
def test_a_file_cut_within_its_header_is_an_error(tmp_path: Path, kept: int) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), tmp_path / "a.nii")
    (tmp_path / "a.nii").write_bytes((tmp_path / "a.nii").read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cannot be read|cannot be used"):
        read_volume(tmp_path / "a.nii")


@pytest.mark.parametrize(("pixdim", "fits"), [(2.828, True), (2.8295, False), (2.772, True), (2.7705, False)])
def test_pixdim_may_differ_by_one_percent_and_a_thousandth(pixdim: float, fits: bool, tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", qform=0, b80=struct.pack("<f", pixdim))
    if fits:
        np.testing.assert_allclose(read_nifti(path)[1], AFFINE, atol=1e-6)
    else:
        with pytest.raises(ValueError, match="but the sform of"):
            read_nifti(path)


@pytest.mark.parametrize(("slope", "intercept", "factor"), [(0.0, np.nan, 1), (np.nan, np.nan, 1), (2.0, 5.0, 2)])
def test_a_slope_of_0_leaves_the_values(slope: float, intercept: float, factor: int, tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", b112=struct.pack("<2f", slope, intercept))
    np.testing.assert_array_equal(read_nifti(path)[0], HU * factor + (5 if factor == 2 else 0))


@pytest.mark.parametrize("offset", [-1.0, 2.0**26 + 16])
def test_voxels_begin_within_64_mib(offset: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vox_offset must be 0 to 67,108,864"):
        read_nifti(save(tmp_path / "a.nii", b108=struct.pack("<f", offset)))


def test_the_header_of_an_uncompressed_file_holds_no_voxels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple] = []
    monkeypatch.setattr(nifti_reader, "check_stored_size", lambda path, *sizes: given.append(sizes))
    for name in ("a.nii", "a.nii.gz"):
        read_nifti(save(tmp_path / name))
    assert given == [(120, 120, False), (120, (tmp_path / "a.nii.gz").stat().st_size, True)]
    header = {"vox_offset": 1000.0}
    nifti_reader._check_size(header, str(tmp_path / "a.nii"), [3, 4, 5], 2)
    assert given[2] == (120, 0, False), "the file ends before its voxels"
    for offset in (0.0, 2.0**26):
        nifti_reader._check_size({"vox_offset": offset}, str(tmp_path / "a.nii"), [3, 4, 5], 2)


@pytest.mark.parametrize("dim", [[3, 4, 0, 6, 1], [-1, 4, 5, 6, 1], [2, 4, 5, 6, 1], [4, 4, 5, 6, 2]])
def test_other_than_three_axes_are_an_error(dim: list[int]) -> None:
    with pytest.raises(ValueError, match="dim must state a 3D volume"):
        _shape({"dim": dim}, "a.nii")
    assert _shape({"dim": [3, 1, 1, 1]}, "a.nii") == [1, 1, 1]
