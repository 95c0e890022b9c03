"""The data list of SBD, on a folder in the layout of its release."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from monai_pylon.data.sbd import read_class_map, sbd_datalist
from monai_pylon.taxonomy.labels import PASCAL_VOC_LABELS

MAP = np.zeros((4, 6), np.uint8)
MAP[1, 2], MAP[3] = 15, 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "benchmark_RELEASE" / "dataset"
    for name in ("img", "cls"):
        (folder / name).mkdir(parents=True)
    for name, classes in (("a", MAP), ("b", MAP * 0 + 1), ("c", MAP * 0)):
        Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(folder / "img" / f"{name}.jpg")
        present = np.unique(classes[classes > 0])[:, None]
        savemat(folder / "cls" / f"{name}.mat", {"GTcls": {"Segmentation": classes, "CategoriesPresent": present}})
    (folder / "train.txt").write_text("a\nb\n")
    (folder / "val.txt").write_text("c\n")
    return tmp_path


def test_labels_are_the_classes_of_the_pixels(root: Path) -> None:
    first, second = sbd_datalist(root, "training")
    assert first["name"] == "a"
    assert [PASCAL_VOC_LABELS[k] for k in np.flatnonzero(first["label"])] == ["person", "tvmonitor"]
    assert second["label"].tolist() == [1] + [0] * 19
    np.testing.assert_array_equal(read_class_map(first["segmentation"]), MAP)
    (third,) = sbd_datalist(root / "benchmark_RELEASE", "validation")
    assert not third["label"].any()
    assert [item["name"] for item in sbd_datalist(root, "all")] == ["a", "b", "c"]


def test_missing_and_malformed_files_are_named(root: Path, tmp_path: Path) -> None:
    folder = root / "benchmark_RELEASE" / "dataset"
    savemat(folder / "cls" / "b.mat", {"other": 1})
    with pytest.raises(ValueError, match=r"b\.mat: must be a MAT file of SBD with GTcls"):
        sbd_datalist(root, "training")
    savemat(folder / "cls" / "b.mat", {"GTcls": {"Segmentation": MAP + 10}})
    with pytest.raises(ValueError, match="from 0 to 20 or 255"):
        sbd_datalist(root, "training")
    (folder / "cls" / "b.mat").unlink()
    with pytest.raises(FileNotFoundError, match=r"b\.mat must exist.*train\.txt names it"):
        sbd_datalist(root, "training")
    (folder / "val.txt").write_text("../c\n")
    with pytest.raises(ValueError, match="without folders"):
        sbd_datalist(root, "validation")
    (folder / "val.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"val\.txt must exist"):
        sbd_datalist(root, "validation")
    with pytest.raises(FileNotFoundError, match="must hold the folder cls"):
        sbd_datalist(tmp_path / "elsewhere", "all")


def test_uncertain_borders_of_voc_are_kept(tmp_path: Path) -> None:
    Image.fromarray(np.uint8([[0, 255, 20]])).save(tmp_path / "a.png")
    assert read_class_map(tmp_path / "a.png").tolist() == [[0, 255, 20]]
    for wrong in (np.uint8([[0, 254]]), np.zeros((2, 2, 3), np.uint8)):
        Image.fromarray(wrong).save(tmp_path / "b.png")
        with pytest.raises(ValueError, match="must hold classes"):
            read_class_map(tmp_path / "b.png")


def test_uncertain_pixels_have_no_label(root: Path) -> None:
    folder = root / "benchmark_RELEASE" / "dataset"
    savemat(folder / "cls" / "c.mat", {"GTcls": {"Segmentation": np.uint8([[0, 255, 20]])}})
    (item,) = sbd_datalist(root, "validation")
    assert np.flatnonzero(item["label"]).tolist() == [19]
