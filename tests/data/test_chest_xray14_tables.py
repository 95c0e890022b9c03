"""Tests of the ChestX-ray14 tables: values of the rows, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.chest_xray14_tables import read_boxes, read_entries, read_names
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS
from tests.data.xray14_files import BOX_HEADER, HEADER_2020, write_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_root(tmp_path)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("Data_Entry_2017_v2020.csv", "Hernia", "Herna", r"v2020.csv, line 3: .* 'Herna'. Did you mean 'Hernia'\?"),
        ("Data_Entry_2017_v2020.csv", ",0,2,42", ",0,two,42", "line 4: .* whole number as Patient ID, but has 'two'"),
        ("Data_Entry_2017_v2020.csv", ",42,M", ",old,M", "line 4: .* age"),
        ("Data_Entry_2017_v2020.csv", ",0,2,42,M,PA,2500,2048,0.171,0.171", "", "line 4: .* columns or more"),
        ("Data_Entry_2017_v2020.csv", "00000002_000", "00000001_000", "line 4: .* no other row has.* Line 2 has it"),
        ("Data_Entry_2017_v2020.csv", "00000002_000", "../../2", "line 4: .* file name without folders as Image Index"),
        ("Data_Entry_2017_v2020.csv", "Finding Labels", "Findings", "line 1: .* column 'Finding Labels'"),
        ("BBox_List_2017.csv", "Infiltrate", "Infiltrat", "line 2: .* 'Infiltrat'. Did you mean 'Infiltration'"),
        ("BBox_List_2017.csv", "128,64", "wide,64", "line 2: .* four numbers"),
        ("BBox_List_2017.csv", "128,64", "-128,64", "line 2: .* an area on the grid"),
        ("BBox_List_2017.csv", "256,512", "2560,512", "line 2: .* an area on the grid"),
        ("BBox_List_2017.csv", "128,64", "nan,64", "line 2: .* an area on the grid"),
        ("BBox_List_2017.csv", "128,64", "128", "line 2: .* 6 columns"),
        ("BBox_List_2017.csv", "Image Index", "Image", "line 1: .* header"),
    ],
)
def test_wrong_row_is_an_error_with_its_line(root: Path, file: str, old: str, new: str, message: str) -> None:
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        read_entries(root / file) if file.startswith("Data") else read_boxes(root / file)


def test_columns_may_have_another_order_and_an_empty_table_is_an_error(tmp_path: Path) -> None:
    header = "Number,Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Sex,View Position\n"
    (tmp_path / "t.csv").write_text(f"{header}1,a.png,Mass,0,7,50,F,AP\n")
    assert read_entries(tmp_path / "t.csv")["a.png"].patient_id == 7
    (tmp_path / "t.csv").write_text(f"{header}1,a.png,Mass,0,7,50,F\n")
    with pytest.raises(ValueError, match=r"line 2: must have 8 columns or more"):
        read_entries(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(ValueError, match=r"line 1: must have a column 'Image Index'"):
        read_entries(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("text", "years"),
    [("58", 58), ("058Y", 58), ("018M", 1.5), ("026W", 0.5), ("073D", 0.2), ("120", 120), ("121", None), ("", None)],
)
def test_age_in_years(tmp_path: Path, text: str, years: float | None) -> None:
    (tmp_path / "t.csv").write_text(f"{HEADER_2020}a.png,No Finding,0,1,{text},M,PA,1,1,1,1\n")
    age = read_entries(tmp_path / "t.csv")["a.png"].age
    assert np.isnan(age) if years is None else age == years


def test_findings_become_labels_and_rows_do_not_share_them(tmp_path: Path) -> None:
    findings = "Infiltrate|Pleural Thickening"
    rows = f"a.png,{findings},0,1,5,M,PA,1,1,1,1\nb.png,{findings},3,1,5,F,AP,1,1,1,1\n"
    (tmp_path / "t.csv").write_text(HEADER_2020 + rows)
    a, b = read_entries(tmp_path / "t.csv").values()
    assert [CHEST_XRAY14_LABELS[k] for k in np.flatnonzero(a.label)] == ["Infiltration", "Pleural_Thickening"]
    assert (b.name, b.follow_up, b.sex, b.view, b.line) == ("b.png", 3, "F", "AP", 3)
    a.label[:] = 7
    assert b.label.sum() == 2


@pytest.mark.parametrize(
    ("cells", "fits"),
    [
        ("0,0,1024,1024", True), ("1023,1023,5,5", True), ("-5,-5,6,6", True),
        ("1024,0,5,5", False), ("0,1024,5,5", False), ("-5,0,5,5", False), ("0,-5,5,5", False),
        ("0,0,0,5", False), ("0,0,5,0", False),
    ],
)  # fmt: skip
def test_box_must_have_an_area_on_the_grid(tmp_path: Path, cells: str, fits: bool) -> None:
    (tmp_path / "t.csv").write_text(f"{BOX_HEADER}a.png,Mass,{cells}\n")
    if fits:
        (box,) = read_boxes(tmp_path / "t.csv")
        assert (box.label, box.line) == (4, 2)
        assert [box.x, box.y, box.width, box.height] == [float(cell) for cell in cells.split(",")]
    else:
        with pytest.raises(ValueError, match=r"t\.csv, line 2: must have a box with an area on the grid"):
            read_boxes(tmp_path / "t.csv")


def test_names_have_their_lines(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfa.png\r\n\r\n b.png \r\n")
    assert read_names(tmp_path / "list.txt") == {"a.png": 1, "b.png": 3}


def test_first_row_must_be_the_header_of_the_boxes(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a.png,Mass,1,2,3,4\n")
    with pytest.raises(ValueError, match=r"line 1: must have the header"):
        read_boxes(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text(BOX_HEADER)
    assert read_boxes(tmp_path / "t.csv") == []
    (tmp_path / "t.csv").write_text("")
    with pytest.raises(ValueError, match=r"line 1: must have the header"):
        read_boxes(tmp_path / "t.csv")
