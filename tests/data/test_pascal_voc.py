"""Tests of the PASCAL VOC data list: sections, pixels counted from 0, and errors that name the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.data import pascal_voc_datalist
from monai_pylon.taxonomy.labels import PASCAL_VOC_LABELS

OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult>"
    "<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>"
    "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>"
)


def entry(name: str, *edges: float, difficult: int = 0) -> str:
    return OBJECT.format(*edges, name=name, difficult=difficult)


def write(folder: Path, name: str, *entries: str) -> None:
    size = "<size><width>40</width><height>30</height><depth>3</depth></size>"
    (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{''.join(entries)}</annotation>")
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(folder / "JPEGImages" / f"{name}.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("Annotations", "JPEGImages", "ImageSets/Main", "SegmentationClass"):
        (root / name).mkdir(parents=True)
    write(root, "2008_000002", entry("tvmonitor", 34, 11, 40, 30))
    write(
        root,
        "2008_000003",
        entry("dog", 1, 1, 10, 20),
        entry("dog", 5, 6, 7, 8, difficult=1),
        entry("cat", 2, 2, 9, 9),
    )
    write(root, "2008_000008")
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(root / "SegmentationClass" / "2008_000003.png")
    lists = {"train": "2008_000002\r\n", "val": "2008_000003\n2008_000008\n\n"}
    for name, text in {**lists, "trainval": lists["train"] + lists["val"]}.items():
        (root / "ImageSets" / "Main" / f"{name}.txt").write_text(text)
    return root


def test_sections_are_the_official_lists(folder: Path) -> None:
    names = {part: [item["name"] for item in pascal_voc_datalist(folder, part)] for part in ("training", "validation")}
    assert names == {"training": ["2008_000002"], "validation": ["2008_000003", "2008_000008"]}
    assert [item["name"] for item in pascal_voc_datalist(folder, "all")] == sum(names.values(), [])  # noqa: RUF017
    with pytest.raises(FileNotFoundError, match=r"test\.txt must exist"):
        pascal_voc_datalist(folder, "test")


@pytest.mark.parametrize("up", [0, 1, 2])
def test_root_may_be_a_parent_folder(folder: Path, up: int) -> None:
    root = [folder, *folder.parents][up]
    assert len(pascal_voc_datalist(root, "all")) == 3


def test_boxes_count_from_0_and_include_the_last_pixel(folder: Path) -> None:
    item = pascal_voc_datalist(folder, "validation")[0]
    dog, cat = PASCAL_VOC_LABELS.index("dog"), PASCAL_VOC_LABELS.index("cat")
    np.testing.assert_array_equal(item["boxes"], [[0, 0, 10, 20, dog], [4, 5, 7, 8, dog], [1, 1, 9, 9, cat]])
    assert item["boxes"].dtype == np.float32
    np.testing.assert_array_equal(item["difficult"], [False, True, False])
    assert np.flatnonzero(item["label"] == 1).tolist() == sorted([dog, cat])
    assert item["label"].sum() == 2
    assert item["label"].dtype == np.uint8


def test_image_without_objects_and_without_outlines(folder: Path) -> None:
    with_outlines, empty = pascal_voc_datalist(folder, "validation")
    assert Path(with_outlines["segmentation"]).name == "2008_000003.png"
    assert "segmentation" not in empty
    assert empty["boxes"].shape == (0, 5)
    assert empty["label"].sum() == 0


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([entry("kat", 1, 1, 9, 9)], r"one of the 20 classes, but has 'kat'. Did you mean 'cat'\?"),
        ([entry("cat", 9, 1, 3, 9)], "boxes inside the image of 40 x 30 pixels"),
        ([entry("cat", 50, 1, 60, 9)], "boxes inside the image"),
        ([entry("cat", 1, 1, 9, "nine")], "numbers in <bndbox>"),
        (["<object><name>cat</name></object>"], "a <bndbox> in each <object>"),
        (["<object>"], "must be XML, but is not"),
    ],
)
def test_malformed_annotation_is_an_error(folder: Path, entries: list[str], message: str) -> None:
    write(folder, "2008_000002", *entries)
    with pytest.raises(ValueError, match=rf"2008_000002\.xml: .*{message}"):
        pascal_voc_datalist(folder, "training")


def test_missing_and_repeated_images_are_errors_with_their_line(folder: Path) -> None:
    file = folder / "ImageSets" / "Main" / "train.txt"
    file.write_text("2008_000002\n2008_000002\n")
    with pytest.raises(ValueError, match=r"train\.txt, line 2: must name each image once"):
        pascal_voc_datalist(folder, "training")
    file.write_text("2008_000002\n2009_1\n")
    with pytest.raises(FileNotFoundError, match=r"2009_1\.jpg must exist: .*train\.txt, line 2"):
        pascal_voc_datalist(folder, "training")
    file.write_text("\n")
    with pytest.raises(ValueError, match="is empty"):
        pascal_voc_datalist(folder, "training")
    with pytest.raises(FileNotFoundError, match="root must hold VOC2012"):
        pascal_voc_datalist(folder / "JPEGImages", "training")
    with pytest.raises(TypeError, match="root"):
        pascal_voc_datalist(5, "training")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("edges", "box"),
    [
        ((0, -3, 9, 9), [0, 0, 9, 9]), ((40, 30, 40, 30), [39, 29, 40, 30]), ((31, 21, 99, 99), [30, 20, 40, 30]),
        ((41, 1, 45, 9), None), ((1, 31, 9, 35), None), ((5, 5, 4, 9), None), ((5, 5, 9, 4), None),
    ],
)  # fmt: skip
def test_boxes_are_clipped_to_the_image(folder: Path, edges: tuple[int, ...], box: list[int] | None) -> None:
    write(folder, "2008_000002", entry("cat", *edges))
    if box is None:
        with pytest.raises(ValueError, match="boxes inside the image of 40 x 30 pixels"):
            pascal_voc_datalist(folder, "training")
    else:
        assert pascal_voc_datalist(folder, "training")[0]["boxes"][0, :4].tolist() == box


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<annotation></annotation>", "must have a <size>, but has 'none'"),
        ("<annotation><size><width>4</width></size></annotation>", "must have a value for 'height' in each <size>"),
        ("<annotation><size><width>4</width><height>-3</height></size></annotation>", "whole numbers in <size>"),
    ],
)
def test_annotation_without_a_size_is_an_error(folder: Path, text: str, message: str) -> None:
    (folder / "Annotations" / "2008_000002.xml").write_text(text)
    with pytest.raises(ValueError, match=message):
        pascal_voc_datalist(folder, "training")


@pytest.mark.parametrize("name", ["../2008_000002", "/etc/passwd", "a/b"])
def test_names_with_folders_are_refused(name: str, folder: Path) -> None:
    (folder / "ImageSets" / "Main" / "train.txt").write_text(f"2008_000002\n{name}\n")
    with pytest.raises(ValueError, match=rf"train\.txt, line 2: must have names of images without .*'{name}'"):
        pascal_voc_datalist(folder, "training")
