"""Tables of labels: their columns, delimiters, encodings and cells, and errors that name file and line."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.labeled_radiographs.tables import cell_number, label_key, read_label_rows

NAN = float("nan")


def table(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    file = folder / "labels.csv"
    file.write_text(text, encoding=encoding)
    return file


def test_label_columns_are_those_with_zeros_and_ones(tmp_path: Path) -> None:
    text = "image,patient,sex,age,comment,fracture,Pleural_Effusion,fold\na,p1,1,1,new,1,,0\nb,p1,0,0,,-1,0.0,1\n"
    found = read_label_rows(table(tmp_path, text))
    assert found.labels == ("fracture", "Pleural_Effusion")
    np.testing.assert_array_equal(found.values, [[1, NAN], [-1, 0]])
    assert found.values.dtype == np.float32
    assert found.facts == [{"image": "a", "patient": "p1"}, {"image": "b", "patient": "p1"}]
    assert found.lines == [2, 3]


@pytest.mark.parametrize("cell", ["1", "0", "-1"])
def test_a_column_with_one_of_these_numbers_is_a_label(tmp_path: Path, cell: str) -> None:
    found = read_label_rows(table(tmp_path, f"image,mass,note\na,{cell},2\nb,,3\n"))
    assert found.labels == ("mass",)
    np.testing.assert_array_equal(found.values, [[float(cell)], [NAN]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_of_all_countries_are_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    rows = [["Image", "Patient ID", "Müdigkeit"], ["a.png", "p 1", "1"], ["b.png", "p 2", "0"]]
    found = read_label_rows(table(tmp_path, "\n".join(delimiter.join(row) for row in rows), encoding))
    assert found.labels == ("Müdigkeit",)
    assert found.values[:, 0].tolist() == [1, 0]
    assert [fact["patient"] for fact in found.facts] == ["p 1", "p 2"]


@pytest.mark.parametrize(
    ("cell", "number"), [("1", 1), (" 1.0 ", 1), ("1,0", 1), ("-1", -1), ("0", 0), ("True", 1), ("FALSE", 0)]
)
def test_cells_with_a_number(cell: str, number: float) -> None:
    assert cell_number(cell) == number


def test_cells_without_a_number() -> None:
    assert all(np.isnan(cell_number(cell)) for cell in ("", "  ", "nan", "NaN"))
    assert cell_number("x") is None


def test_names_are_compared_without_case_and_underscores() -> None:
    assert label_key("Pleural_Effusion") == label_key(" pleural  effusion") == "pleural effusion"


def test_labels_can_be_chosen_and_ordered(tmp_path: Path) -> None:
    file = table(tmp_path, "image,a b,c,kvp\nx,1,0,110\ny,,1,90\n")
    found = read_label_rows(file, ["C", "A_B"])
    assert found.labels == ("C", "A_B"), "the names are those asked for"
    np.testing.assert_array_equal(found.values, [[0, 1], [1, NAN]])


def test_a_label_without_a_column_is_unknown_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = read_label_rows(table(tmp_path, "image,mass\nx,1\n"), ["mass", "hernia"])
    np.testing.assert_array_equal(found.values, [[1, NAN]])
    assert "has no column 'hernia': unknown in all its radiographs" in caplog.text


def test_a_label_that_is_always_empty_can_be_named(tmp_path: Path) -> None:
    file = table(tmp_path, "image,mass,hernia\nx,1,\n")
    assert read_label_rows(file).labels == ("mass",)
    np.testing.assert_array_equal(read_label_rows(file, ["mass", "hernia"]).values, [[1, NAN]])


def test_a_label_without_a_column_is_not_confused_with_an_empty_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        found = read_label_rows(table(tmp_path, "image,mass,sex\nx,,1\n"), ["mass", "sex"])
    np.testing.assert_array_equal(found.values, [[NAN, 1]])
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "labels", "message"),
    [
        ("image,mass\na,1\nb,2\n", None, r"labels\.csv, line 3: mass must be 1, 0, -1 or empty, but is '2'"),
        ("image,mass\n\na,1\nb,maybe\n", None, r"line 4: mass must be 1, 0, -1 or empty, but is 'maybe'"),
        ("image,kvp,mass\na,110,1\nb,1,0\n", None, r"line 2: kvp must be .* name those that are: --labels"),
        ("image,mass,Mass\na,1,0\n", None, "columns must be of different names"),
        ("picture,mass\na,1\n", None, "columns must be with one named 'image'"),
        ("a,b,c,d,e,f,g\n1,1,1,1,1,1,1\n", None, "'image' .*'e', 'f'\""),  # six columns are enough
        ("image,note\na,good\n", None, "columns must be with at least one label"),
        ("image,mass\n", None, "has no rows"),
        ("image,mass\n,1\n", None, "line 2: image must be the path of an image"),
        ("image,mass\na,1\na,0\n", None, "'a' is in lines 2 and 3. Keep one row for each image"),
        ("image,effusion\na,1\n", ["efusion"], "Did you mean 'effusion'"),
        ("image,effusion\na,1\n", ["mass"], "labels must be columns"),
        ("image,mass,device\na,yes,1\n", ["mass"], "line 2: mass must be 1, 0, -1 or empty, but is 'yes'"),
        ("image,mass,device\na,,1\n", ["mas"], "Did you mean 'mass'"),
        ("image,mass\na,1\n", ["image"], "labels must be columns"),
        ("image,macro\na,1\n", None, "label must be another name than the results' own columns"),
        ("image,mass\na,1,0\n", None, "the row has 3 cells for 2 columns"),
    ],
)
def test_errors_name_file_and_line(tmp_path: Path, text: str, labels: list[str] | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_label_rows(table(tmp_path, text), labels)


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        ("mass", TypeError, r"labels must be of type list or tuple, but is 'mass'. Write --labels"),
        ([1], TypeError, "labels: name must be of type str"),
        (["mass", "Mass"], ValueError, "labels must be different names"),
        ([""], ValueError, "labels: name must be not empty"),
        ([], ValueError, "labels must be columns"),
    ],
)
def test_labels_are_a_list_of_names(tmp_path: Path, labels: object, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        read_label_rows(table(tmp_path, "image,mass\na,1\n"), labels)


def test_columns_that_are_no_labels_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_label_rows(table(tmp_path, "image,comment,mass\na,left,1\n"))
    assert "the columns 'comment' hold no labels and are not used" in caplog.text
