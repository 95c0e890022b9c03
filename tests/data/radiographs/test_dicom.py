"""Radiographs of DICOM files: each step of the grayscale pipeline, compressions, padding, depth, color and errors."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEGLossless,
    JPEGLosslessSV1,
    RLELossless,
)

from monai_pylon.data.radiographs.dicom import (
    _check_pixels,
    _color_gray,
    _padding,
    _pixel_spacing,
    luminance,
    read_dicom_radiograph,
    stored_pixels,
)
from tests.data.radiographs.test_reader import write_dicom

ROWS, COLUMNS = 30, 40
#: Shares from 0 to 1 of a scene without symmetry.
SCENE = np.add.outer(np.sin(np.arange(ROWS) / 5), np.cos(np.arange(COLUMNS) / 7))
SCENE = (SCENE - SCENE.min()) / np.ptp(SCENE)
TWELVE = np.round(SCENE * 4095).astype(np.int64)


def read(path: Path, **options: bool) -> np.ndarray:
    return read_dicom_radiograph(path, **options).image


def check(path: Path, expected: np.ndarray = SCENE, atol: float = 3e-3) -> None:
    image = read(path)
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, atol=atol)


def table(values: np.ndarray, first: int = 0, bits: int = 16) -> list[Dataset]:
    item = Dataset()
    item.LUTDescriptor, item.LUTData = [len(values), first, bits], values.astype("<u2").tobytes()
    return [item]


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
def test_every_depth_gives_the_same_brightness(tmp_path: Path, bits: int) -> None:
    values = np.round(SCENE * (2**bits - 1)).astype(np.int64)
    low = {"BitsStored": bits, "HighBit": bits - 1}
    check(write_dicom(tmp_path / "low.dcm", values, **low))
    check(write_dicom(tmp_path / "high.dcm", values << (16 - bits), BitsStored=bits, HighBit=15))
    check(write_dicom(tmp_path / "part.dcm", values, BitsStored=16, HighBit=15))
    signed = (values - 2 ** (bits - 1)) & 0xFFFF
    check(write_dicom(tmp_path / "signed.dcm", signed, PixelRepresentation=1, **low))
    high = (values - 2 ** (bits - 1) << (16 - bits)) & 0xFFFF
    check(write_dicom(tmp_path / "sh.dcm", high, PixelRepresentation=1, BitsStored=bits, HighBit=15))
    check(write_dicom(tmp_path / "overlay.dcm", values | (0 if bits == 16 else 0x8000), **low))


def test_a_burnt_in_marker_does_not_change_the_brightness(tmp_path: Path) -> None:
    marked = TWELVE.copy()
    marked[:4, :6] = 65535
    image = read(write_dicom(tmp_path / "a.dcm", marked, BitsStored=16, HighBit=15))
    assert image[:4, :6].min() == 1
    np.testing.assert_allclose(image[4:], SCENE[4:], atol=3e-3)


@pytest.mark.parametrize(
    ("stored", "tags"),
    [
        (TWELVE, {}),
        (4095 - TWELVE, {"PhotometricInterpretation": "MONOCHROME1"}),
        (4095 - TWELVE, {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}),
        (4095 - TWELVE, {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "IDENTITY"}),
        (4095 - TWELVE, {"PresentationLUTShape": "INVERSE"}),
        (TWELVE, {"PresentationLUTShape": "IDENTITY"}),
        (4095 - TWELVE, {"RescaleSlope": -1, "RescaleIntercept": 4095}),
        (4095 - TWELVE, {"ModalityLUTSequence": table(np.arange(4095, -1, -1), bits=12)}),
        (4095 - TWELVE, {"PresentationLUTSequence": table(np.arange(255, -1, -1), bits=8)}),
        (4095 - TWELVE, {"PresentationLUTSequence": table(np.arange(255, -1, -1), first=100, bits=8)}),
        (TWELVE, {"VOILUTSequence": table(np.arange(4096) * 16)}),
        (TWELVE, {"WindowCenter": 2048, "WindowWidth": 4096}),
        (4095 - TWELVE, {"RescaleSlope": -2, "RescaleIntercept": 9, "WindowCenter": -4085.5, "WindowWidth": 8191}),
    ],
)
def test_black_and_white_are_where_a_viewer_has_them(tmp_path: Path, stored: np.ndarray, tags: dict) -> None:
    check(write_dicom(tmp_path / "a.dcm", stored, **tags))


@pytest.mark.parametrize("tags", [{}, {"RescaleSlope": 0, "RescaleIntercept": 0}])
def test_without_a_rescale_stored_values_are_in_the_unit_of_the_window(tmp_path: Path, tags: dict) -> None:
    window = {"WindowCenter": 101, "WindowWidth": 4, "VOILUTFunction": "LINEAR_EXACT"}
    path = write_dicom(tmp_path / "a.dcm", np.array([[100, 101, 102]]), **window, **tags)
    assert read(path).tolist() == [[0.25, 0.5, 0.75]]


def test_window_equals_that_of_pydicom(tmp_path: Path) -> None:
    tags = {"RescaleSlope": 2, "RescaleIntercept": -1000, "WindowCenter": 2500, "WindowWidth": 3000}
    path = write_dicom(tmp_path / "a.dcm", TWELVE, **tags)
    data = pydicom.dcmread(path)
    shown = pydicom.pixels.apply_voi_lut(pydicom.pixels.apply_modality_lut(data.pixel_array, data), data)
    low, high = -1000, 2 * 4095 - 1000  # the range of its output
    check(path, (shown - low) / (high - low), atol=1e-6)


PADDED = np.where(np.arange(COLUMNS) < 9, 0, 1) == 0
INSIDE = (SCENE - SCENE[:, 9:].min()) / np.ptp(SCENE[:, 9:]) * ~PADDED


def compress(path: Path, stored: np.ndarray, codec: str, signed: bool = False) -> Path:
    """Write stored values with a compression."""
    kind = np.int16 if signed else np.uint16
    if codec.startswith("JPEG"):
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(path))
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor(codec)
        writer.Execute(sitk.GetImageFromArray(stored.astype(kind)))
        return path
    tags = {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": int(signed)}
    data = pydicom.dcmread(write_dicom(path, stored.astype(kind).view(np.uint16), **tags))
    if codec == "RLE":
        data.compress(RLELossless)
    elif codec == "deflated":
        data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path)
    return path


@pytest.mark.parametrize("codec", ["none", "deflated", "RLE", "JPEG", "JPEG2000"])
@pytest.mark.parametrize("case", ["plain", "rescaled", "inverted", "signed"])
def test_padding_is_black_in_every_compression(tmp_path: Path, codec: str, case: str) -> None:
    """PixelPaddingValue is a stored value, so it has to be compared before any rescale or inversion."""
    signed = case == "signed"
    path = compress(tmp_path / "a.dcm", np.where(PADDED, -2000 if signed else 65535, TWELVE - signed), codec, signed)
    data = pydicom.dcmread(path)
    data.add_new("PixelPaddingValue", "SS" if signed else "US", -2000 if signed else 65535)
    if case == "rescaled":
        data.RescaleSlope, data.RescaleIntercept = 2, -700
    if case == "inverted":
        data.RescaleSlope, data.RescaleIntercept, data.PhotometricInterpretation = -1, 4095, "MONOCHROME1"
    data.save_as(path)
    assert (pydicom.dcmread(path).file_meta.TransferSyntaxUID == JPEGLosslessSV1) == (codec == "JPEG")
    check(path, INSIDE)


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (0, {"PixelPaddingValue": 0}),
        (65535, {"PixelPaddingValue": 65535}),
        (60100, {"PixelPaddingValue": 60000, "PixelPaddingRangeLimit": 65535}),
        (60100, {"PixelPaddingValue": 65535, "PixelPaddingRangeLimit": 60000}),
        (65535, {"PixelPaddingValue": 65535, "WindowCenter": 2548, "WindowWidth": 4096}),
    ],
)
def test_padding_values_and_ranges(tmp_path: Path, value: int, tags: dict) -> None:
    stored = np.where(PADDED, value, TWELVE + 500)
    expected = INSIDE if "WindowWidth" not in tags else SCENE * ~PADDED
    check(write_dicom(tmp_path / "a.dcm", stored, BitsStored=16, HighBit=15, **tags), expected)


def test_padding_beyond_the_stored_bits(tmp_path: Path) -> None:
    """65535 in 12 bits is decoded as 4095."""
    stored = np.where(PADDED, 65535, np.minimum(TWELVE, 4090))
    check(write_dicom(tmp_path / "a.dcm", stored, PixelPaddingValue=65535), INSIDE)
    ranged = {"PixelPaddingValue": 60000, "PixelPaddingRangeLimit": 65535}  # as 12 bits, most of the image
    with pytest.raises(ValueError, match="PixelPaddingRangeLimit 65535 does not fit BitsStored 12"):
        read(write_dicom(tmp_path / "a.dcm", stored, **ranged))
    shifted = np.where(PADDED, 4095, np.minimum(TWELVE, 4000)) << 4
    path = write_dicom(tmp_path / "b.dcm", shifted, HighBit=15, PixelPaddingValue=4095)
    check(path, INSIDE, atol=0.03)


EIGHT = np.round(SCENE * 255).astype(np.uint8)


def color(path: Path, pixels: np.ndarray, kind: str, **tags: object) -> Path:
    """Write 8-bit pixels (rows, columns) or (rows, columns, 3)."""
    depth = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PlanarConfiguration": 0}
    samples = {"SamplesPerPixel": 1 if pixels.ndim == 2 else 3, "PhotometricInterpretation": kind}
    return write_dicom(path, np.zeros((ROWS, COLUMNS)), PixelData=pixels.tobytes(), **depth, **samples, **tags)


def palette(values: np.ndarray, bits: int) -> dict:
    data = values.astype(np.uint8 if bits == 8 else "<u2").tobytes()
    names = [f"{name}PaletteColorLookupTable" for name in ("Red", "Green", "Blue")]
    return {f"{n}Descriptor": [256, 0, bits] for n in names} | {f"{n}Data": data for n in names}


def test_palettes_and_colors_become_luminance(tmp_path: Path) -> None:
    steps = np.arange(256)
    check(color(tmp_path / "a.dcm", EIGHT, "PALETTE COLOR", **palette(steps * 257, 16)))
    check(color(tmp_path / "b.dcm", 255 - EIGHT, "PALETTE COLOR", **palette((255 - steps) * 257, 16)))
    check(color(tmp_path / "c.dcm", EIGHT, "PALETTE COLOR", **palette(steps, 16)))  # 8 bits in 16
    check(color(tmp_path / "d.dcm", EIGHT, "PALETTE COLOR", **palette(steps, 8)))
    check(color(tmp_path / "e.dcm", np.stack([EIGHT] * 3, -1), "RGB"))
    gray = np.full_like(EIGHT, 128)
    check(color(tmp_path / "f.dcm", np.stack([EIGHT, gray, gray], -1), "YBR_FULL"), atol=6e-3)
    np.testing.assert_allclose(luminance(np.eye(4)[None]), [[0.299, 0.587, 0.114, 0]])  # alpha has no weight


def test_a_palette_in_lossless_jpeg_is_applied_once(tmp_path: Path) -> None:
    path = compress(tmp_path / "a.dcm", 255 - EIGHT, "JPEG")
    data = pydicom.dcmread(path)
    data.PhotometricInterpretation = "PALETTE COLOR"
    for name, value in palette((255 - np.arange(256)) * 257, 16).items():
        data.add_new(name, "US" if name.endswith("Descriptor") else "OW", value)
    data.save_as(path)
    check(path)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"PhotometricInterpretation": None}, "PhotometricInterpretation is missing"),
        ({"PhotometricInterpretation": "RGB"}, "PhotometricInterpretation is 'RGB', but a pixel has one value"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "RedPaletteColorLookupTableData is missing"),
        ({"NumberOfFrames": 2}, "NumberOfFrames must be 1, one frame, but is 2. Export each frame as a file"),
        ({"Rows": 65535, "Columns": 65535}, "Rows times Columns must be 1 to 67,108,864, but is 4,294,836,225"),
        ({"Rows": 400}, "PixelData cannot be read .* Copy or download it again"),
        ({"Rows": None}, "Rows is missing"),
        ({"BitsStored": None}, "BitsStored is missing"),
        ({"RescaleSlope": "1e999"}, "RescaleSlope must be finite, but is inf. Correct the header"),
    ],
)
def test_errors_name_the_field_and_the_remedy(tmp_path: Path, tags: dict, message: str) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE, **tags)
    with pytest.raises(
        ValueError, match=rf"path must be a whole DICOM file of a radiograph, but is .*a.dcm.*{message}"
    ):
        read(path)


def test_numbers_with_a_comma_and_other_formats_are_named(tmp_path: Path) -> None:
    content = write_dicom(tmp_path / "a.dcm", TWELVE, RescaleSlope="1.00").read_bytes()
    (tmp_path / "a.dcm").write_bytes(content.replace(b"1.00", b"1,00"))
    with pytest.raises(ValueError, match="RescaleSlope must be a number"):
        read(tmp_path / "a.dcm")
    Image.fromarray(EIGHT).save(tmp_path / "b.png")
    (tmp_path / "b.png").rename(tmp_path / "b.dcm")
    with pytest.raises(ValueError, match=r"it holds no DICOM fields. Give it the ending of its format"):
        read(tmp_path / "b.dcm")


def test_objects_without_pixels_and_unknown_compressions_are_named(tmp_path: Path) -> None:
    data = pydicom.dcmread(write_dicom(tmp_path / "a.dcm", TWELVE))
    del data.PixelData
    data.save_as(tmp_path / "a.dcm")
    with pytest.raises(ValueError, match=r"PixelData is missing \(SOPClassUID: Digital X-Ray Image Storage"):
        read(tmp_path / "a.dcm")
    for syntax in (HTJ2KLossless, JPEGLossless):
        data.file_meta.TransferSyntaxUID = syntax
        data.add_new("PixelData", "OB", pydicom.encaps.encapsulate([b"\xff\xd8" + bytes(99)]))
        data.save_as(tmp_path / "a.dcm")
        with pytest.raises(ValueError, match=r"PixelData cannot be decoded from .*TransferSyntaxUID.*gdcmconv --raw"):
            read(tmp_path / "a.dcm")


def test_other_views_are_refused_unless_asked_for(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", TWELVE, BodyPartExamined="HAND", ViewPosition="LL")
    message = r"frontal chest radiograph.*a.dcm' BodyPartExamined is HAND; ViewPosition is LL.*frontal_chest_only=False"
    with pytest.raises(ValueError, match=message):
        read(path)
    np.testing.assert_allclose(read(path, frontal_chest_only=False), SCENE, atol=3e-3)


def test_a_file_without_preamble_and_file_meta_is_read(tmp_path: Path) -> None:
    content = write_dicom(tmp_path / "a.dcm", TWELVE).read_bytes()
    (tmp_path / "b.dcm").write_bytes(content[content.index(b"\x08\x00\x16\x00UI") :])
    check(tmp_path / "b.dcm")


def test_stored_pixels_are_those_that_were_written(tmp_path: Path) -> None:
    data = pydicom.dcmread(write_dicom(tmp_path / "a.dcm", TWELVE, RescaleSlope=3))
    np.testing.assert_array_equal(stored_pixels(data), TWELVE)
    data = pydicom.dcmread(write_dicom(tmp_path / "b.dcm", TWELVE, HighBit=None))
    np.testing.assert_array_equal(stored_pixels(data), TWELVE)


@pytest.mark.parametrize(
    ("value", "limit", "signed", "padded"),
    [
        (15, None, 0, [15]),
        (15, 12, 0, [12, 13, 14, 15]),
        (0, 2, 0, [0, 1, 2]),
        (16, None, 0, [0]),  # the upper bits of 16 are not stored
        (17, None, 0, [1]),
        (-8, None, 1, [-8]),
        (8, None, 1, [-8]),
        (7, 5, 1, [5, 6, 7]),
        (-9, None, 1, [7]),
        ("", None, 0, []),
        (None, 3, 0, []),
    ],
)
def test_padding_in_four_stored_bits(value: object, limit: int | None, signed: int, padded: list[int]) -> None:
    data = SimpleNamespace(
        PixelPaddingValue=value, PixelPaddingRangeLimit=limit, BitsStored=4, PixelRepresentation=signed
    )
    stored = np.arange(-8, 8) if signed else np.arange(16)
    assert stored[_padding(data, stored)].tolist() == padded
    if not signed:
        data.PixelRepresentation = None  # missing: unsigned
        assert stored[_padding(data, stored)].tolist() == padded
    data.PixelPaddingValue, data.PixelPaddingRangeLimit, data.PixelRepresentation = 14, 17, 0
    with pytest.raises(ValueError, match="PixelPaddingRangeLimit 17 does not fit BitsStored 4"):
        _padding(data, stored)


@pytest.mark.parametrize(
    ("tags", "spacing"),
    [
        ({"PixelSpacing": [0.2, 0.1], "ImagerPixelSpacing": [1, 1]}, (0.2, 0.1)),
        ({"PixelSpacing": [0, 1], "ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [1, 0], "ImagerPixelSpacing": [0.3, 0.4]}, (0.3, 0.4)),
        ({"PixelSpacing": [1], "NominalScannedPixelSpacing": [0.5, 0.5]}, (0.5, 0.5)),
        ({"PixelSpacing": [float("inf"), 1]}, None),
        ({"PixelSpacing": [1, float("inf")]}, None),
        ({"PixelSpacing": ["a", "b"]}, None),
        ({}, None),
    ],
)
def test_the_first_usable_spacing_counts(tags: dict, spacing: tuple[float, float] | None) -> None:
    assert _pixel_spacing(SimpleNamespace(**tags)) == spacing


@pytest.mark.parametrize(
    ("bits", "largest", "scale"), [(8, 255, 255), (16, 16384, 65535), (16, 16383, 16383), (8, 300, 511)]
)
def test_color_has_its_stated_depth_unless_it_uses_a_quarter(bits: int, largest: int, scale: int) -> None:
    stored = np.full((1, 2, 4), 65535)  # the fourth channel has no color
    stored[..., :3] = 0
    stored[0, 1, :3] = largest
    gray = _color_gray(SimpleNamespace(BitsStored=bits), stored, None)
    np.testing.assert_allclose(gray, [[0, largest / scale]])


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({}, ""),
        ({"Rows": 1, "Columns": 1}, ""),
        ({"Rows": 8192, "Columns": 8192}, ""),
        ({"Rows": 8192, "Columns": 8193}, "Rows times Columns must be 1 to 67,108,864, but is 67,117,056"),
        ({"Rows": 0}, "Rows times Columns must be 1 to 67,108,864, but is 0"),
        ({"NumberOfFrames": 1}, ""),
        ({"NumberOfFrames": 2}, "NumberOfFrames must be 1, one frame, but is 2"),
        ({"PhotometricInterpretation": ""}, "PhotometricInterpretation is missing"),
    ],
)
def test_pixels_are_checked_before_they_are_decoded(tags: dict, message: str) -> None:
    data = pydicom.Dataset()
    for name, value in {"Rows": 2, "Columns": 3, "PhotometricInterpretation": "MONOCHROME2", **tags}.items():
        setattr(data, name, value)
    data.PixelData = bytes(6)
    if message:
        with pytest.raises(ValueError, match=message):
            _check_pixels(data)
    else:
        _check_pixels(data)
