"""Tests of the radiograph reader: the same image from every format and depth, and errors for unreadable files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)
from monai.data import MetaTensor
from PIL import Image
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, generate_uid

from monai_pylon.data import ReadRadiograph, ReadRadiographd, phantom_radiograph, read_radiograph
from monai_pylon.data.radiographs.image import radiograph_size
from monai_pylon.data.radiographs.reader import FILE_AFFINE, ORIENTATION, PIXEL_SPACING, SIDES
from monai_pylon.transforms import FollowBoxes
from monai_pylon.utils.image_orientation import unturn_image


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    """Return random (rows, columns) uint8 of different lengths, from 0 to 255."""
    values = np.random.default_rng(3).integers(0, 256, (70, 90)).astype(np.uint8)
    values[0, :2] = 0, 255
    return values


def write_dicom(path: Path, stored: np.ndarray, **tags: object) -> Path:
    """Write (rows, columns) of uint16 with 12 bits as a digital X-ray image."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = DigitalXRayImageStorageForPresentation
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.Modality, ds.PhotometricInterpretation, ds.PixelRepresentation = "DX", "MONOCHROME2", 0
    ds.Rows, ds.Columns, ds.SamplesPerPixel = *stored.shape[-2:], 1
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelData = stored.astype(np.uint16).tobytes()
    for name, value in tags.items():
        setattr(ds, name, value)
    ds.save_as(path, enforce_file_format=True)
    return path


def rgba(grey: np.ndarray) -> Image.Image:
    alpha = np.tile(np.arange(grey.shape[1], dtype=np.uint8), (len(grey), 1))
    return Image.fromarray(np.stack([grey, grey, grey, alpha], axis=-1))


WRITE = {
    "grey.png": lambda path, grey: Image.fromarray(grey).save(path),
    "rgb.png": lambda path, grey: Image.fromarray(grey).convert("RGB").save(path),
    "rgba.png": lambda path, grey: rgba(grey).save(path),
    "la.png": lambda path, grey: rgba(grey).convert("LA").save(path),
    "palette.png": lambda path, grey: Image.fromarray(grey).convert("P").save(path),
    "sixteen.png": lambda path, grey: Image.fromarray(grey.astype(np.uint16) * 257).save(path),
    "twelve.png": lambda path, grey: Image.fromarray(np.round(grey / 255 * 4095).astype(np.uint16)).save(path),
    "plain.dcm": lambda path, grey: write_dicom(path, grey.astype(np.uint16) * 16),
    "inverted.dcm": lambda path, grey: write_dicom(
        path, (255 - grey.astype(np.uint16)) * 16, PhotometricInterpretation="MONOCHROME1"
    ),
    "rescaled.dcm": lambda path, grey: write_dicom(path, grey, RescaleSlope=3, RescaleIntercept=-100),
    "no_ending": lambda path, grey: write_dicom(path, grey.astype(np.uint16) * 16),
}


@pytest.mark.parametrize("name", WRITE)
def test_all_formats_give_the_same_radiograph(tmp_path: Path, grey: np.ndarray, name: str) -> None:
    WRITE[name](tmp_path / name, grey)
    image = read_radiograph(tmp_path / name)
    assert isinstance(image, MetaTensor)
    assert image.dtype.is_floating_point
    assert image.element_size() == 4
    assert image.shape == (1, *grey.shape)
    np.testing.assert_allclose(image[0].numpy(), grey / 255, atol=2e-4)
    np.testing.assert_array_equal(image.affine, np.eye(4))
    np.testing.assert_array_equal(image.meta["original_affine"], np.eye(4))
    assert (image.meta["filename_or_obj"], image.meta["original_channel_dim"]) == (str(tmp_path / name), 0)
    assert "burned_in" not in image.meta


@pytest.mark.parametrize(("tag", "told"), [("YES", True), ("NO", False), (None, False)])
def test_text_in_the_pixels_is_told(tmp_path: Path, grey: np.ndarray, tag: str | None, told: bool) -> None:
    tags = {} if tag is None else {"BurnedInAnnotation": tag}
    image = read_radiograph(write_dicom(tmp_path / "x.dcm", grey, **tags))
    assert image.meta.get("burned_in", False) is told


def test_jpeg_is_nearly_the_same(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 80).reshape(64, 80).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "smooth.jpg", quality=95)
    np.testing.assert_allclose(read_radiograph(tmp_path / "smooth.jpg")[0].numpy(), smooth / 255, atol=0.02)


def test_exif_orientation_of_a_jpeg_is_applied(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 64 * 80).reshape(64, 80).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees
    Image.fromarray(smooth).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    image = read_radiograph(tmp_path / "turned.jpg")
    np.testing.assert_allclose(image[0].numpy(), np.rot90(smooth, -1) / 255, atol=0.02)
    assert radiograph_size(tmp_path / "turned.jpg") == (80, 64)


def test_window_is_applied(tmp_path: Path) -> None:
    stored = np.arange(4096).reshape(64, 64)
    write_dicom(tmp_path / "a.dcm", stored, WindowCenter=2048, WindowWidth=1024)
    image = read_radiograph(tmp_path / "a.dcm")[0].numpy().ravel()
    assert image[1400] == 0
    assert image[2047] == pytest.approx(0.5, abs=2e-3)
    assert image[2700] == 1


def test_lossless_jpeg_is_read(tmp_path: Path, grey: np.ndarray) -> None:
    """Most radiographs have this compression, which pydicom alone cannot read."""
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "jpeg.dcm"))
    writer.SetImageIO("GDCMImageIO")
    writer.UseCompressionOn()
    writer.SetCompressor("JPEG")
    writer.Execute(sitk.GetImageFromArray(grey.astype(np.uint16) * 16))
    assert pydicom.dcmread(tmp_path / "jpeg.dcm").file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.4.70"
    np.testing.assert_allclose(read_radiograph(tmp_path / "jpeg.dcm")[0].numpy(), grey / 255, atol=1e-6)


@pytest.mark.parametrize("size", [(64, 64), (1, 7), (4096, 4096)])
def test_any_size(tmp_path: Path, size: tuple[int, int]) -> None:
    Image.fromarray(np.full(size, 51, np.uint8)).save(tmp_path / "a.png")
    image = read_radiograph(tmp_path / "a.png")
    assert image.shape == (1, *size)
    assert radiograph_size(tmp_path / "a.png") == size
    assert image.min() == image.max() == pytest.approx(0.2)


def test_constant_dicom_is_black(tmp_path: Path) -> None:
    assert read_radiograph(write_dicom(tmp_path / "a.dcm", np.full((64, 64), 7))).max() == 0


@pytest.mark.parametrize("name", ["grey.png", "smooth.jpg", "plain.dcm"])
@pytest.mark.parametrize("keep", [0.6, 0.0])
def test_truncated_file_is_an_error(tmp_path: Path, grey: np.ndarray, name: str, keep: float) -> None:
    path = tmp_path / name
    WRITE.get(name, WRITE["grey.png"])(path, grey)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ValueError, match=rf"path must be .*{name}"):
        read_radiograph(path)


def truncations(name: str, content: bytes) -> list[int]:
    """List lengths to truncate a file to: each of the first 100 bytes, and some later ones."""
    dicom_header = range(100, 700, 7 if name.endswith("dcm") else 700)
    return [*range(100), *dicom_header, *range(100, len(content) - 16, len(content) // 11)]


@pytest.mark.parametrize("name", ["grey.png", "sixteen.png", "palette.png", "rgba.png", "smooth.jpg", "plain.dcm"])
def test_file_truncated_at_any_length_is_an_error(tmp_path: Path, grey: np.ndarray, name: str) -> None:
    WRITE.get(name, WRITE["grey.png"])(tmp_path / name, grey)
    content = (tmp_path / name).read_bytes()
    for length in truncations(name, content):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(ValueError, match=rf"path must be .*{name}"):
            read_radiograph(tmp_path / name)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({"PixelSpacing": [0.14, 0.15], "ImagerPixelSpacing": [0.2, 0.2]}, (0.14, 0.15)),
        ({"ImagerPixelSpacing": [0.2, 0.175]}, (0.2, 0.175)),
        ({"PixelSpacing": [0, 0], "NominalScannedPixelSpacing": [0.3, 0.3]}, (0.3, 0.3)),
        ({"PixelSpacing": None}, None),
        ({}, None),
    ],
)
def test_spacing_of_dicom_pixels_is_kept(tmp_path: Path, grey: np.ndarray, tags: dict, expected: object) -> None:
    image = read_radiograph(write_dicom(tmp_path / "a.dcm", grey, **tags))
    assert image.meta.get(PIXEL_SPACING) == expected
    np.testing.assert_array_equal(image.affine, np.eye(4))


def test_files_that_are_no_radiograph_are_errors(tmp_path: Path, grey: np.ndarray) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(ValueError, match="PNG, JPEG or DICOM"):
        read_radiograph(tmp_path / "a.png")
    with pytest.raises(FileNotFoundError, match="must be a file that exists"):
        read_radiograph(tmp_path)
    with pytest.raises(TypeError, match="path must be of type"):
        read_radiograph(3)
    two = write_dicom(tmp_path / "two.dcm", np.stack([grey, grey]), NumberOfFrames=2)
    with pytest.raises(ValueError, match="one frame"):
        read_radiograph(two)
    bare = write_dicom(tmp_path / "bare.dcm", grey)
    data = pydicom.dcmread(bare)
    del data.PixelData
    data.save_as(bare)
    with pytest.raises(ValueError, match="must be a whole DICOM file"):
        read_radiograph(bare)


def test_nan_is_an_error(tmp_path: Path) -> None:
    values = np.full((64, 64), 0.5, np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    assert read_radiograph(tmp_path / "a.tif").max() == 0.5
    values[3, 4] = np.nan
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="without NaN"):
        read_radiograph(tmp_path / "a.tif")


def test_transforms_read_the_same(tmp_path: Path, grey: np.ndarray) -> None:
    WRITE["grey.png"](tmp_path / "a.png", grey)
    expected = read_radiograph(tmp_path / "a.png")
    np.testing.assert_array_equal(ReadRadiograph()(tmp_path / "a.png"), expected)
    item = {"image": str(tmp_path / "a.png"), "label": 1}
    found = ReadRadiographd("image")(item)
    np.testing.assert_array_equal(found["image"], expected)
    assert found["label"] == 1
    assert item["image"] == str(tmp_path / "a.png")
    assert ReadRadiographd("missing", allow_missing_keys=True)(item) == item
    with pytest.raises(KeyError, match="missing"):
        ReadRadiographd("missing")(item)


def test_depth_is_that_of_the_largest_value(tmp_path: Path) -> None:
    for largest, scale in ((200, 255), (1000, 1023), (4095, 4095), (4096, 8191), (16383, 16383), (65535, 65535)):
        values = np.full((8, 9), largest, np.uint16)
        values[0, 0] = 101
        Image.fromarray(values).save(tmp_path / "a.png")
        image = read_radiograph(tmp_path / "a.png")
        assert float(image[0, 0, 0]) == pytest.approx(101 / scale)
        assert float(image.max()) == pytest.approx(largest / scale)


def test_ambiguous_float_files_are_refused(tmp_path: Path) -> None:
    """Numbers up to 1.5 are neither shares nor values of 8 bits; as those of 8 bits they would be black."""
    values = np.full((8, 9), 1.5, np.float32)
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"numbers from 0 to 1, or of 8 to 16 bits, but is .*a.tif up to 1.5"):
        read_radiograph(tmp_path / "a.tif")


@pytest.mark.parametrize(("value", "scale"), [(1.0, 1), (3000.0, 4095), (70000.0, None), (-1.0, None)])
def test_float_files_are_0_to_1_or_integers(tmp_path: Path, value: float, scale: int | None) -> None:
    values = np.full((8, 9), 0.5, np.float32)
    values[2, 3] = value
    Image.fromarray(values).save(tmp_path / "a.tif")
    if scale is None:
        with pytest.raises(
            ValueError, match=f"8 or 16 bits, but is .*a.tif with {min(value, 0.5):g} to {max(value, 0.5):g}"
        ):
            read_radiograph(tmp_path / "a.tif")
    else:
        assert float(read_radiograph(tmp_path / "a.tif")[0, 0, 0]) == pytest.approx(0.5 / scale)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_is_that_of_the_image_in_every_orientation(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((4, 7), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    size = (7, 4) if orientation > 4 else (4, 7)
    for name in ("a.jpg", "a.png", "a.tif"):
        Image.fromarray(np.zeros((4, 7), np.uint8)).save(tmp_path / name, exif=exif)
        assert radiograph_size(tmp_path / name) == read_radiograph(tmp_path / name).shape[1:] == size


@pytest.mark.parametrize("spacing", [[0.1, 0], [-0.1, 0.1]])
def test_spacing_that_is_not_positive_is_dropped(tmp_path: Path, grey: np.ndarray, spacing: list[float]) -> None:
    assert PIXEL_SPACING not in read_radiograph(write_dicom(tmp_path / "a.dcm", grey, PixelSpacing=spacing)).meta


@pytest.mark.parametrize(
    "tags",
    [
        {"WindowCenter": 2048, "WindowWidth": 0},
        {"WindowCenter": 40000, "WindowWidth": 100},
        {"WindowCenter": 2048, "WindowWidth": 1024, "VOILUTFunction": "BENT"},
    ],
)
def test_unusable_window_leaves_the_full_range(
    tmp_path: Path, grey: np.ndarray, tags: dict, caplog: pytest.LogCaptureFixture
) -> None:
    image = read_radiograph(write_dicom(tmp_path / "a.dcm", grey.astype(np.uint16) * 16, **tags))
    np.testing.assert_allclose(image[0].numpy(), grey / 255, atol=2e-4)
    assert "full range" in caplog.text


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_leaves_the_brightness(tmp_path: Path, grey: np.ndarray, interpretation: str) -> None:
    plain = grey.astype(np.uint16) * 15
    framed = plain.copy()
    framed[:, :20] = 4095
    tags = {"PhotometricInterpretation": interpretation}
    expected = read_radiograph(write_dicom(tmp_path / "a.dcm", plain, **tags))[0, :, 20:]
    image = read_radiograph(write_dicom(tmp_path / "b.dcm", framed, PixelPaddingValue=4095, **tags))[0]
    assert image[:, :20].max() == 0
    np.testing.assert_allclose(image[:, 20:].numpy(), expected.numpy(), atol=5e-3)
    ranged = {"PixelPaddingValue": 4000, "PixelPaddingRangeLimit": 4095, **tags}
    np.testing.assert_array_equal(read_radiograph(write_dicom(tmp_path / "c.dcm", framed, **ranged))[0], image)


#: PatientOrientation and the EXIF number of the turn to the standard display.
TURNED = {("L", "F"): 1, ("R", "F"): 2, ("R", "H"): 3, ("L", "H"): 4, ("F", "L"): 5, ("F", "R"): 6, ("H", "R"): 7}


@pytest.mark.parametrize("orientation", TURNED)
def test_a_mirrored_or_turned_phantom_is_read_as_the_standard_one(tmp_path: Path, orientation: tuple) -> None:
    """The phantom is in standard display: right on the left, and its boxes move with it."""
    phantom = phantom_radiograph(5, size=96, findings=["Mass"])
    gray = np.round(phantom.image[0] * 4095).astype(np.uint16)
    number = TURNED[orientation]
    stored = unturn_image(gray, number)
    tags = {"PatientOrientation": list(orientation), "PixelSpacing": [0.2, 0.3]}
    image = read_radiograph(write_dicom(tmp_path / "a.dcm", np.ascontiguousarray(stored), **tags))
    expected = read_radiograph(write_dicom(tmp_path / "b.dcm", gray))
    np.testing.assert_array_equal(image[0].numpy(), expected[0].numpy())
    assert (image.meta[ORIENTATION], image.meta[SIDES]) == (number, "RL")
    assert image.meta[PIXEL_SPACING] == ((0.3, 0.2) if number > 4 else (0.2, 0.3))
    assert expected.meta[SIDES] == ""
    mask = np.zeros((96, 96), bool)
    x1, y1, x2, y2 = np.round(phantom.boxes[0, :4]).astype(int)
    mask[y1:y2, x1:x2] = True
    rows, columns = np.nonzero(unturn_image(mask, number))
    in_file = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 4]])
    np.testing.assert_allclose(FollowBoxes()(in_file, image).numpy(), [[x1, y1, x2, y2, 4]])


def test_geometry_is_that_of_itk(tmp_path: Path, grey: np.ndarray) -> None:
    place = {"ImagePositionPatient": [3, -5, 7], "ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
    files = [
        write_dicom(tmp_path / "a.dcm", grey),
        write_dicom(tmp_path / "b.dcm", grey, ImagerPixelSpacing=[0.2, 0.1], PatientOrientation=["F", "L"]),
        write_dicom(tmp_path / "c.dcm", grey, ImagerPixelSpacing=[0.2, 0.1], PixelSpacing=[0.15, 0.17], **place),
    ]
    for name, options in (("d.png", {"dpi": (90, 90)}), ("e.jpg", {"dpi": (150, 75)}), ("f.tif", {"dpi": (150, 75)})):
        Image.fromarray(grey).save(tmp_path / name, **options)
        files.append(tmp_path / name)
    for orientation in (4, 5):  # the stored image counts, not the turned one
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(grey).save(tmp_path / f"{orientation}.jpg", dpi=(150, 75), exif=exif)
        files.append(tmp_path / f"{orientation}.jpg")
    for file in files:
        itk, affine = sitk.ReadImage(str(file)), read_radiograph(file).meta[FILE_AFFINE]
        for column, row in ((0, 0), (89, 0), (4, 69)):
            index = (column, row, 0)[: itk.GetDimension()]
            x, y, z = (*itk.TransformIndexToPhysicalPoint(index), 0)[:3]
            np.testing.assert_allclose(affine @ [column, row, 0, 1], [-x, -y, z, 1], atol=1e-9, err_msg=file.name)
    Image.fromarray(grey).save(tmp_path / "g.gif")  # ITK reads no GIF
    np.testing.assert_array_equal(read_radiograph(tmp_path / "g.gif").meta[FILE_AFFINE], np.diag([-1, -1, 1, 1]))


@pytest.mark.parametrize(("method", "value"), [("GetSize", (90, 71)), ("GetSpacing", (0.0, 0.1, 1.0))])
def test_a_geometry_of_another_size_or_without_area_is_not_used(
    method: str, value: tuple, tmp_path: Path, grey: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "a.dcm", grey, ImagerPixelSpacing=[0.2, 0.1])
    monkeypatch.setattr(sitk.ImageFileReader, method, lambda _: value)
    np.testing.assert_array_equal(read_radiograph(path).meta[FILE_AFFINE], np.diag([-1, -1, 1, 1]))


def test_other_images_are_read_if_asked_for(tmp_path: Path, grey: np.ndarray) -> None:
    path = write_dicom(tmp_path / "a.dcm", grey.astype(np.uint16) * 16, Modality="CT")
    for read in (read_radiograph, ReadRadiograph(), lambda file: ReadRadiographd("image")({"image": file})):
        with pytest.raises(ValueError, match="Modality is CT"):
            read(path)
    image = read_radiograph(path, frontal_chest_only=False)
    np.testing.assert_allclose(image[0].numpy(), grey / 255, atol=2e-4)
    np.testing.assert_array_equal(ReadRadiograph(frontal_chest_only=False)(path), image)
    item = ReadRadiographd("image", frontal_chest_only=False)({"image": path})
    np.testing.assert_array_equal(item["image"], image)
    with pytest.raises(TypeError, match="frontal_chest_only must be of type bool"):
        read_radiograph(path, frontal_chest_only="no")


@pytest.mark.real
def test_real_radiographs_are_read_as_by_pillow(public_data: Path) -> None:
    files = sorted((public_data / "nih_chestxray14" / "images").iterdir())[:40]
    for file in files:
        image = read_radiograph(file)
        np.testing.assert_array_equal(image[0].numpy(), np.asarray(Image.open(file), dtype=np.float32) / 255)
        assert (image.meta[ORIENTATION], image.meta[SIDES]) == (1, "")
