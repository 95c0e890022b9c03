"""Tests of the label tables: columns, unknown labels, locations, and errors that name file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data.label_tables import ScanLabels, read_scan_labels, scan_label_rows, table_header
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.utils import write_rows

NODULE = CHEST_CT_LABELS.index("lung nodule")


def read(tmp_path: Path, text: str, labels: list[str], **options: object) -> ScanLabels:
    (tmp_path / "t.csv").write_text(text)
    return read_scan_labels(tmp_path / "t.csv", labels, **options)  # type: ignore[arg-type]


def test_rows_of_another_number_or_value_are_errors() -> None:
    with pytest.raises(ValueError, match="locations must be 0, 1 or NaN everywhere"):
        scan_label_rows(["a"], np.full((1, 80, 3), 0.5))
    with pytest.raises(ValueError, match=r"locations must be of shape \(2, 80, 3\)"):
        scan_label_rows(["a", "b"], np.zeros((1, 80, 3)))
    with pytest.raises(ValueError, match="section must be 1 cells"):
        scan_label_rows(["a"], np.zeros((1, 80, 3)), section=[])


def test_header_is_the_first_row_with_content(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\n,\nscan,mass\na,1\n")
    assert table_header(tmp_path / "t.csv") == ["scan", "mass"]
    (tmp_path / "t.csv").write_text("")
    assert table_header(tmp_path / "t.csv") == []


def test_case_spaces_and_underscores_of_columns_do_not_matter(tmp_path: Path) -> None:
    table = read(tmp_path, " Scan ,PATIENT,Lung_Nodule* LEFT  lung\na,p,1\n", ["lung nodule"])
    assert table.facts == [{"scan": "a", "patient": "p"}]
    assert table.locations is not None
    assert table.locations.tolist() == [[[False, False, True]]]


def test_label_is_present_absent_or_unknown(tmp_path: Path) -> None:
    rows = "a,0,0\nb,0,1\nc,,1\nd,,0\ne,1.0,0.0\n"
    table = read(tmp_path, "scan,mass*right lung,mass*left lung\n" + rows, ["mass", "stone"])
    np.testing.assert_array_equal(table.label[:, 0], [0, 1, 1, np.nan, 1])
    assert np.isnan(table.label[:, 1]).all()
    assert table.label.dtype == np.float32
    assert table.locations is not None
    assert table.locations[:, 0].tolist() == [
        [False, False, False], [False, False, True], [False, False, True], [False, False, False], [True, False, False]
    ]  # fmt: skip
    assert not table.locations[:, 1].any()


def test_column_of_presence_beside_locations(tmp_path: Path) -> None:
    table = read(tmp_path, "scan,mass,mass*left lung\na,1,0\nb,0,0\n", ["mass"])
    assert table.label.tolist() == [[1], [0]]
    assert table.locations is not None
    assert not table.locations.any()
    assert read(tmp_path, "scan,mass\na,1\n", ["mass"]).locations is None


def test_release_reads_absent_labels_without_a_column(tmp_path: Path) -> None:
    text = ",nodule*right_upper,nodule*lung\nx,0,1\n"
    dropped, both = (
        read(tmp_path, text, ["lung nodule", "cardiomegaly"], facts=("id",), release=True, missing_side=side)
        for side in ("drop", "both")
    )
    assert dropped.facts == [{"id": "x"}]
    assert dropped.label.tolist() == [[0, 0]]
    assert both.label.tolist() == [[1, 0]]
    assert both.locations is not None
    assert both.locations[0].tolist() == [[True, False, True], [False, False, False]]


def test_release_with_the_organ_first(tmp_path: Path) -> None:
    """h_great_vessel_aneurysm is an aneurysm of the great vessels, right_lung_nodule a nodule of the right lung."""
    labels = ["great vessel aneurysm", "lung nodule"]
    text = "NoteAcc_DEID,h_great_vessel_aneurysm,right_lung_nodule\nx,1,1\n"
    table = read(tmp_path, text, labels, facts=("NoteAcc_DEID",), release=True)
    assert table.locations is not None
    assert table.locations[0].tolist() == [[False, True, False], [True, False, False]]


def test_wide_release_has_labels_with_one_meaning_only(tmp_path: Path) -> None:
    """A nodule can be in lung or mediastinum, cardiomegaly only in the heart."""
    labels = ["lung nodule", "cardiomegaly", "pleural effusion"]
    text = "NoteAcc_DEID,nodule,cardiomegaly,pleural_effusion,fracture\nx,1,1,0,1\n"
    table = read(tmp_path, text, labels, facts=("NoteAcc_DEID",), release=True)
    np.testing.assert_array_equal(table.label, [[np.nan, 1, 0]])
    assert table.locations is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scan,mass\na,2\n", r"t\.csv, line 2: mass must be 0, 1 or empty, but is '2'"),
        ("scan,mass\na,-1\n", "mass must be 0, 1 or empty, but is '-1'"),
        ("scan,mass\n\na,1,0\n", r"line 3: the row has 3 cells for 2 columns"),
        ("scan,mass\na,1\n ,0\n", r"t\.csv: row 2 has no 'scan'\. Fill the cell"),
        ("scan,mass\na,1\nb,0\na,0\n", r"scan 'a' is in rows 1 and 3\. Keep one row"),
        ("scan,mass\n", "has no rows"),
        (
            "scan,mas\na,1\n",
            r"a label, or one of scan, patient, section, but is 'mas'\. Did you mean 'mass'",
        ),
        ("scan,mass,mass*liver\na,1,1\n", "a label at one of right lung, mediastinum, left lung, but is 'liver'"),
        ("file,mass,a,b,c\na,1,,,\n", r"has no column 'scan'\. It has file, mass, a, b \.\.\."),
        ("", r"has no column 'scan'\. It is empty"),
        ("scan,age\na,1\n", "has no column of a label, such as 'mass'"),
    ],
)
def test_malformed_table_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text, ["mass"])


def test_other_columns_that_are_no_label_are_skipped(tmp_path: Path) -> None:
    assert read(tmp_path, "scan,mass,comment\na,1,x\n", ["mass"]).label.tolist() == [[1]]


def test_wrong_choice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="missing_side must be one of"):
        read(tmp_path, "scan,mass\na,1\n", ["mass"], missing_side="left")


def test_rows_have_columns_for_possible_and_present_locations() -> None:
    matrix = np.zeros((1, 80, 3))
    matrix[0, NODULE, 1] = 1  # impossible, but present
    (row,) = scan_label_rows(["a"], matrix)
    assert row["lung nodule*mediastinum"] == 1
    assert row["lung nodule*left lung"] == 0
    assert "lung mass*mediastinum" not in row


def test_written_rows_are_read(tmp_path: Path) -> None:
    matrix = np.array([[[1, 0, 0], [0, 0, 0]], [[0, np.nan, 0], [0, 0, 1]]])
    write_rows(tmp_path / "t.csv", scan_label_rows(["a", "b"], matrix, ["mass", "stone"], patient=["p", "q"]))
    table = read_scan_labels(tmp_path / "t.csv", ["mass", "stone"])
    np.testing.assert_array_equal(table.label, [[1, 0], [np.nan, 1]])
    np.testing.assert_array_equal(table.locations, matrix == 1)
    assert table.facts == [{"scan": "a", "patient": "p"}, {"scan": "b", "patient": "q"}]
