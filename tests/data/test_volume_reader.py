"""Tests of the CT reader: the same scan from every format, and errors for unreadable or ambiguous files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)
from monai.transforms import LoadImage

from monai_pylon.data import ReadVolume, ReadVolumed, read_volume, volume_reader
from monai_pylon.data.volume_reader import SimpleITKReader, _check_numbers, _check_size, _check_voxel_size, volume_name
from tests.data.dicom_files import DIRECTION_LPS, ORIGIN_LPS, SPACING, write_dicom


@pytest.fixture(scope="module")
def hu() -> np.ndarray:
    """Return (X, Y, Z) with three different lengths and random voxels, so that exchanged axes fail."""
    return np.random.default_rng(7).integers(-900, 1500, (7, 6, 5)).astype(np.int16)


@pytest.fixture(scope="module")
def affine() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = DIRECTION_LPS * SPACING
    matrix[:3, 3] = ORIGIN_LPS
    return np.diag([-1, -1, 1, 1]) @ matrix


def write(path: Path, hu: np.ndarray, affine: np.ndarray) -> Path:
    """Write a scan in the format of its ending, by the library of that format."""
    if path.suffix == "":
        write_dicom(path, hu)
    elif ".nii" in path.name.lower():
        nibabel.save(nibabel.Nifti1Image(hu, affine), path)
    elif path.suffix in (".nrrd", ".nhdr"):
        lps = np.diag([-1, -1, 1, 1]) @ affine
        space = {"space": "left-posterior-superior", "space directions": lps[:3, :3].T, "space origin": lps[:3, 3]}
        nrrd.write(str(path), hu, space)
    else:
        image = sitk.GetImageFromArray(hu.transpose(2, 1, 0))
        image.SetSpacing(SPACING)
        image.SetOrigin(ORIGIN_LPS)
        image.SetDirection(DIRECTION_LPS.ravel().tolist())
        sitk.WriteImage(image, str(path))
    return path


@pytest.mark.parametrize(
    "name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.nrrd", "a.nhdr", "a.mha", "a.mhd", "dicom_folder"]
)
def test_all_formats_give_the_same_scan(name: str, tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    even = hu // 2 * 2  # DICOM files store steps of 2 HU
    image = read_volume(write(tmp_path / name, even, affine))
    assert image.shape == (1, 7, 6, 5)
    assert str(image.dtype) == "torch.float32"
    np.testing.assert_array_equal(image[0].numpy(), even)
    np.testing.assert_allclose(image.affine.numpy(), affine, atol=1e-5)


def test_nrrd_in_ras_is_converted(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    space = {"space": "right-anterior-superior", "space directions": affine[:3, :3].T, "space origin": affine[:3, 3]}
    nrrd.write(str(tmp_path / "a.nrrd"), hu, space)
    np.testing.assert_allclose(read_volume(tmp_path / "a.nrrd").affine.numpy(), affine, atol=1e-5)


def test_nifti_scaling_is_applied(tmp_path: Path, affine: np.ndarray) -> None:
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    image.header.set_slope_inter(2.0, -1000.0)
    nibabel.save(image, tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii")[0].numpy(), stored.get_fdata(), atol=0.5)


def test_nifti_with_one_time_point_is_a_volume(tmp_path: Path, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 1), np.int16), affine), tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").shape == (1, 3, 4, 5)


def test_time_series_is_an_error(tmp_path: Path, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), affine), tmp_path / "a.nii")
    with pytest.raises(ValueError, match=r"dim must state a 3D volume, but states \[3, 4, 5, 2\]"):
        read_volume(tmp_path / "a.nii")


def test_color_image_is_an_error(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3), str(tmp_path / "a.mha"))
    with pytest.raises(ValueError, match="one value per voxel"):
        read_volume(tmp_path / "a.mha")


def test_nifti_without_orientation_is_an_error(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), None), tmp_path / "a.nii")
    with pytest.raises(ValueError, match="qform_code and sform_code are 0"):
        read_volume(tmp_path / "a.nii")


def test_nrrd_without_space_is_an_error(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5), np.int16), {"spacings": [1.0, 1.0, 2.0]})
    with pytest.raises(ValueError, match="no anatomical `space`"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("space", [{"space dimension": 3}, {"space": "scanner-xyz"}, {"space": "3D-right-handed"}])
def test_nrrd_in_a_space_without_anatomy_is_an_error(space: dict, tmp_path: Path) -> None:
    """Directions alone do not tell the patient's left from right."""
    lines = ["NRRD0005", "type: short", "dimension: 3", "sizes: 3 4 5", "encoding: raw", "endian: little"]
    lines += [f"{key}: {value}" for key, value in space.items()]
    lines += ["space directions: (1,0,0) (0,1,0) (0,0,2)", "space origin: (0,0,0)", "", ""]
    (tmp_path / "a.nrrd").write_bytes("\n".join(lines).encode() + bytes(120))
    with pytest.raises(ValueError, match="no anatomical `space`"):
        read_volume(tmp_path / "a.nrrd")


def test_missing_and_other_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.nii"):
        read_volume(tmp_path / "absent.nii")
    (tmp_path / "report.txt").write_text("no scan")
    with pytest.raises(ValueError, match=r"a folder or a file ending in \.nii"):
        read_volume(tmp_path / "report.txt")
    (tmp_path / "empty.mha").touch()
    with pytest.raises(ValueError, match=r"empty\.mha' is empty\. Copy or download it again"):
        read_volume(tmp_path / "empty.mha")
    with pytest.raises(TypeError, match="path must be of type str or PathLike"):
        read_volume(3)  # type: ignore[arg-type]


def test_single_slice_is_an_error_that_asks_for_its_folder(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    with pytest.raises(ValueError, match="Give the folder of a DICOM series"):
        read_volume(next((tmp_path / "d").iterdir()))


def test_transforms_read_the_same(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    path = write(tmp_path / "a.mha", hu, affine)
    uid = write_dicom(tmp_path / "d", hu)
    write_dicom(tmp_path / "d", hu - 10)
    np.testing.assert_array_equal(ReadVolume()(path).numpy()[0], hu)
    np.testing.assert_array_equal(ReadVolumed("image")({"image": path})["image"].numpy()[0], hu)
    item = ReadVolumed("image")({"image": tmp_path / "d", "series_uid": uid})
    np.testing.assert_array_equal(item["image"].numpy()[0], hu // 2 * 2)
    np.testing.assert_array_equal(ReadVolume(series_uid=uid)(tmp_path / "d").numpy()[0], hu // 2 * 2)


@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader")
def test_reader_works_in_monai_loader(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    image = LoadImage(reader=SimpleITKReader(), image_only=True)(write(tmp_path / "a.mha", hu, affine))
    np.testing.assert_array_equal(image.numpy(), hu)
    np.testing.assert_allclose(image.affine.numpy(), affine, atol=1e-5)


@pytest.mark.parametrize("edges", [(0.04, 1, 1), (1, 21, 1), (1, 1, 0.04)])
def test_voxels_that_no_ct_has_are_an_error(edges: tuple[float, ...], tmp_path: Path) -> None:
    file = tmp_path / "a.nii"
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.diag([*edges, 1.0])), file)
    with pytest.raises(ValueError, match=r"must have 0\.05 to 20 mm"):
        read_volume(file)


def test_truncated_nifti_is_an_error(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.random.default_rng(0).normal(size=(20, 20, 20)), np.eye(4))
    image.set_qform(np.eye(4), code=1)
    nibabel.save(image, tmp_path / "a.nii.gz")
    whole = (tmp_path / "a.nii.gz").read_bytes()
    (tmp_path / "a.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"a whole file, but '.*a.nii.gz' cannot be read.*again"):
        read_volume(tmp_path / "a.nii.gz")


def test_volume_name_drops_the_ending_of_a_volume_only() -> None:
    names = ["a.nii", "a.NII.gz", "a.b.nrrd", "a.dcm", "folder", "nii.gz", ".nii.gz"]
    assert [volume_name(name) for name in names] == ["a", "a", "a.b", "a.dcm", "folder", "nii.gz", ""]


def test_nifti_with_either_code_has_an_orientation(tmp_path: Path) -> None:
    for name, codes in (("q", (1, 0)), ("s", (0, 1))):
        image = nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), np.diag([2.0, 3, 4, 1]))
        image.set_qform(np.diag([2.0, 3, 4, 1]), code=codes[0])
        image.set_sform(np.diag([2.0, 3, 4, 1]), code=codes[1])
        nibabel.save(image, tmp_path / f"{name}.nii")
        assert read_volume(tmp_path / f"{name}.nii").affine[0, 0] == 2.0


def test_metadata_name_file_and_channel(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    path = write(tmp_path / "a.mha", hu, affine)
    image = read_volume(path)
    assert image.meta["filename_or_obj"] == str(path)
    assert image.meta["original_channel_dim"] == 0


@pytest.mark.parametrize(("stated", "burned_in"), [("YES", True), ("NO", None)])
def test_metadata_say_whether_text_is_burned_in(
    stated: str, burned_in: bool | None, tmp_path: Path, hu: np.ndarray
) -> None:
    write_dicom(tmp_path, hu, BurnedInAnnotation=stated)
    assert read_volume(tmp_path).meta.get("burned_in") is burned_in


def test_reader_accepts_its_endings_and_folders(tmp_path: Path) -> None:
    reader = SimpleITKReader()
    assert reader.verify_suffix([tmp_path, "a.MHA", Path("b.nhdr")])
    assert not reader.verify_suffix(["a.mha", "b.nii"])


def test_image_of_two_axes_is_an_error(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image([4, 4], sitk.sitkInt16), str(tmp_path / "a.mha"))
    with pytest.raises(ValueError, match=r"path must be a 3D volume, but is '.*a\.mha of size \(4, 4\)'"):
        read_volume(tmp_path / "a.mha")


@pytest.mark.real
def test_public_dicom_series_agrees_with_pydicom(public_data: Path) -> None:
    """Each slice, read by another library, is at the position of the affine."""
    folder = public_data / "chest_ct" / "dicom_lung_pet_ct_dx_A0002"
    image = read_volume(folder)
    assert image.shape == (1, 512, 512, 30)
    inverse = np.linalg.inv(image.affine.numpy())
    for file in sorted(folder.iterdir())[::7]:
        ds = pydicom.dcmread(file)
        x, y, z = np.rint(inverse @ [*np.multiply(ds.ImagePositionPatient, (-1, -1, 1)), 1])[:3].astype(int)
        assert (x, y) == (0, 0)
        hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
        np.testing.assert_array_equal(image[0, :, :, z].numpy(), hu.T)


@pytest.mark.parametrize("value", ["1e308", "1e400", "nan", "1e9"])
def test_a_direction_that_is_no_number_is_an_error(tmp_path: Path, value: str) -> None:
    """With an infinite direction ITK reads a MetaImage without an end, and takes that of an NRRD as 1 mm."""
    image = sitk.Image([6, 5, 4], sitk.sitkInt16)
    image.SetSpacing((2, 2, 3))
    for name, old, new in (
        ("a.nrrd", b"(2,0,0)", f"({value},0,0)"),
        ("a.mha", b"TransformMatrix = 1 0 0 0 1 0 0 0 1", f"TransformMatrix = 1 0 0 0 1 0 0 {value} 1"),
    ):
        sitk.WriteImage(image, str(tmp_path / name))
        content = (tmp_path / name).read_bytes()
        assert old in content
        (tmp_path / name).write_bytes(content.replace(old, new.encode()))
        with pytest.raises(ValueError, match=r"plausible number|cannot be read|voxels of|must be three"):
            read_volume(tmp_path / name)


@pytest.mark.parametrize(
    ("edges", "fits"),
    [((0.05, 20, 1), True), ((0.049, 1, 1), False), ((1, 20.1, 1), False), ((1, 1, float("nan")), False)],
)
def test_limits_of_voxels(edges: tuple[float, ...], fits: bool) -> None:
    """The limits themselves are accepted. Turned axes have the same lengths."""
    affine = np.diag([*edges, 1.0])[[1, 2, 0, 3]]
    if fits:
        _check_voxel_size("a", affine)
    else:
        with pytest.raises(ValueError, match=r"must have 0\.05 to 20 mm"):
            _check_voxel_size("a", affine)


@pytest.mark.parametrize(
    ("field", "value", "fits"),
    [
        ("direction", -2.0, True),
        ("direction", 2.1, False),
        ("spacing", 1e6, True),
        ("spacing", 1.1e6, False),
        ("origin", -1e9, True),
        ("origin", 1.1e9, False),
        ("origin", float("nan"), False),
    ],
)
def test_limits_of_plausible_numbers(field: str, value: float, fits: bool) -> None:
    given = {"direction": [1.0], "spacing": [1.0], "origin": [0.0], field: [value]}
    information = SimpleNamespace(
        GetDirection=lambda: given["direction"], GetSpacing=lambda: given["spacing"], GetOrigin=lambda: given["origin"]
    )
    if fits:
        _check_numbers("a", information, {})
    else:
        with pytest.raises(ValueError, match="no plausible number"):
            _check_numbers("a", information, {})


@pytest.mark.parametrize(("length", "fits"), [(2.0, True), (2.001, True), (2.003, False)])
def test_space_directions_are_as_long_as_the_spacing(length: float, fits: bool) -> None:
    information = SimpleNamespace(GetDirection=lambda: [1.0], GetSpacing=lambda: [2.0], GetOrigin=lambda: [0.0])
    fields = {"space directions": f"(0,{length},0)"}
    if fits:
        _check_numbers("a", information, fields)
    else:
        with pytest.raises(ValueError, match="no plausible number"):
            _check_numbers("a", information, fields)


@pytest.mark.parametrize(
    ("fields", "packed"),
    [
        ({}, False),
        ({"encoding": "raw"}, False),
        ({"encoding": "gzip"}, True),
        ({"compresseddata": "True"}, True),
        ({"compresseddata": "False"}, False),
    ],
)
@pytest.mark.parametrize("names", [[], ["b", "b"], ["slice%d.raw"]])
def test_the_bytes_of_all_files_count(
    fields: dict[str, str], packed: bool, names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two values of two bytes in each of 5 x 4 x 3 voxels; the header has 7 bytes, a data file 9."""
    (tmp_path / "a").write_bytes(bytes(7))
    (tmp_path / "b").write_bytes(bytes(9))
    given: list[tuple] = []
    monkeypatch.setattr(volume_reader, "data_files", lambda path: [tmp_path / name for name in names])
    monkeypatch.setattr(volume_reader, "check_stored_size", lambda path, *sizes: given.append(sizes))
    image = SimpleNamespace(
        GetSize=lambda: (5, 4, 3), GetPixelID=lambda: sitk.sitkVectorInt16, GetNumberOfComponents=lambda: 2
    )
    _check_size(str(tmp_path / "a"), image, fields)
    assert given == {0: [(240, 7, packed)], 2: [(240, 18, packed)], 1: []}[len(names)]
