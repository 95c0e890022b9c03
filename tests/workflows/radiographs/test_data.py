"""Radiographs of a run: folds that share no patient, phantoms that no section shares, errors with a line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from monai_pylon.data import chest_xray14_datalist
from monai_pylon.workflows.radiographs import radiograph_data
from monai_pylon.workflows.radiographs.data import read_folds, section_of_folds

ITEMS = [{"image": f"images/{n}.png", "patient_id": n // 2} for n in range(8)]
FOLDS = {str(n): n // 2 for n in range(8)}


def numbers(section: str, **how: int | None) -> list[int]:
    return [int(Path(item["image"]).stem) for item in section_of_folds(ITEMS, FOLDS, section, **how)]


def test_the_left_out_fold_validates_and_tests() -> None:
    assert numbers("training", fold=1) == [0, 1, 4, 5, 6, 7]
    assert numbers("validation", fold=1) == numbers("test", fold=1) == [2, 3]


def test_another_fold_may_validate() -> None:
    assert numbers("training", fold=1, validation_fold=3) == [0, 1, 4, 5]
    assert numbers("validation", fold=1, validation_fold=3) == [6, 7]
    assert numbers("test", fold=1, validation_fold=3) == [2, 3]


def test_leaves_out_images_without_a_fold() -> None:
    few = {"0": 0, "2": 1}
    assert len(section_of_folds(ITEMS, few, "training", fold=0)) == 1


def test_a_patient_in_two_folds_is_an_error() -> None:
    with pytest.raises(ValueError, match="Patient 0 is in folds 0 and 1"):
        section_of_folds(ITEMS, {**FOLDS, "1": 1}, "training")


@pytest.mark.parametrize("how", [{"fold": 4}, {"fold": 0, "validation_fold": 9}])
def test_a_fold_that_does_not_occur_is_an_error(how: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"one of the table's folds \[0, 1, 2, 3\]"):
        section_of_folds(ITEMS, FOLDS, "training", **how)


def test_a_table_of_other_images_is_an_error() -> None:
    with pytest.raises(ValueError, match="Use the file names of the images"):
        section_of_folds(ITEMS, {"x": 0, "y": 1}, "training")


def test_folds_are_read_by_name_without_ending(tmp_path: Path) -> None:
    table = tmp_path / "folds.csv"
    table.write_text("\ufefffile,patient,fold\na.jpg,1,0\nb.png,2,3\n", encoding="utf-8")
    assert read_folds(table) == {"a": 0, "b": 3}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,fold\na,0\n", "a column 'file'"),
        ("file,fold\na,0\nb,x\n", "line 3: fold must be a whole number, but is 'x'"),
        ("file,fold\n", "a row for each image"),
    ],
)
def test_names_the_line_of_a_malformed_table(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "folds.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_folds(tmp_path / "folds.csv")


def test_phantoms_of_different_sections_are_different_patients() -> None:
    patients = [
        {item["patient_id"] for item in radiograph_data("phantom", section, phantoms=6, phantom_size=32)}
        for section in ("training", "validation", "test")
    ]
    assert [len(some) for some in patients] == [6, 4, 4]
    assert not patients[0] & patients[1] | patients[1] & patients[2] | patients[0] & patients[2]


def test_a_missing_folder_is_an_error() -> None:
    with pytest.raises(FileNotFoundError, match="dataset_dir must be a folder or 'phantom'"):
        radiograph_data("there/is/none", "test")


@pytest.mark.real
def test_reads_real_radiographs_with_boxes(public_data: Path) -> None:
    folder = public_data / "nih_chestxray14"
    folds = read_folds(folder / "folds.csv")
    everything = chest_xray14_datalist(folder, "all")
    sizes = [len(section_of_folds(everything, folds, "test", fold)) for fold in range(4)]
    assert sum(sizes) == len(everything) == 1555
    data = radiograph_data(folder, "test", folds=folder / "folds.csv", fold=2)
    assert len(data) == sizes[2]
    item = next(data[k] for k in range(len(data)) if len(data.data[k]["boxes"]))
    assert item["image"].shape[0] == 1
    assert np.asarray(item["boxes"])[:, 2].max() <= item["image"].shape[2]
