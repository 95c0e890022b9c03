"""Label tables from the classes of CheXbert and CT-RATE."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.labeler import chexbert_labels, ct_rate_labels
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.label_sets import label_set


def row(values: np.ndarray, label: str) -> list[float]:
    return values[CHEST_CT_LABELS.index(label)].tolist()


def test_chexbert_labels(tmp_path: Path) -> None:
    path = tmp_path / "chexbert.csv"
    path.write_text("id,Atelectasis,Cardiomegaly,Support Devices,No Finding\ns,1,-1,1,\nt,,0.0,0,1\n")
    table = chexbert_labels(path, "id")
    assert table.reports == ["s", "t"]
    assert table.unmatched == {"Support Devices": 1}
    assert row(table.values[0], "atelectasis") == [1, 0, 1]
    np.testing.assert_array_equal(row(table.values[0], "cardiomegaly"), [0, np.nan, 0])
    np.testing.assert_array_equal(row(table.values[1], "atelectasis"), [np.nan, 0, np.nan])
    assert row(table.values[1], "cardiomegaly") == [0, 0, 0]
    # nothing is said about the classes without a column, nor about labels that are no classes
    assert np.isnan(row(table.values[0], "pneumonia")).any()
    assert np.isnan(row(table.values[0], "lung cyst")).any()
    assert row(chexbert_labels(path, uncertain="present").values[0], "cardiomegaly") == [0, 1, 0]
    assert row(chexbert_labels(path, blank="absent").values[1], "atelectasis") == [0, 0, 0]
    assert chexbert_labels(path).reports == ["0", "1"]
    path.write_text("id,Cardiomegaly\n" + "".join(f"s{value},{value}\n" for value in ("1.0", "0.0", "-1.0", "nan")))
    found = [row(values, "cardiomegaly")[1] for values in chexbert_labels(path, "id").values]
    np.testing.assert_array_equal(found, [1, 0, np.nan, np.nan])


def test_malformed_tables_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "chexbert.csv"
    for text, message in [
        ("id,Atelectasis\ns,2\n", r"chexbert.csv line 2: Atelectasis must be 1, 0, -1 or empty, but is '2'"),
        ("id,text\ns,2\n", "a file with the classes of CheXpert-14 as columns"),
        ("id,Atelectasis\ns,1\ns,0\n", "line 3 must be a name that no other line has"),
        ("id,Atelectasis\n,1\n", "line 2 must be a name in id"),
    ]:
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            chexbert_labels(path, "id")
    with pytest.raises(ValueError, match="report_column must be a column of"):
        chexbert_labels(path, "study")
    with pytest.raises(ValueError, match="blank"):
        chexbert_labels(path, "id", blank="present")


def test_ct_rate_labels(tmp_path: Path) -> None:
    path = tmp_path / "valid_predicted_labels.csv"
    classes = label_set("CT-RATE-18").labels
    present = {"Cardiomegaly", "Hiatal hernia", "Lymphadenopathy", "Medical material"}
    values = ",".join("1" if name in present else "0" for name in classes)
    path.write_text("VolumeName," + ",".join(classes) + f"\nvalid_1_a_1.nii.gz,{values}\n")
    table = ct_rate_labels(path)
    assert table.reports == ["valid_1_a_1.nii.gz"]
    found = {CHEST_CT_LABELS[label] for label in np.flatnonzero(table.present[0].any(axis=1))}
    assert found == {"cardiomegaly", "mediastinum lymphadenopathy"}
    assert table.unmatched == {"Hiatal hernia": 1, "Medical material": 1}
    assert row(table.values[0], "emphysema") == [0, 0, 0]
    assert np.isnan(row(table.values[0], "pneumonia")).any()
