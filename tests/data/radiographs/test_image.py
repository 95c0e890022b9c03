"""Radiographs of image files: depth, color, alpha, palettes, orientation, and errors, for PNG, JPEG, TIFF, GIF, BMP."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from monai_pylon.data.radiographs.image import (
    _float_gray,
    _integer_gray,
    _significant_bits,
    image_orientation,
    open_image,
    radiograph_size,
    read_image_radiograph,
)
from monai_pylon.utils.image_orientation import turn_image

#: Shares from .01 to .94 of a scene without symmetry.
SCENE = (np.add.outer(np.sin(np.arange(30) / 5), np.cos(np.arange(40) / 7)) + 2) / 4 * 0.93 + 0.01
EIGHT = np.round(SCENE * 255).astype(np.uint8)


def check(path: Path, expected: np.ndarray = SCENE, atol: float = 2.1e-3) -> None:
    image = read_image_radiograph(path)[0]
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, expected, atol=atol)


def write_png16(path: Path, values: np.ndarray, significant: int = 0) -> None:
    """Write (rows, columns) or (rows, columns, channels) as a PNG of 16 bits, which Pillow writes for gray only."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if values.ndim == 2 else values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    stated = chunk(b"sBIT", bytes([significant] * {0: 1, 4: 2, 2: 3, 6: 4}[kind])) if significant else b""
    parts = chunk(b"IHDR", header) + stated + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("bits", range(8, 17))
def test_every_depth_in_16_bits_gives_the_same_brightness(tmp_path: Path, bits: int) -> None:
    values = np.round(SCENE * (2**bits - 1)).astype(np.uint16)
    opaque = np.full_like(values, 65535)
    for channels in ([values], [values, opaque], [values] * 3, [*[values] * 3, opaque]):
        write_png16(tmp_path / "a.png", np.stack(channels, -1) if len(channels) > 1 else values)
        check(tmp_path / "a.png")
    for order in "<>":
        tifffile.imwrite(tmp_path / "a.tif", values, byteorder=order, photometric="minisblack")
        check(tmp_path / "a.tif")
        negative = (2**bits - 1 - values).astype(np.uint16)
        tifffile.imwrite(tmp_path / "a.tif", negative, byteorder=order, photometric="miniswhite")
        check(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", np.stack([values] * 3, -1), photometric="rgb")
    check(tmp_path / "a.tif")


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("brightness", [0.05, 0.9])
def test_stated_depth_of_a_png_counts(tmp_path: Path, bits: int, brightness: float) -> None:
    """A dark image of 16 bits cannot be told from one of fewer bits, unless the file states its depth."""
    scene = np.round(SCENE * brightness * (2**bits - 1))
    for values in (scene, np.round(scene / (2**bits - 1) * 65535)):
        if bits < 16 and values is not scene and values.max() < 2**bits:
            continue
        write_png16(tmp_path / "a.png", values.astype(np.uint16), significant=bits)
        check(tmp_path / "a.png", SCENE * brightness)


def test_dark_images_that_use_the_whole_container_stay_dark(tmp_path: Path) -> None:
    for factor in (257, 256):
        write_png16(tmp_path / "a.png", np.round(SCENE * 0.3 * 255).astype(np.uint16) * factor)
        check(tmp_path / "a.png", SCENE * 0.3, atol=4e-3)


def test_a_burnt_in_marker_does_not_change_the_depth(tmp_path: Path) -> None:
    values = np.round(SCENE * 4095).astype(np.uint16)
    values[:3, :5] = 65535
    write_png16(tmp_path / "a.png", values)
    expected = SCENE.copy()
    expected[:3, :5] = 1
    check(tmp_path / "a.png", expected)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int16, np.int32, np.uint32])
def test_numbers_in_tiff_files(tmp_path: Path, kind: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", (SCENE * 4095).astype(kind))
    check(tmp_path / "a.tif")
    if np.dtype(kind).kind == "f":
        tifffile.imwrite(tmp_path / "a.tif", SCENE.astype(kind))
        check(tmp_path / "a.tif")
        tifffile.imwrite(tmp_path / "a.tif", (1 - SCENE).astype(kind), photometric="miniswhite")
        check(tmp_path / "a.tif")
        tifffile.imwrite(tmp_path / "a.tif", (SCENE * 3000 - 1000).astype(kind))
        with pytest.raises(ValueError, match=r"path must be an image of 8 or 16 bits, but is .*a.tif with -9"):
            read_image_radiograph(tmp_path / "a.tif")


@pytest.mark.parametrize(("largest", "fits"), [(65535, True), (65536, False)])
def test_numbers_of_more_than_16_bits_are_refused(tmp_path: Path, largest: int, fits: bool) -> None:
    values = np.round(SCENE * 40000).astype(np.uint32) + 1
    values[0, 0] = largest
    tifffile.imwrite(tmp_path / "a.tif", values)
    if fits:
        read_image_radiograph(tmp_path / "a.tif")
    else:
        with pytest.raises(ValueError, match=r"8 or 16 bits, but is .*to 65536"):
            read_image_radiograph(tmp_path / "a.tif")


@pytest.mark.parametrize("orientation", [1, 2, 6])
@pytest.mark.parametrize("big", [False, True])
def test_layouts_of_tiff_files(tmp_path: Path, orientation: int, big: bool) -> None:
    """Channels in planes or together, with alpha, turned, with offsets of 64 bits."""
    twelve, file = np.round(SCENE * 4095).astype(np.uint16), tmp_path / "a.tif"
    options = {"bigtiff": big, "extratags": [(274, "H", 1, orientation, True)]}
    for values, layout in (
        (np.stack([twelve] * 3), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.stack([twelve] * 3, -1), {"photometric": "rgb"}),
        (np.stack([twelve, twelve // 9], -1), {"photometric": "minisblack", "extrasamples": ["unassalpha"]}),
        (np.stack([SCENE] * 3, -1), {"photometric": "rgb"}),
        (SCENE, {}),
    ):
        tifffile.imwrite(file, values, **layout, **options)
        check(file, turn_image(SCENE, orientation))
        assert read_image_radiograph(file)[1] == orientation


def test_palettes_are_applied(tmp_path: Path) -> None:
    image = Image.frombytes("P", EIGHT.shape[::-1], (255 - EIGHT).tobytes())
    image.putpalette([255 - step for step in range(256) for _ in range(3)])
    for ending in ("png", "gif", "tif", "bmp"):
        image.save(tmp_path / f"a.{ending}")
        check(tmp_path / f"a.{ending}")


def test_colors_alpha_and_single_bits(tmp_path: Path) -> None:
    image = Image.fromarray(EIGHT)
    image.convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    check(tmp_path / "a.jpg", atol=1e-2)
    image.convert("CMYK").save(tmp_path / "a.tif")
    check(tmp_path / "a.tif")
    for mode in ("LA", "RGBA", "RGB"):
        image.convert(mode).save(tmp_path / "a.png")
        check(tmp_path / "a.png", atol=5e-3)
    black = EIGHT > 128
    for ending in ("png", "tif", "bmp", "gif"):
        Image.fromarray(black).save(tmp_path / f"b.{ending}")
        check(tmp_path / f"b.{ending}", black.astype(float), atol=0)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "deep.png", "deep.tif"])
def test_colored_images_are_refused_if_asked_for(tmp_path: Path, name: str) -> None:
    """Dark colors that differ by a quarter of 255, or, in 16 bits, by half of the largest; alpha is no color."""
    tinted = np.stack([EIGHT // 8 + 64, EIGHT // 8, EIGHT // 8, np.full_like(EIGHT, 255)], -1)
    if name == "deep.png":
        write_png16(tmp_path / name, tinted.astype(np.uint16) * 64 | np.uint16([0, 0, 0, 65535]))
    elif name == "deep.tif":
        tifffile.imwrite(tmp_path / name, tinted[..., :3].astype(np.uint16) * 64, photometric="rgb")
    else:
        Image.fromarray(tinted[..., :3]).save(tmp_path / name, quality=98)
    with pytest.raises(ValueError, match=r"100 % of the pixels of .* are colored"):
        read_image_radiograph(tmp_path / name, gray_only=True)
    assert read_image_radiograph(tmp_path / name)[0].shape == EIGHT.shape


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_in_every_format(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = turn_image(SCENE, orientation)
    twelve = Image.fromarray(np.round(SCENE * 4095).astype(np.uint16))
    for name, image, options in (
        ("a.jpg", Image.fromarray(EIGHT), {"quality": 98}),
        ("a.png", Image.fromarray(EIGHT), {}),
        ("a.tif", Image.fromarray(EIGHT), {}),
        ("b.tif", Image.fromarray(EIGHT), {"compression": "tiff_lzw"}),
        ("b.png", twelve, {}),
        ("c.tif", twelve, {}),
    ):
        image.save(tmp_path / name, exif=exif, **options)
        check(tmp_path / name, upright, atol=1e-2)
        assert read_image_radiograph(tmp_path / name)[1] == orientation
        assert radiograph_size(tmp_path / name) == upright.shape


@pytest.mark.parametrize("metadata", [None, {}])  # the tag of the orientation is the seventh, or the eighth
@pytest.mark.parametrize("orientation", [4, 5, 6, 7, 8])
def test_turned_gray_tiff_files(tmp_path: Path, orientation: int, metadata: dict | None) -> None:
    """The number of the tag, 274, may occur in the pixels too."""
    values = np.where(SCENE > 0.5, 274, 100).astype(np.uint16)
    tags = [(274, "H", 1, orientation, True)]
    tifffile.imwrite(tmp_path / "a.tif", values, metadata=metadata, extratags=tags, photometric="minisblack")
    check(tmp_path / "a.tif", turn_image(values / 511, orientation), atol=1e-6)


def test_invalid_orientations_count_as_none(tmp_path: Path) -> None:
    for value in (0, 9):
        exif = Image.Exif()
        exif[0x0112] = value
        Image.fromarray(EIGHT).save(tmp_path / "a.png", exif=exif)
        with open_image(tmp_path / "a.png") as image:
            assert image_orientation(image) == 1
        check(tmp_path / "a.png")
        tifffile.imwrite(tmp_path / "a.tif", SCENE, extratags=[(274, "H", 1, value, True)])
        check(tmp_path / "a.tif")
    Image.fromarray(EIGHT).save(tmp_path / "a.jpg", exif=b"Exif\0\0broken", quality=98)
    check(tmp_path / "a.jpg", atol=1e-2)


def test_files_with_several_pages_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(EIGHT), Image.fromarray(255 - EIGHT)]
    for name in ("a.tif", "a.gif", "a.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        with pytest.raises(ValueError, match=r"an image file with one page, but is .* with 2.*Save one page as a file"):
            read_image_radiograph(tmp_path / name)
    tifffile.imwrite(tmp_path / "b.tif", np.stack([SCENE, SCENE]))
    with pytest.raises(ValueError, match=r"path must be a TIFF with one page, but is .*b.tif with 2"):
        read_image_radiograph(tmp_path / "b.tif")


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Pillow, about what is missing
def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", SCENE)
    content = (tmp_path / "a.tif").read_bytes()
    for length in (3, 6, 60, 200, len(content) - 400):
        (tmp_path / "a.tif").write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"path must be .*a.tif"):
            read_image_radiograph(tmp_path / "a.tif")
    inks = np.round(np.stack([1 - SCENE] * 4, -1) * 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "c.tif", inks, photometric="separated")
    with pytest.raises(ValueError, match=r"path must be a TIFF in gray or RGB, but is .*c.tif \(SEPARATED\)"):
        read_image_radiograph(tmp_path / "c.tif")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0, 3855], 4095),  # 15 times 257
        ([0, 4112], 65535),  # 16 times 257: scaled from 8 bits
        ([0, 4095], 4095),
        ([0, 4096], 65535),  # moved to the upper 12 bits
        ([0, 4097], 8191),
        ([4096, 5140], 8191),  # neither all times 16 nor all times 257
        ([0, 65535], 65535),
    ],
)
def test_values_that_use_the_whole_container(values: list[int], scale: int, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert _integer_gray(np.array(values), tmp_path / "a").tolist() == [value / scale for value in values]


@pytest.mark.parametrize(("high", "gray"), [(1.0, 1), (1.001, 1), (1.002, None), (31.9, None), (32.0, 32 / 255)])
def test_numbers_up_to_1_or_of_8_bits(high: float, gray: float | None, tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    if gray is None:
        with pytest.raises(ValueError, match="numbers from 0 to 1, or of 8 to 16 bits, but is"):
            _float_gray(np.array([0.0, high]), tmp_path / "a")
    else:
        assert _float_gray(np.array([0.0, high]), tmp_path / "a").tolist() == [0, gray]
    with pytest.raises(ValueError, match="of 8 or 16 bits"):
        _float_gray(np.array([-0.1, 1.0]), tmp_path / "a")


@pytest.mark.parametrize(
    ("chunks", "bits"),
    [
        ([(b"sBIT", bytes([12]))], 12),
        ([(b"gAMA", bytes(4)), (b"sBIT", bytes([5, 10, 9]))], 10),
        ([(b"PLTE", bytes(3)), (b"sBIT", bytes([12]))], 0),
        ([(b"IDAT", bytes(3)), (b"sBIT", bytes([12]))], 0),
        ([(b"sBIT", b"")], 0),
        ([(b"gAMA", bytes(4))], 0),
        ([], 0),
    ],
)
def test_significant_bits_stand_before_the_pixels(chunks: list[tuple[bytes, bytes]], bits: int, tmp_path: Path) -> None:
    content = b"".join(struct.pack(">I", len(data)) + name + data + bytes([9] * 4) for name, data in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    assert _significant_bits(tmp_path / "a.png") == bits
    (tmp_path / "a.png").write_bytes(b"\x89PNX\r\n\x1a\n" + content)
    assert _significant_bits(tmp_path / "a.png") == 0


@pytest.mark.parametrize(("stated", "high", "scale"), [(12, 4095, 4095), (12, 4096, 65535), (10, 700, 1023)])
def test_values_above_the_stated_depth_use_the_container(stated: int, high: int, scale: int, tmp_path: Path) -> None:
    write_png16(tmp_path / "a.png", np.array([[0, high]]), significant=stated)
    np.testing.assert_allclose(read_image_radiograph(tmp_path / "a.png")[0], [[0, high / scale]])
