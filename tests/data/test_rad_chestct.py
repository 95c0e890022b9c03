"""Tests of the chest CT data list, of the release and of user folders: labels, locations, sections, errors."""

from __future__ import annotations

import logging
from pathlib import Path

import nibabel
import numpy as np
import pytest
from monai.data import Dataset

from monai_pylon.data import ReadVolumed, rad_chestct_datalist
from monai_pylon.data.label_tables import scan_label_rows
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.utils import write_rows
from tests.data.rad_chestct_files import COLUMNS, write_release

NODULE = CHEST_CT_LABELS.index("lung nodule")


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "RAD-ChestCT")


def present(item: dict) -> list[str]:
    return [CHEST_CT_LABELS[k] for k in np.flatnonzero(item["label"] == 1)]


# --- the release


def test_sections_are_those_of_the_release(release: Path) -> None:
    names = {
        s: [i["name"] for i in rad_chestct_datalist(release, s)] for s in ("training", "validation", "test", "all")
    }
    assert names["training"] == ["trn00000", "trn00001", "trn00002"]
    assert names["validation"] == ["val00000", "val00001", "val00002"]
    assert names["all"] == names["training"] + names["validation"] + names["test"]


def test_item_has_the_values_of_the_tables(release: Path) -> None:
    item = rad_chestct_datalist(release, "training")[0]
    assert Path(item["image"]) == release / "volumes" / "trn00000.npz"
    assert item["label"].shape == (80,)
    assert item["locations"].shape == (80, 3)
    assert present(item) == ["lung nodule"]
    assert item["locations"][NODULE].tolist() == [True, False, False]
    assert item["locations"].sum() == 1
    assert item["patient_id"] == "mrntrn0"
    assert "organs" not in item


@pytest.mark.parametrize("column", [name for name in COLUMNS if COLUMNS[name]])
def test_abnormality_and_location_become_a_label(release: Path, column: str) -> None:
    file = release / "imgtrain_Abnormality_and_Location_Labels.csv"
    values = ",".join("1" if name == column else "0" for name in COLUMNS)
    file.write_text("NoteAcc_DEID," + ",".join(COLUMNS) + f"\ntrn00000,{values}\n")
    (item,) = rad_chestct_datalist(release, "training")
    assert present(item) == [COLUMNS[column]]
    where = item["locations"][CHEST_CT_LABELS.index(COLUMNS[column])].tolist()
    side = "right" in column, not any(s in column for s in ("right", "left")), "left" in column
    assert where == list(side)


def test_location_without_a_side_is_dropped_or_both(release: Path) -> None:
    dropped = rad_chestct_datalist(release, "training")[2]
    assert present(dropped) == []
    both = rad_chestct_datalist(release, "training", missing_side="both")[2]
    assert present(both) == ["lung nodule"]
    assert both["locations"][NODULE].tolist() == [True, False, True]


def test_other_locations_and_pairs_are_no_label(release: Path) -> None:
    file = release / "imgtrain_Abnormality_and_Location_Labels.csv"
    values = ",".join("0" if COLUMNS[name] else "1" for name in COLUMNS)
    file.write_text("NoteAcc_DEID," + ",".join(COLUMNS) + f"\ntrn00000,{values}\n")
    assert present(rad_chestct_datalist(release, "training")[0]) == []


def test_wide_form_has_presence_only(release: Path, tmp_path: Path) -> None:
    """A nodule can be in lung or mediastinum: without its location both labels are unknown."""
    (release / "imgtest_Abnormality_and_Location_Labels.csv").unlink()
    (release / "imgtest_BinaryLabels.csv").write_text(
        "NoteAcc_DEID,nodule,cardiomegaly,pleural_effusion,fracture\ntst00000,1,1,0,1\n"
    )
    (item,) = rad_chestct_datalist(release, "test")
    assert present(item) == ["cardiomegaly"]
    assert item["label"][CHEST_CT_LABELS.index("pleural effusion")] == 0
    assert np.isnan(item["label"][NODULE])
    assert "locations" not in item


def test_wide_form_with_organs_has_locations(release: Path) -> None:
    (release / "imgtest_Abnormality_and_Location_Labels.csv").unlink()
    (release / "imgtest_labels.csv").write_text(
        "NoteAcc_DEID,right_lung_nodule,heart_cardiomegaly,h_great_vessel_aneurysm\ntst00000,1,0,1\n"
    )
    (item,) = rad_chestct_datalist(release, "test")
    assert present(item) == ["lung nodule", "great vessel aneurysm"]
    assert item["locations"][NODULE].tolist() == [True, False, False]


def test_form_with_locations_is_preferred(release: Path) -> None:
    (release / "imgtest_A_wide.csv").write_text("NoteAcc_DEID,cardiomegaly\ntst00000,1\n")
    assert len(rad_chestct_datalist(release, "test")) == 3


@pytest.mark.parametrize(("column", "ending"), [("", ""), ("VolumeAcc_DEID", ".npz")])
def test_column_of_scans_has_other_names(release: Path, column: str, ending: str) -> None:
    file = release / "imgtrain_Abnormality_and_Location_Labels.csv"
    text = file.read_text().replace("NoteAcc_DEID", column)
    for k in range(3):
        text = text.replace(f"trn0000{k}", f"trn0000{k}{ending}")
    file.write_text(text)
    items = rad_chestct_datalist(release, "training")
    assert [item["name"] for item in items] == ["trn00000", "trn00001", "trn00002"]
    assert [item["patient_id"] for item in items] == ["mrntrn0", "mrntrn0", "mrntrn1"]


def test_tables_in_a_subfolder_and_unknown_patients(release: Path, caplog: pytest.LogCaptureFixture) -> None:
    (release / "tables").mkdir()
    for file in release.glob("img*.csv"):
        file.rename(release / "tables" / file.name)
    (release / "CT_Scan_Metadata_Complete_35747.csv").unlink()
    with caplog.at_level(logging.WARNING):
        items = rad_chestct_datalist(release, "training")
    assert [item["patient_id"] for item in items] == [item["name"] for item in items]
    assert "Each scan becomes a patient" in caplog.text


def test_missing_scans_are_skipped_on_request(release: Path) -> None:
    (release / "volumes" / "trn00001.npz").unlink()
    with pytest.raises(FileNotFoundError, match=r"trn00001 must be in or below .*missing='skip'"):
        rad_chestct_datalist(release, "training")
    assert [item["name"] for item in rad_chestct_datalist(release, "training", missing="skip")] == [
        "trn00000",
        "trn00002",
    ]


def test_labels_can_be_chosen(release: Path) -> None:
    item = rad_chestct_datalist(release, "training", labels=["cardiomegaly", "lung nodule"])[0]
    assert item["label"].tolist() == [0, 1]
    assert item["locations"].tolist() == [[False, False, False], [True, False, False]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("trn00001,0.0", "trn00001,7", r"line 3: nodule\*right_lower must be 0, 1 or empty, but is '7'"),
        ("trn00001,0.0,", "trn00001,", "line 3: the row has 9 cells for 10 columns"),
        ("trn00001", "trn00000", "scan 'trn00000' is in rows 1 and 2"),
        ("NoteAcc_DEID", "Note", "has no column 'NoteAcc_DEID'"),
    ],
)
def test_malformed_table_of_the_release_is_an_error(release: Path, old: str, new: str, message: str) -> None:
    file = release / "imgtrain_Abnormality_and_Location_Labels.csv"
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        rad_chestct_datalist(release, "training")


def test_missing_tables_are_errors(tmp_path: Path, release: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"must hold labels.csv, or RAD-ChestCT's"):
        rad_chestct_datalist(tmp_path / "nowhere", "training")
    (release / "imgvalid_Abnormality_and_Location_Labels.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"imgvalid_Abnormality_and_Location_Labels.csv must exist"):
        rad_chestct_datalist(release, "validation")


def test_data_list_works_in_monai_datasets(release: Path) -> None:
    item = Dataset(rad_chestct_datalist(release, "test"), ReadVolumed("image"))[0]
    assert item["image"].shape == (1, 4, 5, 6)


# --- a folder of the user


def write_own(root: Path, text: str, scans: tuple[str, ...] = ("a", "b", "c")) -> Path:
    for name in scans:
        file = root / f"{name}.nii.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), file)
    (root / "labels.csv").write_text(text)
    return root


def test_folder_with_a_wide_table(tmp_path: Path) -> None:
    text = "scan,section,Cardiomegaly,lung_nodule\na.nii.gz,training,1,0\nb,validation,,1\nc,test,0,0\n"
    root = write_own(tmp_path, text)
    (item,) = rad_chestct_datalist(root, "training")
    assert item["image"] == str(root / "a.nii.gz")
    assert item["name"] == item["patient_id"] == "a"
    assert present(item) == ["cardiomegaly"]
    (item,) = rad_chestct_datalist(root, "validation")
    assert np.isnan(item["label"][CHEST_CT_LABELS.index("cardiomegaly")])
    assert np.isnan(item["label"]).sum() == 79, "labels without a column are unknown"
    assert "locations" not in item
    assert len(rad_chestct_datalist(root, "all")) == 3


def test_folder_with_locations_and_organs(tmp_path: Path) -> None:
    header = "scan,patient,section,lung nodule*right lung,lung nodule*mediastinum,lung nodule*left lung\n"
    root = write_own(tmp_path, header + "a,p1,train,1,0,1\n", scans=("a", "a_organs"))
    (item,) = rad_chestct_datalist(root, "training")
    assert item["locations"][NODULE].tolist() == [True, False, True]
    assert item["label"][NODULE] == 1
    assert item["organs"] == str(root / "a_organs.nii.gz")
    assert item["patient_id"] == "p1"


def test_label_matrix_survives_a_round_trip(tmp_path: Path) -> None:
    """A label matrix (N, 80, 3) is written to a table and read again."""
    matrix = np.random.default_rng(0).random((3, 80, 3)) < 0.1
    facts = {"patient": ["p", "p", "q"], "section": ["training", "training", "test"]}
    root = write_own(tmp_path, "")
    write_rows(root / "labels.csv", scan_label_rows(["a.nii.gz", "b", "c"], matrix, **facts))
    items = rad_chestct_datalist(root, "all")
    np.testing.assert_array_equal([item["locations"] for item in items], matrix)
    np.testing.assert_array_equal([item["label"] for item in items], matrix.any(2))
    assert [item["patient_id"] for item in rad_chestct_datalist(root, "training")] == ["p", "p"]


def test_unknown_labels_survive_a_round_trip(tmp_path: Path) -> None:
    """A label is unknown if a cell is unknown and none is present; only possible locations have columns."""
    cells = np.zeros((2, 80, 3), dtype=np.float32)
    cells[0, NODULE], cells[1, NODULE] = [np.nan, 0, np.nan], [np.nan, 0, 1]
    root = write_own(tmp_path, "")
    rows = scan_label_rows(["a", "b"], cells)
    assert "lung nodule*mediastinum" not in rows[0]
    assert (rows[1]["lung nodule*right lung"], rows[1]["lung nodule*left lung"]) == ("", 1)
    write_rows(root / "labels.csv", rows)
    a, b = rad_chestct_datalist(root, "all")
    assert np.isnan(a["label"]).nonzero()[0].tolist() == [NODULE]
    assert b["label"].tolist() == np.eye(80)[NODULE].tolist()
    np.testing.assert_array_equal([a["locations"], b["locations"]], cells == 1)


def test_scans_in_subfolders_are_named_by_their_path(tmp_path: Path) -> None:
    root = write_own(tmp_path, "scan,pneumonia\nx/ct,1\ny/ct,0\n", scans=("x/ct", "y/ct", "x/ct_organs"))
    first, second = rad_chestct_datalist(root, "all")
    assert (first["name"], second["name"]) == ("x__ct", "y__ct")
    assert Path(second["image"]).parent.name == "y"
    assert "organs" in first
    assert "organs" not in second
    (root / "labels.csv").write_text("scan,pneumonia\nct,1\n")
    with pytest.raises(ValueError, match=r"'ct' is the name of several scans: .*Name the folder too"):
        rad_chestct_datalist(root, "all")


def test_sections_by_share_are_reproducible_and_disjoint(tmp_path: Path) -> None:
    names = [f"s{k}" for k in range(40)]
    text = "scan,patient,pneumonia\n" + "".join(f"{name},p{k // 2},{k % 2}\n" for k, name in enumerate(names))
    root = write_own(tmp_path, text, scans=tuple(names))
    parts = {s: {i["patient_id"] for i in rad_chestct_datalist(root, s)} for s in ("training", "validation", "test")}
    assert [len(parts[s]) for s in ("training", "validation", "test")] == [14, 2, 4]
    assert not parts["training"] & parts["validation"] | parts["validation"] & parts["test"]
    lines = (root / "labels.csv").read_text().splitlines()
    (root / "labels.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]))
    assert {i["patient_id"] for i in rad_chestct_datalist(root, "test")} == parts["test"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scan,lung nodul\na,1\n", "Did you mean 'lung nodule'?"),
        ("scan,lung nodul*left lung\na,1\n", "Did you mean 'lung nodule'?"),
        ("scan,lung nodule*liver\na,1\n", "a label at one of right lung, mediastinum, left lung, but is 'liver'"),
        ("file,pneumonia\na,1\n", "has no column 'scan'"),
        ("scan,age\na,60\n", "has no column of a label, such as 'air trapping'"),
        ("scan,pneumonia\n", "has no rows"),
        ("scan,section,pneumonia\na,training,1\nb,tset,1\n", "row 2: section must be one of .*Did you mean 'test'?"),
        ("scan,patient,section,pneumonia\na,p,training,1\nb,p,test,1\n", "puts patient p in training and test"),
        ("scan,section,pneumonia\na,test,1\n", "has no scan for training. Its 1 scans are in other sections"),
    ],
)
def test_malformed_table_of_the_user_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rad_chestct_datalist(write_own(tmp_path, text), "training")


def test_missing_scan_is_an_error(tmp_path: Path) -> None:
    root = write_own(tmp_path, "scan,pneumonia\na,1\nzz,1\n")
    with pytest.raises(FileNotFoundError, match="zz must be in or below"):
        rad_chestct_datalist(root, "all")


def test_labels_of_the_user(tmp_path: Path) -> None:
    root = write_own(tmp_path, "scan,stone,pebble*left lung\na,1,0\n")
    (item,) = rad_chestct_datalist(root, "all", labels=["stone", "pebble"])
    assert item["label"].tolist() == [1, 0]


def test_wrong_choices_are_errors(tmp_path: Path) -> None:
    root = write_own(tmp_path, "scan,pneumonia\na,1\n")
    for arguments in ({"section": "train"}, {"section": "all", "missing": "ignore"}):
        with pytest.raises(ValueError, match="must be one of"):
            rad_chestct_datalist(root, **arguments)


def test_dicom_folder_is_found_by_its_name(tmp_path: Path) -> None:
    root = write_own(tmp_path, "scan,pneumonia\nseries 7,1\n", scans=())
    (root / "x" / "series 7").mkdir(parents=True)
    (root / "x" / "series 7" / "1.dcm").touch()
    (item,) = rad_chestct_datalist(root, "all")
    assert item["image"] == str(root / "x" / "series 7")
    nibabel.save(nibabel.Nifti1Image(np.zeros((4, 4, 4), np.int16), np.eye(4)), root / "x" / "series 7" / "a.nii")
    with pytest.raises(FileNotFoundError, match="series 7 must be in or below"):  # a folder of volumes is no scan
        rad_chestct_datalist(root, "all")


@pytest.mark.parametrize("scan", ["../outside/ct.nii", "{far}/ct.nii", "sub/../../outside/ct"])
def test_scans_outside_of_the_folder_are_refused(scan: str, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "ct.nii").touch()
    name = scan.format(far=tmp_path / "outside")
    (tmp_path / "own").mkdir()
    root = write_own(tmp_path / "own", f"scan,pneumonia\n{name},1\n", scans=())
    with pytest.raises(ValueError, match=rf"labels\.csv: must name a path below .*own', but has '{name}'"):
        rad_chestct_datalist(root, "all", missing="skip")


def test_links_in_the_folder_may_point_anywhere(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    root = write_own(tmp_path / "own", "scan,pneumonia\nct.nii,1\n", scans=())
    (tmp_path / "ct.nii").touch()
    (root / "ct.nii").symlink_to(tmp_path / "ct.nii")
    assert rad_chestct_datalist(root, "all")[0]["image"] == str(root / "ct.nii")
