"""Images that a table names: by path, by name, without ending, with the folder's own name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.data.labeled_radiographs.images import (
    NamedImages,
    image_size,
    name_parts,
    readable_size,
    result_name,
)
from tests.data.radiographs.test_reader import write_dicom


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("a.png", "ward/b.PNG", "ward/c.v2.jpg", "other/b.png", ".hidden/d.png", "other/root.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.mark.parametrize(
    ("named", "path"),
    [
        ("a.png", "a.png"),
        ("a", "a.png"),
        ("ward/b.PNG", "ward/b.PNG"),
        ("ward\\b", "ward/b.PNG"),
        ("ward/b.png", "ward/b.PNG"),
        ("root/ward/c.v2.jpg", "ward/c.v2.jpg"),
        ("root/a.png", "a.png"),
        ("root", "other/root.png"),
        ("CheXpert-v1.0-small/ward/c.v2.jpg", "ward/c.v2.jpg"),
        ("elsewhere/ward/c.v2.jpg", None),
        ("elsewhere/a.png", None),  # not a.png of the folder itself
        ("c.v2", "ward/c.v2.jpg"),
        ("other/c.v2", None),
        ("d", None),
        ("e.png", None),
    ],
)
def test_images_are_found(folder: Path, named: str, path: str | None) -> None:
    assert NamedImages(folder).find(named) == (None if path is None else folder / path)


def test_absolute_paths_are_found_anywhere(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "far.png").touch()
    assert NamedImages(folder).find(str(tmp_path / "far.png")) == tmp_path / "far.png"
    assert NamedImages(folder).find(str(tmp_path / "near.png")) is None


def test_a_name_of_several_images_is_an_error(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"'b' is the name of several radiographs.*Name folder and ending too"):
        NamedImages(folder).find("b")
    assert NamedImages(folder).find("b.png") == folder / "other" / "b.png", "the ending decides"
    for number in range(4):
        (folder / str(number)).mkdir()
        (folder / str(number) / "e.png").touch()
    with pytest.raises(ValueError, match=r"several radiographs: [^,]*0/e\.png, [^,]*1/e\.png, [^,]*2/e\.png\. Name"):
        NamedImages(folder).find("e")


def test_names_of_results_have_no_folders() -> None:
    assert result_name("ward\\3/a.v2.png") == "ward__3__a.v2"
    assert result_name("/data/a.dcm") == "data__a"


def test_the_size_is_that_of_the_header(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((6, 9), np.uint8)).save(tmp_path / "a.png")
    assert image_size(tmp_path / "a.png") == (6, 9)


def test_the_size_of_a_dicom_file_needs_no_pixels(tmp_path: Path) -> None:
    assert image_size(write_dicom(tmp_path / "a.dcm", np.zeros((6, 9)))) == (6, 9)


def test_names_are_split_without_their_ending() -> None:
    assert name_parts("./ward\\3/a.v2.png") == ("ward", "3", "a.v2")
    assert name_parts("1.2.840.7") == ("1.2.840.7",)


def test_the_size_of_an_unreadable_image_is_unknown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(np.zeros((6, 4), np.uint8)).save(tmp_path / "a.png")
    assert readable_size(tmp_path / "a.png") == (6, 4)
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes()[:12])
    (tmp_path / "c.dcm").write_bytes(b"\0" * 128 + b"DICM")
    for name in ("b.png", "c.dcm"):
        assert readable_size(tmp_path / name) is None
        assert f"{name} is unreadable" in caplog.text
