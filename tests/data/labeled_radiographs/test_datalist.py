"""Data list of radiographs with labels of any name: own folders and tables, CheXpert, sections, policies, boxes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_pylon.data import radiograph_datalist
from monai_pylon.data.labeled_radiographs.datalist import has_own_labels, own_label_names

NAN = float("nan")
CHEXPERT = "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Edema,Fracture\n"


def images(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((40, 30), np.uint8)).save(folder / name)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with ten patients of two images each, one of which is uncertain."""
    names = [f"{n}.png" for n in range(20)]
    images(tmp_path, *names)
    rows = [f"{name};p{n // 2};{n % 2};{-1 if n == 3 else ''};{(n + 1) % 2}" for n, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("image;patient;mass;device;hernia\n" + "\n".join(rows), encoding="utf-8-sig")
    (tmp_path / "boxes.csv").write_text("image,label,x,y,width,height\n3,Mass,5,6,10,20\n3,hernia,0,0,30,40\n")
    return tmp_path


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    root = tmp_path / "CheXpert-v1.0-small"
    lines = []
    for patient in range(30):
        for view in ("view1_frontal", "view2_lateral"):
            name = f"train/patient{patient:05d}/study1/{view}.jpg"
            images(root, name)
            side = "Frontal,AP" if "frontal" in view else "Lateral,"
            lines.append(f"CheXpert-v1.0-small/{name},Male,60,{side},1.0,-1.0,")
    (root / "train.csv").write_text(CHEXPERT + "\n".join(lines))
    name = "valid/patient90000/study1/view1_frontal.jpg"
    images(root, name)
    (root / "valid.csv").write_text(f"{CHEXPERT}CheXpert-v1.0-small/{name},Male,60,Frontal,PA,0.0,1.0,0.0\n")
    return root


def test_a_folder_lists_all_of_its_labels(own: Path) -> None:
    items = radiograph_datalist(own, "all")
    assert len(items) == 20
    assert own_label_names(own) == ("mass", "device", "hernia")
    assert items[3]["image"] == str(own / "3.png")
    assert items[3]["patient_id"] == "p1"
    assert items[3]["name"] == "3"
    np.testing.assert_array_equal(items[3]["label"], [1, NAN, 0])
    assert items[3]["label"].dtype == np.float32
    np.testing.assert_array_equal(items[3]["boxes"], [[5, 6, 15, 26, 0], [0, 0, 30, 40, 2]])
    assert items[4]["boxes"].shape == (0, 5)


def test_a_table_of_another_name_is_read_like_a_folder(own: Path) -> None:
    (own / "labels.csv").rename(own / "export 2024.csv")
    assert has_own_labels(own / "export 2024.csv")
    assert not has_own_labels(own)
    assert len(radiograph_datalist(own / "export 2024.csv", "all")) == 20


def test_sections_are_disjoint_by_patient_and_complete(own: Path) -> None:
    parts = {name: radiograph_datalist(own, name) for name in ("training", "validation", "test")}
    patients = {name: {item["patient_id"] for item in part} for name, part in parts.items()}
    assert sum(len(part) for part in parts.values()) == 20
    assert not patients["training"] & patients["test"]
    assert not patients["training"] & patients["validation"]
    assert not patients["validation"] & patients["test"]
    assert min(map(len, patients.values())) >= 1


def test_the_table_may_name_the_sections(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "b.png")
    (tmp_path / "labels.csv").write_text("image,split,mass\na,train,1\nb,val,0\n")
    assert [item["name"] for item in radiograph_datalist(tmp_path, "training")] == ["a"]
    assert [item["name"] for item in radiograph_datalist(tmp_path, "validation")] == ["b"]
    with pytest.raises(ValueError, match=r"has no radiograph for test\. Its 2 radiographs are in other sections"):
        radiograph_datalist(tmp_path, "test")


def test_a_table_may_have_one_row(tmp_path: Path) -> None:
    images(tmp_path, "a.png")
    (tmp_path / "labels.csv").write_text("image,patient,section,mass\na,p,train,1\n")
    (item,) = radiograph_datalist(tmp_path, "training")
    assert (item["patient_id"], item["label"].tolist()) == ("p", [1])


@pytest.mark.parametrize(("policy", "value"), [("ignore", NAN), ("zeros", 0), ("ones", 1)])
def test_uncertain_labels_follow_the_policy_in_training_only(tmp_path: Path, policy: str, value: float) -> None:
    images(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "labels.csv").write_text("image,section,mass\na,training,-1\nb,validation,-1\nc,test,-1\n")
    sections = ("training", "validation", "test")
    found = {name: radiograph_datalist(tmp_path, name, uncertain=policy)[0]["label"] for name in sections}
    np.testing.assert_array_equal(found["training"], [value])
    np.testing.assert_array_equal(found["validation"], [NAN])
    np.testing.assert_array_equal(found["test"], [NAN])


def test_empty_cells_are_unknown_or_absent(own: Path) -> None:
    assert np.isnan(radiograph_datalist(own, "all")[0]["label"][1])
    assert radiograph_datalist(own, "all", empty="zeros")[0]["label"][1] == 0
    assert np.isnan(radiograph_datalist(own, "all", empty="zeros")[3]["label"][1]), "uncertain is not empty"


def test_boxes_follow_the_chosen_labels(own: Path) -> None:
    item = radiograph_datalist(own, "all", labels=["hernia"])[3]
    np.testing.assert_array_equal(item["label"], [0])
    np.testing.assert_array_equal(item["boxes"], [[0, 0, 30, 40, 0]])


def test_chexpert_has_its_own_layout(chexpert: Path) -> None:
    assert own_label_names(chexpert) == ("No Finding", "Edema")
    labels = ["No Finding", "Edema", "Fracture"]
    parts = {name: radiograph_datalist(chexpert, name, labels) for name in ("training", "validation", "test", "all")}
    counts = {name: len(part) for name, part in parts.items()}
    assert counts["training"] + counts["validation"] == 30, "lateral images are left out"
    assert 2 <= counts["validation"] <= 4
    assert (counts["test"], counts["all"]) == (1, 31)
    np.testing.assert_array_equal(parts["training"][0]["label"], [1, NAN, 0])  # an empty cell is not mentioned
    np.testing.assert_array_equal(parts["test"][0]["label"], [0, 1, 0])
    assert parts["training"][0]["patient_id"].startswith("patient000")
    assert parts["training"][0]["view"] == "AP"
    assert len({item["patient_id"] for name in ("training", "validation") for item in parts[name]}) == 30
    ones = radiograph_datalist(chexpert, "training", labels, uncertain="ones", empty="ignore")[0]["label"]
    np.testing.assert_array_equal(ones, [1, 1, NAN])
    assert len(radiograph_datalist(chexpert, "all", labels, frontal_only=False)) == 61


def test_chexpert_with_a_test_table_validates_on_valid(chexpert: Path) -> None:
    (chexpert / "valid.csv").rename(chexpert / "test.csv")
    text = (chexpert / "train.csv").read_text().splitlines()
    (chexpert / "valid.csv").write_text("\n".join(text[:3]))
    counts = {name: len(radiograph_datalist(chexpert, name, ["Edema"])) for name in ("training", "validation", "test")}
    assert counts == {"training": 30, "validation": 1, "test": 1}


def test_without_patients_each_image_is_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    images(tmp_path, "a.png", "b.png")
    (tmp_path / "labels.csv").write_text("image,mass\na,1\nb,0\n")
    with caplog.at_level(logging.WARNING):
        items = radiograph_datalist(tmp_path, "all")
    assert [item["patient_id"] for item in items] == ["a", "b"]
    assert "has no column 'patient': each radiograph counts as a patient" in caplog.text


@pytest.mark.parametrize("names", [("a.png", "a"), ("ward/b.png", "ward\\b.png"), ("b", "ward/b"), ("./a.png", "a")])
def test_a_file_must_not_be_in_two_rows_by_two_names(tmp_path: Path, names: tuple[str, str]) -> None:
    images(tmp_path, "a.png", "ward/b.png", "c.png")
    rows = f"{names[0]},training,1\nc,validation,0\n{names[1]},test,1\n"
    (tmp_path / "labels.csv").write_text(f"image,section,mass\n{rows}")
    with pytest.raises(ValueError, match=r"is in lines 2 and 4\. Keep one row for each image"):
        radiograph_datalist(tmp_path, "training")


def test_images_of_equal_names_in_other_folders_are_different(tmp_path: Path) -> None:
    images(tmp_path, "p1/view.png", "p2/view.png", "view.jpg")
    (tmp_path / "labels.csv").write_text("image,mass\np1/view,1\np2/view,0\nview.jpg,1\n")
    assert [item["name"] for item in radiograph_datalist(tmp_path, "all")] == ["p1__view", "p2__view", "view"]


def test_missing_images_are_an_error_or_left_out(own: Path, caplog: pytest.LogCaptureFixture) -> None:
    (own / "3.png").unlink()
    with pytest.raises(ValueError, match="line 2: image must be an image in or below"):
        radiograph_datalist(own, "all")
    boxes = (own / "boxes.csv").rename(own / "later.csv")
    with pytest.raises(FileNotFoundError, match=r"3\.png \(.*labels\.csv, line 5\) must be .*--missing skip"):
        radiograph_datalist(own, "all")
    boxes.rename(own / "boxes.csv")
    with caplog.at_level(logging.WARNING):
        assert len(radiograph_datalist(own, "all", missing="skip")) == 19
    assert "left out" in caplog.text


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        (
            "image,label,x,y,width,height\n3,mass,5,6,10,200\n",
            r"boxes\.csv, line 2: box must be on the image of 40 rows",
        ),
        ("image,label,x,y,width,height\nx,mass,5,6,10,20\n", "line 2: image must be an image in or below"),
        ("image,label,x,y,width,height\n3,mas,5,6,10,20\n", "line 2: label must be one of"),
    ],
)
def test_wrong_boxes_are_errors(own: Path, boxes: str, message: str) -> None:
    (own / "boxes.csv").write_text(boxes)
    with pytest.raises(ValueError, match=message):
        radiograph_datalist(own, "all")


def test_arguments_are_checked(own: Path, tmp_path: Path) -> None:
    for name, value in (("section", "train"), ("uncertain", "zero"), ("empty", "ones"), ("missing", "ignore")):
        with pytest.raises(ValueError, match=f"{name} must be one of"):
            radiograph_datalist(own, **{"section": "all", name: value})
    with pytest.raises(FileNotFoundError, match=r"root must be a table, or a folder with labels\.csv"):
        radiograph_datalist(tmp_path / "nowhere", "all")
