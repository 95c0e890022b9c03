"""Inputs of a cohort: which scans and radiographs are listed, and their names."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from monai_pylon.workflows.cohort import list_radiographs, list_scans


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def listed(source: Path, **options: Path) -> dict[str, str]:
    """Return the path below the source by scan name."""
    return {item["scan"]: str(Path(item["image"]).relative_to(source)) for item in list_scans(source, **options)}


def test_lists_one_file(tmp_path: Path) -> None:
    make(tmp_path, "p 7/CT thorax.nii.gz")
    (item,) = list_scans(str(tmp_path / "p 7" / "CT thorax.nii.gz"))
    assert item == {"image": str(tmp_path / "p 7" / "CT thorax.nii.gz"), "scan": "CT_thorax"}


def test_lists_a_dicom_folder_as_one_scan(tmp_path: Path) -> None:
    make(tmp_path, "A0002/1-01.dcm", "A0002/1-02.dcm", "A0002/LICENSE")
    assert list_scans(tmp_path / "A0002") == [{"image": str(tmp_path / "A0002"), "scan": "A0002"}]


def test_lists_a_folder_with_many_scans(tmp_path: Path) -> None:
    make(tmp_path, "b.nii.gz", "a.NRRD", "x/c.mha", "y/s1/1.dcm", "y/s1/2.dcm", "y/s2/IM0", "z/notes.txt", "z/p.png")
    (tmp_path / "y/s2/IM0").write_bytes(b"\0" * 128 + b"DICM")
    make(tmp_path, ".cache/d.nii", "x/._c.mha")
    wanted = {"a": "a.NRRD", "b": "b.nii.gz", "x__c": "x/c.mha", "y__s1": "y/s1", "y__s2": "y/s2"}
    assert listed(tmp_path) == wanted


def test_names_are_unique_for_files_with_the_same_name(tmp_path: Path) -> None:
    make(
        tmp_path, "p1/ct.nii.gz", "p2/ct.nii.gz", "q/a.nii", "q/a.mha", "q/a b.nii", "q/a_b.nii", "r/s.nii", "r/s/1.dcm"
    )
    found = listed(tmp_path)
    assert len(found) == 8
    assert found["p1__ct"] == "p1/ct.nii.gz"
    assert found["p2__ct"] == "p2/ct.nii.gz"
    assert found["q__a_nii"] == "q/a.nii"
    assert found["q__a_mha"] == "q/a.mha"
    assert {found["q__a_b_nii"], found["q__a_b_nii_2"]} == {"q/a b.nii", "q/a_b.nii"}


def test_repeated_items_get_numbers(tmp_path: Path) -> None:
    (tmp_path / "list.JSON").write_text(json.dumps(["a.nii", "a.nii", "a_nii_2", "a.nii"]))
    names = [item["scan"] for item in list_scans(tmp_path / "list.JSON")]
    assert names == ["a_nii", "a_nii_2", "a_nii_2_2", "a_nii_3"]
    (tmp_path / "list.JSON").write_text(json.dumps(["?.nii"]))
    assert list_scans(tmp_path / "list.JSON")[0]["scan"] == "scan"


def test_lists_radiographs_and_single_dicom_files(tmp_path: Path) -> None:
    make(tmp_path, "b.png", "a.JPG", "c.jpeg", "x/d.dcm", "x/e.DCM", "x/IM0", "x/notes.txt", "x/ct.nii", ".e.png")
    (tmp_path / "x/IM0").write_bytes(b"\0" * 128 + b"DICM")
    assert [item["scan"] for item in list_radiographs(tmp_path)] == ["a", "b", "c", "x__IM0", "x__d", "x__e"]
    assert list_radiographs(None) == []
    make(tmp_path / "cd", "a.tif", "b.TIFF", "c.gif", "d.bmp", "DICOMDIR")
    (tmp_path / "cd" / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    assert [item["scan"] for item in list_radiographs(tmp_path / "cd")] == ["a", "b", "c", "d"]
    with pytest.raises(
        ValueError, match=r"at least one radiograph.*ending in .png, .*.tif, .tiff, .gif, .bmp, .dcm; DICOM files"
    ):
        list_radiographs(make(tmp_path / "y", "notes.txt"))


def test_leaves_out_the_folder_of_results(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", "out/a_organs.nii.gz")
    assert listed(tmp_path, leave_out=tmp_path / "out") == {"a": "a.nii"}
    assert len(listed(tmp_path)) == 2


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (["a.nii", {"image": "sub/b.nii", "series_uid": "1.2"}], ["a", "sub__b"]),
        ({"training": ["sub/b.nii"], "testing": ["a.nii"], "name": "x"}, ["a"]),
        ({"training": ["sub/b.nii"], "name": "x"}, ["sub__b"]),
        ({"fold0": ["sub/b.nii"], "fold1": [{"image": "a.nii"}]}, ["sub__b", "a"]),
    ],
)
def test_lists_a_data_list(content: object, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text(json.dumps(content))
    items = list_scans(tmp_path / "list.json")
    assert [item["scan"] for item in items] == names
    assert all(Path(item["image"]).parent in (tmp_path, tmp_path / "sub") for item in items)


def test_data_list_may_have_series_and_absolute_paths(tmp_path: Path) -> None:
    content = [{"image": "/far/away/ct.nii", "series_uid": "1.2.3"}]
    (tmp_path / "list.json").write_text(json.dumps(content))
    assert list_scans(tmp_path / "list.json") == [{"image": "/far/away/ct.nii", "scan": "ct", "series_uid": "1.2.3"}]


def test_rejects_wrong_inputs(tmp_path: Path) -> None:
    assert list_scans(None) == []
    with pytest.raises(FileNotFoundError, match="absent"):
        list_scans(tmp_path / "absent")
    with pytest.raises(ValueError, match="at least one scan"):
        list_scans(make(tmp_path, "notes.txt"))
    with pytest.raises(TypeError, match=r"input must be of type str.*\./7"):
        list_scans(7)  # type: ignore[arg-type]
    for text in ('[{"path": "a.nii"}]', "[7]", '[{"image": 7}]'):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match='dictionary with a path as "image"'):
            list_scans(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text('"a.nii"')
    with pytest.raises(ValueError, match="input must be a data list"):
        list_scans(tmp_path / "bad.json")


def test_leaves_out_organ_masks_beside_their_scan(tmp_path: Path) -> None:
    for name in ("a.nii.gz", "a_organs.nii.gz", "b.nrrd", "b_organs.nii.gz", "c_organs.nii.gz", "d.npz"):
        (tmp_path / name).touch()
    assert [item["scan"] for item in list_scans(tmp_path)] == ["a", "b", "c_organs", "d"]


def test_index_of_a_cd_is_no_scan(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "PAT" / "SER").mkdir(parents=True)
    (tmp_path / "PAT" / "SER" / "IM0").write_bytes(b"\0" * 128 + b"DICM")
    assert [item["scan"] for item in list_scans(tmp_path)] == ["PAT__SER"]


def test_masks_of_totalsegmentator_are_no_scans(tmp_path: Path) -> None:
    for name in ("s1/ct.nii.gz", "s1/segmentations/heart.nii.gz", "other/segmentations/scan.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [item["scan"] for item in list_scans(tmp_path)] == ["other__segmentations__scan", "s1__ct"]


def test_links_to_folders_are_followed_once(tmp_path: Path) -> None:
    """A folder of links to scans is as good as one of scans, and a loop of links ends."""
    make(tmp_path, "far/s1/1.dcm", "far/s2/ct.nii", "in/own/a.nii")
    (tmp_path / "in" / "s1").symlink_to(tmp_path / "far" / "s1")
    (tmp_path / "in" / "b_far").symlink_to(tmp_path / "far")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "far" / "back").symlink_to(tmp_path)
    (tmp_path / "in" / "self.nii").symlink_to(tmp_path / "in" / "self.nii")
    names = [item["scan"] for item in list_scans(tmp_path / "in")]
    assert names == ["self", "own__a", "b_far__s1", "b_far__s2__ct"]


def test_links_to_the_results_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "in/a.nii", "results/a_organs.nii.gz")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "results")
    assert listed(tmp_path / "in", leave_out=tmp_path / "results") == {"a": "a.nii"}


def test_folders_and_files_that_may_not_be_read_are_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They fail later, with a row: a scan must not vanish because of its permissions."""
    make(tmp_path, "a.nii", "closed/1.dcm", "s/IM1", "t/notes")
    scan = os.scandir

    def refuse(path: object) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)  # type: ignore[call-overload]

    monkeypatch.setattr(os, "scandir", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "IM1")
    assert listed(tmp_path) == {"a": "a.nii", "closed": "closed", "s": "s"}


def test_folders_named_like_scans_and_lists(tmp_path: Path) -> None:
    make(tmp_path, "scan.nii.gz/1.dcm", "list.json/b.nii", "segmentations/c.nii")
    assert listed(tmp_path) == {
        "list.json__b": "list.json/b.nii",
        "scan": "scan.nii.gz",
        "segmentations__c": "segmentations/c.nii",
    }
    assert [item["scan"] for item in list_scans(tmp_path / "list.json")] == ["b"]


def test_a_series_is_chosen_for_dicom_folders(tmp_path: Path) -> None:
    make(tmp_path, "a.nii", "s/1.dcm")
    items = list_scans(tmp_path, series=3)
    assert [item.get("series_uid") for item in items] == [None, "3"]
    (tmp_path / "list.json").write_text(json.dumps([{"image": "s", "series_uid": "1.2"}, "s", "a.nii"]))
    items = list_scans(tmp_path / "list.json", series="1.2.840.4")
    assert [item.get("series_uid") for item in items] == ["1.2", "1.2.840.4", None]
    with pytest.raises(TypeError, match="series must be of type str or int"):
        list_scans(tmp_path, series=1.2)  # type: ignore[arg-type]


def test_lists_that_are_not_json_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff{")
    with pytest.raises(ValueError, match=r"must be a data list in JSON, but '.*a\.json' is not"):
        list_scans(tmp_path / "a.json")
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf["b.nii"]')
    assert list_scans(tmp_path / "a.json")[0]["scan"] == "b"
