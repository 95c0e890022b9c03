"""Tests of the data list of MS-CXR: boxes at the size of the file, unknown labels, patients, bad tables."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.datasets.labels import public_labels
from monai_pylon.data.datasets.ms_cxr import is_ms_cxr, ms_cxr_datalist
from tests.data.datasets.files import MS_CXR, write_image, write_ms_cxr

LABELS = public_labels("MS-CXR")
AIR, OPACITY = LABELS.index("Pneumothorax"), LABELS.index("Lung Opacity")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ms_cxr(tmp_path_factory.mktemp("ms"))


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "ms"))


def edit(root: Path, old: str, new: str) -> None:
    file = root / "MS_CXR_Local_Alignment_v1.1.0.csv"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_boxes_have_the_pixels_of_the_file(written: Path) -> None:
    """The table has 480 x 640 pixels, the file 48 x 64."""
    item = ms_cxr_datalist(written, "training")[0]
    np.testing.assert_allclose(item["boxes"], [[10, 20, 15, 30, AIR], [0, 0, 10, 10, OPACITY]], rtol=1e-6)
    assert item["phrases"] == ["left apical", "hazy, right"]
    assert (item["patient_id"], item["name"]) == ("10000000", "dicom0")
    assert is_ms_cxr(written)


def test_labels_that_the_table_does_not_name_are_unknown(written: Path) -> None:
    label = ms_cxr_datalist(written, "all")[0]["label"]
    assert label[AIR] == label[OPACITY] == 1
    assert np.isnan(np.delete(label, [AIR, OPACITY])).all()


def test_sections(written: Path, root: Path) -> None:
    parts = {s: [i["name"] for i in ms_cxr_datalist(written, s)] for s in ("training", "validation", "test", "all")}
    assert parts["training"] == ["dicom0", "dicom3"]
    assert parts["validation"] == ["dicom1", "dicom4"]
    assert parts["test"] == ["dicom2", "dicom5"]
    file = root / "MS_CXR_Local_Alignment_v1.1.0.csv"
    lines = [line.rsplit(",", 1)[0] for line in file.read_text().splitlines()]  # version 1.0 has no column split
    file.write_text("\n".join(lines))
    names = [item["name"] for s in ("training", "validation", "test") for item in ms_cxr_datalist(root, s)]
    assert sorted(names) == sorted(parts["all"])


def test_a_patient_in_two_sections_is_refused(root: Path) -> None:
    edit(root, "files/p10/p10000001/", "files/p10/p10000000/")
    edit(root, "files/p10/p10000001/", "files/p10/p10000000/")
    with pytest.raises(ValueError, match="puts patient 10000000 in training and validation"):
        ms_cxr_datalist(root, "all")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("label_text", "phrase", "line 1 must be a header with a column 'label_text'"),
        ("Pneumothorax", "Pneumotorax", "line 2: category_name must be one of .*Did you mean 'Pneumothorax'"),
        (",100,200,50,100,", ",100,2OO,50,100,", "line 2: y must be a number, but is '2OO'"),
        (",100,200,50,100,", ",100,200,0,100,", "line 2: w must be positive"),
        (",100,200,50,100,", ",100,200,50,0,", "line 2: w must be positive"),
        (",100,200,50,100,", ",480,200,50,100,", "line 2: x must be of a box on the image of 480 x 640 pixels"),
        (",100,200,50,100,", ",100,640,50,100,", "line 2: x must be of a box on the image of 480 x 640 pixels"),
        (",100,200,50,100,", ",-50,200,50,100,", "line 2: x must be of a box on the image of 480 x 640 pixels"),
        (",100,200,50,100,", ",100,-100,50,100,", "line 2: x must be of a box on the image of 480 x 640 pixels"),
        (",100,200,50,100,", ",100,200,500,100,", "line 2: box must be on the image of 64 rows and 48 columns"),
        ("480,640,train", "640,480,train", "line 2: image_width must be of the shape of the file.*cropped or turned"),
        ("480,640,train", "491,640,train", "line 2: image_width must be of the shape of the file.*cropped or turned"),
        ("480,640,train", "480,654,train", "line 2: image_width must be of the shape of the file.*cropped or turned"),
        ("480,640,train", "0,640,train", "line 2: image_width must be positive"),
        ("480,640,train", "480,0,train", "line 2: image_width must be positive"),
        ("files/p10/p10000000/s50000000/dicom0.jpg", "dicom0.jpg", "line 2: path must be a path with the patient"),
        ("480,640,train", "480,640,test", "line 2: split must be the same in all rows of an image"),
        ("480,640,train", "480,640,", "line 2: split must be filled"),
        ("dicom0,Pneumothorax", ",Pneumothorax", "line 2: dicom_id must be filled"),
    ],
)
def test_a_bad_table_names_line_and_remedy(root: Path, old: str, new: str, message: str) -> None:
    edit(root, old, new)
    with pytest.raises(ValueError, match=message):
        ms_cxr_datalist(root, "all")


@pytest.mark.parametrize(
    ("old", "new", "box"),
    [
        (",100,200,50,100,480,640", ",0.2,0.3125,0.1,0.15,0.75,1", [12.8, 20, 19.2, 29.6]),  # shares of the height
        (",100,200,50,100,480,640", ",100,200,50,100,488,640", [100 * 48 / 488, 20, 150 * 48 / 488, 30]),
        (",100,200,50,100,", ",-9,-9,9.5,9.5,", [0, 0, 0.05, 0.05]),  # what is outside is cut off
    ],
)
def test_boxes_of_other_sizes_and_at_the_border_are_read(root: Path, old: str, new: str, box: list[float]) -> None:
    edit(root, old, new)
    np.testing.assert_allclose(ms_cxr_datalist(root, "training")[0]["boxes"][0], [*box, AIR], rtol=1e-6)


def test_a_repeated_row_is_logged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = root / "MS_CXR_Local_Alignment_v1.1.0.csv"
    file.write_text(file.read_text() + file.read_text().splitlines()[1] + "\n")
    ms_cxr_datalist(root, "all")
    assert "line 14: the box is that of line 2 too" in caplog.text


def test_missing_images_and_images_elsewhere(root: Path) -> None:
    shutil.rmtree(root / "files/p10/p10000000")
    with pytest.raises(FileNotFoundError, match=r"dicom0 .*line 2"):
        ms_cxr_datalist(root, "all")
    assert len(ms_cxr_datalist(root, "all", missing="skip")) == 5
    write_image(root / "elsewhere" / "dicom0.png")
    assert ms_cxr_datalist(root, "all")[0]["image"].endswith("elsewhere/dicom0.png")


def test_an_empty_section_is_refused(root: Path) -> None:
    file = root / "MS_CXR_Local_Alignment_v1.1.0.csv"
    file.write_text(MS_CXR + file.read_text().splitlines()[1])
    with pytest.raises(ValueError, match=r"section must be one with radiographs.*are training"):
        ms_cxr_datalist(root, "test")
    assert len(ms_cxr_datalist(root, "training")) == 1
