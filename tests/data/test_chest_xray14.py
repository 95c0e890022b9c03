"""Tests of the ChestX-ray14 data list: sections, boxes on the image, and errors that name the line."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from monai.data import CacheDataset
from PIL import Image

from monai_pylon.data import ReadRadiographd, chest_xray14_datalist
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from tests.data.xray14_files import HEADER_2020, write_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_root(tmp_path)


def names(items: list[dict]) -> list[str]:
    return [Path(item["image"]).stem for item in items]


def test_sections_have_different_patients(root: Path) -> None:
    parts = {section: chest_xray14_datalist(root, section) for section in ("training", "validation", "test", "all")}
    patients = {section: {item["patient_id"] for item in items} for section, items in parts.items()}
    assert not patients["training"] & patients["validation"]
    assert patients["test"] == {10, 11, 12}
    assert patients["training"] | patients["validation"] == set(range(1, 10))
    assert 0 < len(parts["validation"]) < len(parts["training"])
    assert sum(len(parts[s]) for s in ("training", "validation", "test")) == len(parts["all"]) == 24


def test_validation_has_the_share_of_the_paper(tmp_path: Path) -> None:
    """9.3 % of 60 images are 5.6: three patients of two images."""
    root = write_root(tmp_path, patients=33, size=(2, 2))
    assert [len(chest_xray14_datalist(root, section)) for section in ("training", "validation")] == [54, 6]


def test_item_has_the_values_of_the_tables(root: Path) -> None:
    item = chest_xray14_datalist(root, "test")[-1]
    assert Path(item["image"]).read_bytes()
    assert names([item]) == ["00000012_001"]
    present = [CHEST_XRAY14_LABELS[k] for k in np.flatnonzero(item["label"])]
    assert present == ["Pleural_Thickening"]
    assert item["label"].dtype == np.uint8
    assert item["label"].shape == (14,)
    facts = {key: item[key] for key in ("patient_id", "follow_up", "age", "sex", "view")}
    assert facts == {"patient_id": 12, "follow_up": 1, "age": 52.0, "sex": "M", "view": "PA"}


def test_boxes_are_scaled_from_the_grid_to_the_image(root: Path) -> None:
    """64 rows and 48 columns are 1024 grid units each; Infiltrate is Infiltration; boxes are clipped at the border."""
    items = chest_xray14_datalist(root, "test")
    infiltration, mass = CHEST_XRAY14_LABELS.index("Infiltration"), CHEST_XRAY14_LABELS.index("Mass")
    rest = 0.5 / 1024
    expected = [[12, 32, 18, 36, infiltration], [rest * 48, rest * 64, 1023.5 / 1024 * 48, 1023.9 / 1024 * 64, mass]]
    np.testing.assert_allclose(items[-1]["boxes"], expected, rtol=1e-6)
    np.testing.assert_array_equal(items[-3]["boxes"], [[0, 0, 24, 32, mass]])
    assert items[0]["boxes"].shape == (0, 5)
    assert {item["boxes"].dtype for item in items} == {np.dtype(np.float32)}


def test_box_over_the_border_is_clipped(root: Path) -> None:
    table = root / "BBox_List_2017.csv"
    table.write_text(table.read_text() + "00000010_000.png,Nodule,1000,-10,100,60\n")
    box = chest_xray14_datalist(root, "test")[0]["boxes"]
    np.testing.assert_allclose(box, [[1000 / 1024 * 48, 0, 48, 50 / 1024 * 64, 5]], rtol=1e-6)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".PNG"])
def test_images_are_found_by_their_stem(tmp_path: Path, suffix: str) -> None:
    items = chest_xray14_datalist(write_root(tmp_path, suffix=suffix), "all")
    assert {Path(item["image"]).suffix for item in items} == {suffix}


def test_both_editions_of_the_table_are_read(root: Path) -> None:
    new = chest_xray14_datalist(root, "all")
    old, text = root / "Data_Entry_2017.csv", (root / "Data_Entry_2017_v2020.csv").read_text()
    (root / "Data_Entry_2017_v2020.csv").unlink()
    with pytest.raises(FileNotFoundError, match="Data_Entry_2017_v2020"):
        chest_xray14_datalist(root, "all")
    rows = (
        text.replace("Gender", "Sex")
        .replace(",52,M", ",052Y,F")
        .replace(",51,M", ",411Y,M")
        .replace(",50,M", ",018M,M")
    )
    old.write_text("\ufeff" + rows)
    items = chest_xray14_datalist(root, "all")
    assert names(items) == names(new)
    np.testing.assert_array_equal([item["label"] for item in items], [item["label"] for item in new])
    assert (items[-1]["age"], items[-1]["sex"]) == (52, "F")
    assert np.isnan(items[-3]["age"])  # 411 years are invalid
    assert items[-5]["age"] == 1.5


def test_unknown_age_is_nan_and_unknown_sex_empty(root: Path) -> None:
    table = root / "Data_Entry_2017_v2020.csv"
    table.write_text(table.read_text().replace(",52,M", ",,"))
    item = chest_xray14_datalist(root, "test")[-1]
    assert np.isnan(item["age"])
    assert item["sex"] == ""


def test_items_do_not_share_arrays(root: Path) -> None:
    items = chest_xray14_datalist(root, "all")
    items[0]["label"][:] = 7
    assert all(item["label"].max() <= 1 for item in items[1:])


def test_data_list_works_in_monai_datasets(root: Path) -> None:
    items = CacheDataset(chest_xray14_datalist(root, "test"), ReadRadiographd("image"), progress=False)
    assert items[0]["image"].shape == (1, 64, 48)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("BBox_List_2017.csv", "00000011_001", "00009999_001", "line 4: .* name an image"),
        ("train_val_list.txt", "00000002_000", "00009999_000", "train_val_list.txt, line 3: .* '00009999_000.png'"),
    ],
)
def test_name_of_an_unknown_image_is_an_error(root: Path, file: str, old: str, new: str, message: str) -> None:
    text = (root / file).read_text()
    (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        chest_xray14_datalist(root, "training")


def test_missing_image_is_an_error_with_its_line(root: Path) -> None:
    (root / "images_002/images/00000002_000.png").unlink()
    (root / "images_002/images/00000004_001.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"00000002_000.png \(.*v2020.csv, line 4\) and 1 more must lie in"):
        chest_xray14_datalist(root, "all")
    assert chest_xray14_datalist(root, "test")  # no image of its own is missing
    (root / "images_001/images/00000011_001.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"00000011_001.png \(.*v2020.csv, line 23\) must lie in"):
        chest_xray14_datalist(root, "test")


@pytest.mark.parametrize("text", ["", HEADER_2020])
def test_empty_table_is_an_error(root: Path, text: str) -> None:
    (root / "Data_Entry_2017_v2020.csv").write_text(text)
    with pytest.raises(ValueError, match=r"v2020\.csv.* must have"):
        chest_xray14_datalist(root, "all")


def test_an_unreadable_image_loses_its_boxes_and_is_logged(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """An evaluation leaves such an image out, and goes on."""
    (root / "images_002/images/00000012_001.png").write_bytes(b"")
    items = chest_xray14_datalist(root, "test")
    assert items[-1]["boxes"].shape == (0, 5)
    assert "00000012_001.png is unreadable" in caplog.text


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\n\r\n  \r\n", "\n\n"])
def test_line_ends_and_byte_order_marks_do_not_matter(root: Path, end: str) -> None:
    """Byte order marks, Windows line ends, trailing spaces and blank lines at the end are accepted."""
    expected = {section: names(chest_xray14_datalist(root, section)) for section in ("training", "validation", "test")}
    newline = "\r\n" if "\r" in end else "\n"
    for name in ("train_val_list.txt", "test_list.txt", "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"):
        lines = (root / name).read_text().split("\n")
        space = " " if name.endswith("txt") and end else ""
        text = (space + newline).join(line for line in lines if line) + end
        (root / name).write_bytes(text.encode("utf-8-sig" if end else "utf-8"))
    found = {section: names(chest_xray14_datalist(root, section)) for section in expected}
    assert found == expected


@pytest.mark.parametrize("file", ["train_val_list.txt", "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv"])
@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x00\xff", b"Image Index\xff,"])
def test_file_that_is_no_text_is_an_error(root: Path, file: str, content: bytes) -> None:
    (root / file).write_bytes(content)
    with pytest.raises(ValueError, match=file.replace(".", r"\.")):
        chest_xray14_datalist(root, "training")


def test_missing_lists_are_an_error_that_recommends_all(root: Path) -> None:
    (root / "train_val_list.txt").unlink()
    (root / "test_list.txt").unlink()
    for section in ("training", "validation", "test"):
        with pytest.raises(FileNotFoundError, match='ask for section "all" and split by patient'):
            chest_xray14_datalist(root, section)
    assert len(chest_xray14_datalist(root, "all")) == 24


def test_empty_list_is_an_error(root: Path) -> None:
    (root / "test_list.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"test_list\.txt .* empty"):
        chest_xray14_datalist(root, "test")


def test_wrong_sections_and_roots_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Did you mean 'validation'"):
        chest_xray14_datalist(tmp_path, "valid")
    with pytest.raises(TypeError, match="root must be of type"):
        chest_xray14_datalist(None, "all")
    with pytest.raises(FileNotFoundError, match="Download it"):
        chest_xray14_datalist(tmp_path / "nowhere", "all")


@pytest.mark.slow
def test_whole_table_is_read_in_seconds(tmp_path: Path) -> None:
    """The table has as many rows as the real one; images are not opened."""
    lines, stems = [], []
    for row in range(112_120):
        stems.append(f"{row // 4:08d}_{row % 4:03d}")
        lines.append(f"{stems[-1]}.png,Effusion|Mass,{row % 4},{row // 4},58,F,PA,2500,2048,0.171,0.171\n")
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(HEADER_2020 + "".join(lines))
    (tmp_path / "train_val_list.txt").write_text(".png\n".join(stems[:86_524]) + ".png")
    (tmp_path / "images").mkdir()
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "images" / f"{stems[0]}.png")
    for stem in stems[1:]:
        (tmp_path / "images" / f"{stem}.png").touch()
    boxes = "".join(f"{stems[0]}.png,Mass,1,2,3,4\n" for _ in range(984))
    (tmp_path / "BBox_List_2017.csv").write_text("Image Index,Finding Label,x,y,w,h\n" + boxes)
    start = time.process_time()
    assert len(chest_xray14_datalist(tmp_path, "training")) > 75_000
    assert time.process_time() - start < 4


@pytest.mark.real
def test_real_boxes_lie_on_the_real_images(public_data: Path) -> None:
    items = chest_xray14_datalist(public_data / "nih_chestxray14", "all")
    boxes = np.concatenate([item["boxes"] for item in items])
    assert len(items) == 1555
    assert sum(len(item["boxes"]) > 0 for item in items) == 728
    assert len(boxes) == 807
    image = ReadRadiographd("image")(items[0])["image"]
    assert image.shape == (1, 384, 384)
    assert 0.2 < image.mean() < 0.8
    assert boxes[:, :4].min() >= 0
    assert 300 < boxes[:, :4].max() <= 384
    for item in items:  # every box has its label
        assert item["label"][item["boxes"][:, 4].astype(int)].all()
