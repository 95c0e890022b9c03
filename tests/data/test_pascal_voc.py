"""PASCAL VOC as a data list: sections, pixels counted from 0, and errors that name the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.data import pascal_voc_datalist
from monai_pylon.taxonomy import PASCAL_VOC_LABELS

OBJECT = (
    "<object><name>{name}</name><difficult>{difficult}</difficult>"
    "<bndbox><xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax></bndbox>"
    "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>"
)


def thing(name: str, *edges: float, difficult: int = 0) -> str:
    return OBJECT.format(*edges, name=name, difficult=difficult)


def write(folder: Path, name: str, *things: str) -> None:
    size = "<size><width>40</width><height>30</height><depth>3</depth></size>"
    (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{''.join(things)}</annotation>")
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(folder / "JPEGImages" / f"{name}.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("Annotations", "JPEGImages", "ImageSets/Main", "SegmentationClass"):
        (place / name).mkdir(parents=True)
    write(place, "2008_000002", thing("tvmonitor", 34, 11, 40, 30))
    write(
        place,
        "2008_000003",
        thing("dog", 1, 1, 10, 20),
        thing("dog", 5, 6, 7, 8, difficult=1),
        thing("cat", 2, 2, 9, 9),
    )
    write(place, "2008_000008")
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(place / "SegmentationClass" / "2008_000003.png")
    lists = {"train": "2008_000002\r\n", "val": "2008_000003\n2008_000008\n\n"}
    for name, text in {**lists, "trainval": lists["train"] + lists["val"]}.items():
        (place / "ImageSets" / "Main" / f"{name}.txt").write_text(text)
    return place


def test_sections_are_the_official_lists(folder: Path) -> None:
    names = {part: [item["name"] for item in pascal_voc_datalist(folder, part)] for part in ("training", "validation")}
    assert names == {"training": ["2008_000002"], "validation": ["2008_000003", "2008_000008"]}
    assert [item["name"] for item in pascal_voc_datalist(folder, "all")] == sum(names.values(), [])  # noqa: RUF017
    with pytest.raises(FileNotFoundError, match=r"test\.txt must exist"):
        pascal_voc_datalist(folder, "test")


@pytest.mark.parametrize("up", [0, 1, 2])
def test_the_root_may_lie_above(folder: Path, up: int) -> None:
    root = [folder, *folder.parents][up]
    assert len(pascal_voc_datalist(root, "all")) == 3


def test_boxes_count_from_zero_and_end_after_their_last_pixel(folder: Path) -> None:
    item = pascal_voc_datalist(folder, "validation")[0]
    dog, cat = PASCAL_VOC_LABELS.index("dog"), PASCAL_VOC_LABELS.index("cat")
    np.testing.assert_array_equal(item["boxes"], [[0, 0, 10, 20, dog], [4, 5, 7, 8, dog], [1, 1, 9, 9, cat]])
    assert item["boxes"].dtype == np.float32
    np.testing.assert_array_equal(item["difficult"], [False, True, False])
    assert np.flatnonzero(item["label"]).tolist() == sorted([dog, cat])
    assert item["label"].dtype == np.uint8


def test_an_image_without_objects_and_outlines_where_they_are(folder: Path) -> None:
    with_outlines, empty = pascal_voc_datalist(folder, "validation")
    assert Path(with_outlines["segmentation"]).name == "2008_000003.png"
    assert "segmentation" not in empty
    assert empty["boxes"].shape == (0, 5)
    assert empty["label"].sum() == 0


@pytest.mark.parametrize(
    ("things", "message"),
    [
        ([thing("kat", 1, 1, 9, 9)], r"one of the 20 classes, but has 'kat'. Did you mean 'cat'\?"),
        ([thing("cat", 9, 1, 3, 9)], "boxes inside the image of 40 x 30 pixels"),
        ([thing("cat", 50, 1, 60, 9)], "boxes inside the image"),
        ([thing("cat", 1, 1, 9, "nine")], "numbers in <bndbox>"),
        (["<object><name>cat</name></object>"], "a <bndbox> in each <object>"),
        (["<object>"], "must be XML, but is not"),
    ],
)
def test_what_is_wrong_in_an_annotation_is_named(folder: Path, things: list[str], message: str) -> None:
    write(folder, "2008_000002", *things)
    with pytest.raises(ValueError, match=rf"2008_000002\.xml: .*{message}"):
        pascal_voc_datalist(folder, "training")


def test_missing_and_repeated_images_are_named_with_their_line(folder: Path) -> None:
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
