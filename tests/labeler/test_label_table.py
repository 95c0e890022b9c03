"""Label tables: round trips, rows, and errors that name the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from monai_pylon.labeler import ReportLabeler, read_label_table, write_label_table
from monai_pylon.labeler.label_table import LABEL_TABLE_COLUMNS, label_cells, table_rows
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.organs import possible_locations
from monai_pylon.transforms import allowed_regions

HEADER = ",".join(LABEL_TABLE_COLUMNS) + "\n"
EFFUSION, CARDIOMEGALY = (CHEST_CT_LABELS.index(label) for label in ("pleural effusion", "cardiomegaly"))


def test_round_trip(tmp_path: Path) -> None:
    texts = ["Left effusion and cardiomegaly.", "Normal.", "Nodules in both lungs."]
    cells = ReportLabeler().label_matrix(texts)
    write_label_table(tmp_path / "a.csv", ["a", "b, the second", "c"], cells)
    table = read_label_table(tmp_path / "a.csv")
    assert table.reports == ["a", "b, the second", "c"]
    assert np.array_equal(table.present, cells)


def test_the_labels_of_a_report_give_allowed_regions(tmp_path: Path) -> None:
    write_label_table(tmp_path / "a.csv", ["a"], ReportLabeler().label_matrix(["Left effusion."]))
    organs = torch.zeros(4, 4, 4, dtype=torch.uint8)
    organs[2:] = 3
    regions = allowed_regions(organs, torch.from_numpy(read_label_table(tmp_path / "a.csv").present[0]), (4, 4, 4))
    assert regions[EFFUSION].sum() == 32
    assert regions.sum() == 32


def test_round_trip_of_patients_and_sections(tmp_path: Path) -> None:
    cells = np.zeros((2, 80, 3))
    write_label_table(tmp_path / "t.csv", ["a", "b"], cells, patient=["p", "q"], section=["test", ""])
    facts = read_label_table(tmp_path / "t.csv").metadata
    assert facts == {"a": {"patient": "p", "section": "test"}, "b": {"patient": "q", "section": ""}}
    with pytest.raises(ValueError, match="patient has 1 values for 2 reports"):
        write_label_table(tmp_path / "t.csv", ["a", "b"], cells, patient=["p"])
    with pytest.raises(ValueError, match="a further column must be patient or section, but is 'age'"):
        write_label_table(tmp_path / "t.csv", ["a", "b"], cells, age=["1", "2"])
    rows = "a,lung mass,1,0,0,p\na,pneumonia,1,0,0,q\n"
    (tmp_path / "t.csv").write_text(f"report,abnormality,right lung,mediastinum,left lung,patient\n{rows}")
    with pytest.raises(ValueError, match=r"t\.csv line 3 must be of one patient and section as before"):
        read_label_table(tmp_path / "t.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a,pneumona,1,0,0", r"^t.csv line 2 has 'pneumona', which is none of the 80 labels. Did you mean 'pneumonia'"),
        ("a,pneumonia,1,1,0", "'pneumonia', which can lie only in right lung and left lung"),
        ("a,pneumonia,yes,0,0", r"\['yes', '0', '0'\].*Write 1, 0 or nothing for each organ"),
        (",pneumonia,1,0,0", "has no report name"),
        ("a,,1,0,0", "has 1 for an organ but no label"),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, row: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(f"{HEADER}{row}\n")
    with pytest.raises(ValueError, match=message):
        read_label_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("report,label\n")
    with pytest.raises(ValueError, match=r"t\.csv, line 1: the header must have a column 'abnormality'"):
        read_label_table(tmp_path / "t.csv")
    with pytest.raises(ValueError, match="path must be a CSV file"):
        read_label_table(tmp_path / "none.csv")


def test_a_missing_value_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        HEADER + "a,pleural effusion,,,1\nb,,,,\nc,,0,0,0\na,cardiomegaly,,1,\nd,pneumonia,0,0,0\n"
    )
    table = read_label_table(tmp_path / "t.csv")
    assert table.reports == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(table.values[0, EFFUSION], [np.nan, 0, 1])
    np.testing.assert_array_equal(table.values[0, CARDIOMEGALY], [0, 1, 0])
    assert np.isnan(table.values[0]).sum() == 1
    assert np.isnan(table.values[1]).all()
    assert not table.values[2:].any()
    assert table.values.dtype == np.float32
    (tmp_path / "t.csv").write_text(HEADER + "c,,0,0,0\n")
    assert read_label_table(tmp_path / "t.csv").unknown is None
    (tmp_path / "t.csv").write_text(HEADER)
    assert read_label_table(tmp_path / "t.csv").present.shape == (0, 80, 3)


def test_rows_of_one_report_are_joined(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEADER + "a,pneumonia,1,0,0\nb,,0,0,0\na,pneumonia,0,0,1\n")
    table = read_label_table(tmp_path / "t.csv")
    assert table.reports == ["a", "b"]
    assert table.present.sum(axis=(1, 2)).tolist() == [2, 0]
    assert table.metadata is None


def test_rows_of_a_report() -> None:
    values = np.zeros((80, 3), np.float32)
    assert table_rows("a", values) == [["a", "", "0", "0", "0"]]
    values[EFFUSION] = [np.nan, 0, 1]
    values[CARDIOMEGALY] = [0, np.nan, 0]
    assert table_rows("a", values) == [["a", "pleural effusion", "", "0", "1"], ["a", "cardiomegaly", "0", "", "0"]]
    values = np.where(possible_locations(), np.nan, 0)
    assert table_rows("a", values) == [["a", "", "", "", ""]]


def test_values_of_findings_without_a_side() -> None:
    labeler = ReportLabeler(side_unknown="unknown")
    values = label_cells(labeler.label("There is a pleural effusion. The heart is enlarged."))
    np.testing.assert_array_equal(values[EFFUSION], [np.nan, 0, np.nan])
    np.testing.assert_array_equal(values[CARDIOMEGALY], [0, 1, 0])
    known, unknown = labeler.label("Left effusion.") + labeler.label("Effusion.")
    for findings in ([known, unknown], [unknown, known]):  # a known side has priority over an unknown one
        assert label_cells(findings)[EFFUSION, 2] == 1
    np.testing.assert_array_equal(label_cells([known, unknown])[EFFUSION], [0, 0, 1])


def test_the_shape_is_checked(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cells must be \(reports, 80, 3\)"):
        write_label_table(tmp_path / "t.csv", ["a"], np.zeros((2, 80, 3)))
