"""One scan, written in every format, must come back with the same numbers in the same places of the patient."""

from __future__ import annotations

from pathlib import Path

import nibabel
import nrrd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 (its own documentation calls it so)
from monai.transforms import LoadImage
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from monai_pylon.data import ReadVolume, ReadVolumed, SimpleITKReader, check_slices, is_dicom_file, read_volume

SPACING = (0.8, 0.9, 5.0)
ORIGIN_LPS = (-30.0, -40.0, 100.0)
# An oblique scan: 10 degrees about the patient's long axis, where a swapped matrix would show.
COS, SIN = np.cos(np.radians(10)), np.sin(np.radians(10))
DIRECTION_LPS = np.array([[COS, -SIN, 0], [SIN, COS, 0], [0, 0, 1]])


@pytest.fixture(scope="module")
def hu() -> np.ndarray:
    """(X, Y, Z), three different lengths, every voxel different enough to notice an exchange of axes."""
    return np.random.default_rng(7).integers(-900, 1500, (7, 6, 5)).astype(np.int16)


@pytest.fixture(scope="module")
def affine() -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = DIRECTION_LPS * SPACING
    matrix[:3, 3] = ORIGIN_LPS
    return np.diag([-1, -1, 1, 1]) @ matrix


def write_dicom(folder: Path, hu: np.ndarray, heights: list[float] | None = None, shift=(0, 0, 0), **tags) -> str:
    """Write (X, Y, Z) as one file a slice, named in no order, stored with slope 2 and intercept -1024."""
    folder.mkdir(exist_ok=True)
    uid, frame = generate_uid(), generate_uid()
    heights = heights or [SPACING[2] * k for k in range(hu.shape[2])]
    for k, height in enumerate(heights):
        ds = pydicom.Dataset()
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
        ds.Modality, ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = "CT", uid, uid, frame
        ds.ImageType, ds.SeriesDescription, ds.InstanceNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], "thorax", k + 1
        ds.ImageOrientationPatient = list(DIRECTION_LPS.T[:2].ravel())
        ds.ImagePositionPatient = list(np.add(ORIGIN_LPS, height * DIRECTION_LPS[:, 2]) + np.multiply(shift, k))
        ds.PixelSpacing, ds.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        ds.Rows, ds.Columns, ds.SamplesPerPixel = hu.shape[1], hu.shape[0], 1
        ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.RescaleSlope, ds.RescaleIntercept = 2, -1024
        ds.PixelData = ((hu[:, :, k].T.astype(np.int32) + 1024) // 2).astype(np.uint16).tobytes()
        for name, value in tags.items():
            setattr(ds, name, value)
        ds.save_as(folder / f"{(k * 3) % 7}-{uid[-6:]}.dcm", enforce_file_format=True)
    return uid


def write(path: Path, hu: np.ndarray, affine: np.ndarray) -> Path:
    """Write a scan in the format that its name asks for, by the library at home in that format."""
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
def test_every_format_gives_the_same_scan(name: str, tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    even = hu // 2 * 2  # the DICOM files store steps of 2 HU
    image = read_volume(write(tmp_path / name, even, affine))
    assert image.shape == (1, 7, 6, 5)
    assert str(image.dtype) == "torch.float32"
    np.testing.assert_array_equal(image[0].numpy(), even)
    np.testing.assert_allclose(image.affine.numpy(), affine, atol=1e-5)


def test_nrrd_in_ras_is_the_same_scan(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    space = {"space": "right-anterior-superior", "space directions": affine[:3, :3].T, "space origin": affine[:3, 3]}
    nrrd.write(str(tmp_path / "a.nrrd"), hu, space)
    np.testing.assert_allclose(read_volume(tmp_path / "a.nrrd").affine.numpy(), affine, atol=1e-5)


def test_nifti_scaling_is_applied(tmp_path: Path, affine: np.ndarray) -> None:
    image = nibabel.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), affine)
    image.header.set_slope_inter(2.0, -1000.0)
    nibabel.save(image, tmp_path / "a.nii")
    stored = nibabel.load(tmp_path / "a.nii")
    np.testing.assert_allclose(read_volume(tmp_path / "a.nii")[0].numpy(), stored.get_fdata(), atol=0.5)


def test_a_nifti_with_one_time_point_is_a_volume(tmp_path: Path, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 1), np.int16), affine), tmp_path / "a.nii")
    assert read_volume(tmp_path / "a.nii").shape == (1, 3, 4, 5)


def test_a_time_series_is_no_volume(tmp_path: Path, affine: np.ndarray) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5, 2), np.int16), affine), tmp_path / "a.nii")
    with pytest.raises(ValueError, match=r"path must be a 3D volume.*\(3, 4, 5, 2\)"):
        read_volume(tmp_path / "a.nii")


def test_a_colour_image_is_no_scan(tmp_path: Path) -> None:
    sitk.WriteImage(sitk.Image([4, 4, 4], sitk.sitkVectorUInt8, 3), str(tmp_path / "a.mha"))
    with pytest.raises(ValueError, match="one value a voxel"):
        read_volume(tmp_path / "a.mha")


def test_a_nifti_without_orientation_is_an_error(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.int16), None), tmp_path / "a.nii")
    with pytest.raises(ValueError, match="qform_code and sform_code are 0"):
        read_volume(tmp_path / "a.nii")


def test_a_nrrd_without_space_is_an_error(tmp_path: Path) -> None:
    nrrd.write(str(tmp_path / "a.nrrd"), np.zeros((3, 4, 5), np.int16), {"spacings": [1.0, 1.0, 2.0]})
    with pytest.raises(ValueError, match="no anatomical `space`"):
        read_volume(tmp_path / "a.nrrd")


def test_missing_files_and_other_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.nii"):
        read_volume(tmp_path / "absent.nii")
    (tmp_path / "report.txt").write_text("no scan")
    with pytest.raises(ValueError, match=r"a folder or a file ending in \.nii"):
        read_volume(tmp_path / "report.txt")
    with pytest.raises(TypeError, match="path must be of type str or PathLike"):
        read_volume(3)  # type: ignore[arg-type]


def test_one_slice_points_to_its_folder(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    with pytest.raises(ValueError, match="Give the folder of a DICOM series"):
        read_volume(next((tmp_path / "d").iterdir()))


def test_dicom_slices_are_ordered_by_position(tmp_path: Path, hu: np.ndarray) -> None:
    """The files' names and instance numbers say otherwise: the first is the highest here."""
    write_dicom(tmp_path / "d", hu, heights=[20.0, 15.0, 10.0, 5.0, 0.0])
    image = read_volume(tmp_path / "d")
    np.testing.assert_array_equal(image[0].numpy(), (hu // 2 * 2)[:, :, ::-1])
    assert image.affine[2, 2] == SPACING[2]


def test_several_series_are_listed_and_one_can_be_chosen(tmp_path: Path, hu: np.ndarray) -> None:
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
def test_scouts_and_other_modalities_are_left_out(tags: dict, tmp_path: Path, hu: np.ndarray) -> None:
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
    ids=["missing", "doubled", "tilted"],
)
def test_doubtful_geometry_is_an_error(heights, shift, message, tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, heights=heights, shift=shift)
    with pytest.raises(ValueError, match=message):
        read_volume(tmp_path / "d")


def test_slices_that_lie_in_different_ways_are_no_volume() -> None:
    axial, coronal = [1, 0, 0, 0, 1, 0], [1, 0, 0, 0, 0, -1]
    positions = np.array([[0.0, 0, z] for z in (0, 5, 10)])
    check_slices(positions, np.array([axial, axial, axial]), "series")
    with pytest.raises(ValueError, match=r"slices all lie the same way, but is 'series'\. Take out the scout"):
        check_slices(positions, np.array([axial, axial, coronal]), "series")


def test_slices_with_uneven_rounding_are_no_error(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu, heights=[0, 5.02, 9.97, 15, 20])
    assert read_volume(tmp_path / "d").affine[2, 2] == pytest.approx(5.0)


def test_a_scout_within_the_series_is_an_error(tmp_path: Path, hu: np.ndarray) -> None:
    uid = write_dicom(tmp_path / "d", hu)
    coronal = [1, 0, 0, 0, 0, -1]
    write_dicom(tmp_path / "d", hu[:, :, :1], heights=[30.0], SeriesInstanceUID=uid, ImageOrientationPatient=coronal)
    with pytest.raises((ValueError, RuntimeError)):
        read_volume(tmp_path / "d")


def test_the_transforms_read_the_same(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    path = write(tmp_path / "a.mha", hu, affine)
    uid = write_dicom(tmp_path / "d", hu)
    write_dicom(tmp_path / "d", hu - 10)
    np.testing.assert_array_equal(ReadVolume()(path).numpy()[0], hu)
    np.testing.assert_array_equal(ReadVolumed("image")({"image": path})["image"].numpy()[0], hu)
    item = ReadVolumed("image")({"image": tmp_path / "d", "series_uid": uid})
    np.testing.assert_array_equal(item["image"].numpy()[0], hu // 2 * 2)
    np.testing.assert_array_equal(ReadVolume(series_uid=uid)(tmp_path / "d").numpy()[0], hu // 2 * 2)


@pytest.mark.filterwarnings("ignore:NvImgCodecPydicomReader")
def test_the_reader_works_within_monais_loader(tmp_path: Path, hu: np.ndarray, affine: np.ndarray) -> None:
    image = LoadImage(reader=SimpleITKReader(), image_only=True)(write(tmp_path / "a.mha", hu, affine))
    np.testing.assert_array_equal(image.numpy(), hu)
    np.testing.assert_allclose(image.affine.numpy(), affine, atol=1e-5)


def test_dicom_files_are_known_without_an_ending(tmp_path: Path, hu: np.ndarray) -> None:
    write_dicom(tmp_path / "d", hu)
    file = next((tmp_path / "d").iterdir()).rename(tmp_path / "IM0001")
    assert is_dicom_file(file)
    (tmp_path / "note").write_text("x" * 200)
    assert not is_dicom_file(tmp_path / "note")


@pytest.mark.real
def test_the_public_dicom_series_agrees_with_pydicom(public_data: Path) -> None:
    """Each slice of the series, read by another library, lies where the affine says."""
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
