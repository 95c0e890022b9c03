"""Tests of the data list of VinDr-CXR: agreement of readers, images without a finding, bad tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.vindr_cxr import is_vindr_cxr, vindr_cxr_datalist
from tests.data.datasets.files import write_image, write_vindr

LABELS = public_labels("VinDr-CXR")
HEART, NODULE, TB = (LABELS.index(name) for name in ("Cardiomegaly", "Nodule/Mass", "Tuberculosis"))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vindr(tmp_path_factory.mktemp("vindr"))


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "vindr"))


def edit(root: Path, old: str, new: str, name: str = "annotations_train.csv") -> None:
    file = root / "annotations" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def first(root: Path, **arguments: int) -> dict:
    return next(item for item in vindr_cxr_datalist(root, "all", **arguments) if item["name"] == "img0")


def test_sections(written: Path) -> None:
    parts = {s: {i["name"] for i in vindr_cxr_datalist(written, s)} for s in ("training", "validation", "test", "all")}
    assert not parts["training"] & parts["validation"]
    assert parts["training"] | parts["validation"] == {f"img{k}" for k in range(12)}
    assert parts["test"] == {"tst0", "tst1", "tst2"}
    assert parts["all"] == parts["training"] | parts["validation"] | parts["test"]
    assert len(parts["validation"]) == 2
    assert is_vindr_cxr(written)


def test_a_class_of_two_readers_is_present_and_of_one_unknown(written: Path) -> None:
    item = first(written)
    assert item["label"][HEART] == 1
    assert np.isnan(item["label"][NODULE])
    assert item["label"][TB] == 1
    assert item["label"][LABELS.index("Atelectasis")] == 0
    np.testing.assert_allclose(item["boxes"], [[10, 20, 30, 40.5, HEART], [12, 20, 32, 40.5, HEART]])


def test_one_reader_is_enough_if_asked(written: Path) -> None:
    item = first(written, least_readers=1)
    assert item["label"][NODULE] == 1
    assert item["boxes"].shape == (3, 5)
    assert np.isnan(first(written, least_readers=3)["label"][HEART])
    with pytest.raises(ValueError, match="least_readers must be 1 or more, but is 0"):
        first(written, least_readers=0)


def test_the_consensus_of_the_test_part_counts_as_it_is(written: Path) -> None:
    items = {item["name"]: item for item in vindr_cxr_datalist(written, "test")}
    effusion = LABELS.index("Pleural effusion")
    assert items["tst1"]["label"][effusion] == 1
    np.testing.assert_array_equal(items["tst1"]["boxes"], [[1, 2, 20, 30, effusion]])
    assert items["tst0"]["boxes"].shape == (0, 5)
    assert items["tst0"]["label"][LABELS.index("No finding")] == 1
    assert items["tst2"]["label"][LABELS.index("Other diseases")] == 1  # its table writes "Other disease"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("class_name", "label", "line 1 must be a header with a column 'class_name'"),
        ("Cardiomegaly", "Cardiomegalie", "line 2: class_name must be one of .*Did you mean 'Cardiomegaly'"),
        ("10,20,30,40.5", "10,20,x,40.5", "line 2: x_max must be a number, but is 'x'"),
        ("10,20,30,40.5", "10,20,10,40.5", "line 2: x_max must be a corner right of"),
        ("10,20,30,40.5", "10,20,30,20", "line 2: x_max must be a corner right of"),
        (
            "10,20,30,40.5",
            "10,20,300,40.5",
            "line 2: box must be on the image of 64 rows and 48 columns.*pixels of the",
        ),
        ("10,20,30,40.5", "-40,20,30,40.5", "line 2: box must be on the image"),
        ("img1,R1,No finding,,,,", "img1,R1,No finding,1,2,3,4", "x_min must be empty for No finding"),
        ("img0,R1", ",R1", "line 2: image_id must be filled"),
    ],
)
def test_a_bad_table_of_boxes_names_line_and_remedy(root: Path, old: str, new: str, message: str) -> None:
    edit(root, old, new)
    with pytest.raises(ValueError, match=message):
        vindr_cxr_datalist(root, "all")


def test_a_bad_table_of_labels_names_line_and_remedy(root: Path) -> None:
    edit(root, "img0,R2", "img0,R1", "image_labels_train.csv")
    with pytest.raises(ValueError, match="line 3: image_id must be another image or reader than in line 2"):
        vindr_cxr_datalist(root, "training")


def test_a_repeated_box_is_logged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    edit(root, "img0,R2,Cardiomegaly,12,20,32,40.5\n", "img0,R1,Cardiomegaly,10,20,30,40.5\n")
    vindr_cxr_datalist(root, "all")
    assert "line 3: the box is that of line 2 too" in caplog.text


def test_a_box_just_over_the_border_is_cut_off(root: Path) -> None:
    edit(root, "10,20,30,40.5", "-0.5,20,48.4,64.5")
    np.testing.assert_allclose(first(root)["boxes"][0], [0, 20, 48, 64, HEART])


def test_missing_images(root: Path) -> None:
    (root / "train/img0.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"img0 .*annotations_train.csv"):
        vindr_cxr_datalist(root, "all")
    assert "img0" not in {item["name"] for item in vindr_cxr_datalist(root, "all", missing="skip")}


def test_images_with_the_ending_of_the_release_are_found(root: Path) -> None:
    for file in (root / "train").glob("*.png"):
        file.unlink()
    for k in range(12):
        write_image(root / "train" / f"img{k}.png").rename(root / "train" / f"img{k}.dicom")
    items = vindr_cxr_datalist(root, "training", least_readers=3)  # no boxes: the size of the image is not read
    assert all(item["image"].endswith(".dicom") for item in items)


def test_a_table_may_have_one_row(root: Path) -> None:
    file = root / "annotations/annotations_test.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:2]))
    (root / "annotations/image_labels_test.csv").unlink()
    assert [item["name"] for item in vindr_cxr_datalist(root, "test")] == ["tst0"]


def test_labels_of_whole_images_are_optional(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    (root / "annotations/image_labels_train.csv").unlink()
    item = first(root)
    assert np.isnan(item["label"][TB])
    assert item["label"][HEART] == 1
    assert "image_labels" in caplog.text
