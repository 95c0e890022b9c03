"""Tests of the data list of CheXlocalize: polygons and run lengths, boxes, labels, bad files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_pylon.data.datasets.chexlocalize import chexlocalize_datalist, is_chexlocalize
from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.masks import draw_mask
from tests.data.datasets.files import write_chexlocalize, write_image

LABELS = public_labels("CheXlocalize")
HEART = LABELS.index("Cardiomegaly")
STUDY = "patient64540_study1_view1_frontal"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chexlocalize(tmp_path_factory.mktemp("chexlocalize"))


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "chexlocalize"))


def change(root: Path, entry: Any, study: str = STUDY) -> None:
    file = root / "CheXlocalize/gt_annotations_val.json"
    content = json.loads(file.read_text())
    content[study] = entry
    file.write_text(json.dumps(content))


def test_polygons_give_masks_and_boxes(written: Path) -> None:
    item = chexlocalize_datalist(written, "validation")[0]
    np.testing.assert_array_equal(item["boxes"][np.argsort(item["boxes"][:, 0])][0], [10, 20, 20, 40, HEART])
    assert item["boxes"].shape == (2, 5)
    (mask,) = item["masks"]
    assert mask["label"] == HEART
    assert mask["image_size"] == [64, 48]
    assert draw_mask(mask)[20:40, 10:20].all()
    assert is_chexlocalize(written)


def test_run_lengths_give_the_same_rectangle(tmp_path: Path) -> None:
    item = chexlocalize_datalist(write_chexlocalize(tmp_path, polygons=False), "test")[0]
    np.testing.assert_array_equal(item["boxes"], [[10, 20, 20, 40, HEART]])
    assert draw_mask(item["masks"][0]).sum() == 200


def test_labels_and_facts(written: Path) -> None:
    items = chexlocalize_datalist(written, "validation")
    assert [item["name"] for item in items] == [f"patient6454{k}_study1_view1_frontal" for k in range(3)]  # not lateral
    label = items[0]["label"]
    assert label[HEART] == 1
    assert label[LABELS.index("Airspace Opacity")] == 0  # the table writes "Lung Opacity"
    assert np.isnan(label[LABELS.index("Pleural Effusion")])  # uncertain
    assert np.isnan(label[LABELS.index("Edema")])  # no column
    assert items[2]["boxes"].shape == (0, 5)
    assert items[2]["masks"] == []
    assert len(chexlocalize_datalist(written, "all")) == 5
    assert items[0]["patient_id"] == "patient64540"


def test_boxes_have_the_pixels_of_a_smaller_copy(root: Path) -> None:
    write_image(root / "CheXpert/val/patient64540/study1/view1_frontal.jpg", 32, 24)
    item = chexlocalize_datalist(root, "validation")[0]
    assert [5, 10, 10, 20, HEART] in item["boxes"].tolist()
    assert item["masks"][0]["image_size"] == [32, 24]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"img_size": [64, 48], "Cardiomegalie": []}, f"{STUDY} must be one of the ten findings.*mean 'Cardiomegaly'"),
        ({"img_size": [64, 48], "Cardiomegaly": [[[1, 1], [2, 2]]]}, f"{STUDY}, class 1: polygons must be .*three"),
        ({"Cardiomegaly": [[[1, 1], [2, 2], [3, 1]]]}, f"{STUDY}, Cardiomegaly must be in an entry with img_size"),
        ({"Cardiomegaly": {"size": [64, 48]}}, "a mask with 'size' and 'counts'"),
        ({"Cardiomegaly": {"size": [64, 48], "counts": "!"}}, f"{STUDY}, class 1: counts must be text of COCO"),
        ({"Cardiomegaly": {"size": [48, 64], "counts": [0, 3072]}}, "size must be of the shape of the image, 64 rows"),
        (
            {"Cardiomegaly": {"size": [66, 48], "counts": [0, 3168]}},
            "size must be of the shape of the image, 64 rows",
        ),
        (
            {"Cardiomegaly": {"size": [62, 48], "counts": [0, 2976]}},
            "size must be of the shape of the image, 64 rows",
        ),
        ({"img_size": [64, 48], "Cardiomegaly": "abc"}, "must be a list of polygons, or a mask"),
        ([], f"{STUDY} must be a dictionary"),
    ],
)
def test_a_bad_outline_names_image_and_remedy(root: Path, entry: Any, message: str) -> None:
    change(root, entry)
    with pytest.raises(ValueError, match=message):
        chexlocalize_datalist(root, "validation")


def test_the_shape_of_a_mask_may_be_rounded(root: Path) -> None:
    """65 / 48 is 1.6 % more than 64 / 48; 2 % are accepted."""
    change(root, {"Cardiomegaly": {"size": [65, 48], "counts": [0, 65, 65 * 47]}})
    np.testing.assert_allclose(chexlocalize_datalist(root, "validation")[0]["boxes"], [[0, 0, 1, 64, HEART]])


def test_a_polygon_off_the_image_is_logged_and_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    change(root, {"img_size": [64, 48], "Cardiomegaly": [[[900, 900], [950, 900], [920, 990]]]})
    assert chexlocalize_datalist(root, "validation")[0]["masks"] == []
    assert "hold no pixel" in caplog.text


def test_outlines_of_an_unknown_image_are_refused(root: Path) -> None:
    change(root, {}, "patient1_study1_view1_frontal")
    with pytest.raises(ValueError, match=r"gt_annotations_val.json must be about images of .*val_labels.csv"):
        chexlocalize_datalist(root, "validation")


def test_missing_and_broken_files(root: Path) -> None:
    (root / "CheXpert/val/patient64540/study1/view1_frontal.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"val_labels.csv, line 2.*patient64540"):
        chexlocalize_datalist(root, "validation")
    assert len(chexlocalize_datalist(root, "validation", missing="skip")) == 2
    (root / "CheXpert/test_labels.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"test_labels.csv must exist"):
        chexlocalize_datalist(root, "test")
    file = root / "CheXlocalize/gt_annotations_val.json"
    file.write_text(file.read_text()[:-9])
    with pytest.raises(ValueError, match="must be JSON"):
        chexlocalize_datalist(root, "validation")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"gt_annotations_val.json must exist"):
        chexlocalize_datalist(root, "validation")


def test_a_repeated_row_and_a_path_without_study_are_refused(root: Path) -> None:
    table = root / "CheXpert/val_labels.csv"
    text = table.read_text()
    table.write_text(text + text.splitlines()[1] + "\n")
    with pytest.raises(ValueError, match="is in lines 2 and 6"):
        chexlocalize_datalist(root, "validation")
    table.write_text(text.replace("patient64542/study1", "patient64542", 1))
    with pytest.raises(ValueError, match=r"line 4: .*must end in patient"):
        chexlocalize_datalist(root, "validation")
