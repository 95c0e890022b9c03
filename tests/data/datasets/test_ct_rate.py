"""Tests of the data list of CT-RATE: labels, patients, and values that are rescaled once and never twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data import read_volume
from monai_pylon.data.datasets.ct_rate import RescaleOnced, _is_hu, ct_rate_datalist, is_ct_rate, rescale_once
from monai_pylon.data.datasets.labels import public_labels
from tests.data.datasets.files import chest_values, write_ct_rate

LABELS = public_labels("CT-RATE")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ct_rate(tmp_path_factory.mktemp("ct_rate"))


@pytest.fixture
def root(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "ct_rate"))


def edit(root: Path, old: str, new: str, name: str) -> None:
    file = next(root.glob(f"*/{name}"))
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_items(written: Path) -> None:
    items = ct_rate_datalist(written, "test")
    assert [item["name"] for item in items] == ["valid_1_a_1", "valid_1_a_2", "valid_2_a_1", "valid_2_a_2"]
    assert items[0]["patient_id"] == "valid_1"
    assert items[0]["label"][LABELS.index("Lung nodule")] == 1
    assert items[2]["label"].sum() == 0
    assert items[0]["rescale"] == (1, -1024)
    assert items[0]["table_spacing"] == (0.7, 0.7, 1.5)
    assert is_ct_rate(written)


def test_sections_have_different_patients(written: Path) -> None:
    parts = {s: {i["patient_id"] for i in ct_rate_datalist(written, s)} for s in ("training", "validation", "test")}
    assert parts["training"] | parts["validation"] == {f"train_{k}" for k in range(1, 6)}
    assert not parts["training"] & parts["validation"]
    assert len(ct_rate_datalist(written, "all")) == 14


HU = torch.from_numpy(chest_values()[None].astype(np.float32))


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (1, -8192), (1, -1000), (2, -1024), (0.5, -512)])
def test_stored_values_are_rescaled_and_hu_are_left(slope: float, intercept: float) -> None:
    stored = (HU - intercept) / slope
    torch.testing.assert_close(rescale_once(stored, slope, intercept), HU)
    assert rescale_once(HU, slope, intercept) is HU


def test_a_rescaling_that_changes_nothing_needs_no_chest() -> None:
    blank = torch.zeros(1, 4, 4, 4)
    assert rescale_once(blank, 1, 0) is blank
    for slope, intercept in ((2, 0), (1, 1)):
        with pytest.raises(ValueError, match="neither these nor"):
            rescale_once(blank, slope, intercept)
    with pytest.raises(ValueError, match="neither these nor"):
        rescale_once(blank - 1, 2, 0)


@pytest.mark.parametrize("image", [HU - 1024, HU - 2048, (HU + 1000) / 2000, torch.zeros(1, 4, 4, 4), HU * 0 - 1000])
def test_values_that_were_rescaled_twice_are_refused(image: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"neither these nor 1 times them plus -1024.*rescaled twice"):
        rescale_once(image, 1, -1024)


def test_volumes_of_both_kinds_give_the_same_hu(root: Path) -> None:
    items = ct_rate_datalist(root, "test")
    raw = read_volume(items[0]["image"])
    path = Path(items[1]["image"])
    nibabel.save(nibabel.Nifti1Image(chest_values() + np.int16(1024), np.asarray(raw.affine)), path)
    fixed, stored = (RescaleOnced()({**item, "image": read_volume(item["image"])}) for item in items[:2])
    torch.testing.assert_close(fixed["image"].as_tensor(), stored["image"].as_tensor())
    assert float(stored["image"].min()) == -1000
    assert "rescale" not in stored
    assert stored["image"].affine.tolist() == raw.affine.tolist()


def test_a_scan_with_another_spacing_than_its_table_is_refused(root: Path) -> None:
    item = ct_rate_datalist(root, "test")[0]
    image = read_volume(item["image"])
    image.affine = torch.diag(torch.tensor([1.0, 1.0, 1.0, 1.0]))
    with pytest.raises(ValueError, match=r"voxels of \[1.0, 1.0, 1.0\] mm, but the table.*train_fixed"):
        RescaleOnced()({**item, "image": image})
    oblique = read_volume(item["image"])
    cos, sin = np.cos(0.2), np.sin(0.2)
    turn = np.array([[1, 0, 0, 9], [0, cos, -sin, 8], [0, sin, cos, 7], [0, 0, 0, 1]])
    oblique.affine = torch.as_tensor(turn @ np.diag([0.7, 0.7, 1.5, 1]))
    assert RescaleOnced()({**item, "image": oblique})["image"].shape == oblique.shape
    turned = read_volume(item["image"]).permute(0, 3, 1, 2)
    turned.affine = torch.diag(torch.tensor([1.5, 0.7, 0.7, 1.0]))
    assert RescaleOnced()({**item, "image": turned})["image"].shape == turned.shape  # other axes, the same voxels


def test_scans_without_affine_or_table_are_left_as_they_are() -> None:
    item = {"image": HU, "table_spacing": (0.7, 0.7, 1.5)}
    assert RescaleOnced()(item) == {"image": HU}
    affine = MetaTensor(HU, affine=torch.eye(4))
    assert RescaleOnced()({"image": affine})["image"] is affine


@pytest.mark.parametrize(
    ("old", "new", "name", "message"),
    [
        ("Cardiomegaly", "Heart", "valid_predicted_labels.csv", "line 1 must be a header with a column 'Cardiomegaly'"),
        ("valid_1_a_2", "valid_1_a_1", "valid_predicted_labels.csv", "line 3: VolumeName must be different .*line 2"),
        ("valid_1_a_1.nii.gz,0", "valid_1_a_1.nii.gz,3", "valid_predicted_labels.csv", "Medical material must be 0, 1"),
        (
            "valid_1_a_1.nii.gz",
            "scan.nii.gz",
            "valid_predicted_labels.csv",
            "line 2: VolumeName must be a name such as",
        ),
        ("ZSpacing", "Z", "validation_metadata.csv", "line 1 must be a header with a column 'ZSpacing'"),
        (",-1024,", ",air,", "validation_metadata.csv", "line 2: RescaleIntercept must be a number, but is 'air'"),
        ("gz,1,-1024", "gz,0,-1024", "validation_metadata.csv", "line 2: RescaleSlope must be positive"),
        ('"[0.7, 0.7]"', "0.7", "validation_metadata.csv", "line 2: XYSpacing must be a list of 2 numbers"),
        ('"[0.7, 0.7]"', "\"__import__('os')\"", "validation_metadata.csv", "line 2: XYSpacing must be a list"),
        (",1.5,", ",0,", "validation_metadata.csv", "line 2: ZSpacing must be positive"),
        ("[1.0, 0.0, 0.0, 0.0", "[1.0, 0.0, 0.0, 0.9", "validation_metadata.csv", "two unit vectors at a right angle"),
        ("valid_1_a_2", "valid_1_a_1", "validation_metadata.csv", "line 3: VolumeName must be different"),
    ],
)
def test_a_bad_table_names_line_and_remedy(root: Path, old: str, new: str, name: str, message: str) -> None:
    edit(root, old, new, name)
    with pytest.raises(ValueError, match=message):
        ct_rate_datalist(root, "test")


def test_missing_files(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    shutil.rmtree(root / "valid_fixed/valid_1")
    with pytest.raises(FileNotFoundError, match=r"valid_1_a_1.nii.gz .*line 2.* and 1 more"):
        ct_rate_datalist(root, "test")
    assert len(ct_rate_datalist(root, "test", missing="skip")) == 2
    (root / "metadata/validation_metadata.csv").unlink()
    assert "rescale" not in ct_rate_datalist(root, "test", missing="skip")[0]
    assert "not compared" in caplog.text


def test_the_volumes_in_hu_are_preferred(root: Path) -> None:
    shutil.copytree(root / "valid_fixed", root / "aaa_valid")
    assert all("valid_fixed" in item["image"] for item in ct_rate_datalist(root, "test"))


@pytest.mark.parametrize(
    ("air", "tissue", "expected"),
    [
        ([-1100.0] * 2, [150.0] * 5, True),
        ([-600.0] * 2, [-150.0] * 5, True),
        ([-1100.0, -1101.0], [0.0] * 5, False),
        ([-600.0, -599.0], [0.0] * 5, False),
        ([-1000.0] * 2, [0.0] * 4 + [151.0], False),
        ([-1000.0] * 2, [0.0] * 4 + [-151.0], False),
    ],
)
def test_2_percent_of_air_and_5_of_soft_tissue_are_hu(air: list[float], tissue: list[float], expected: bool) -> None:
    values = torch.full((100,), 1000.0)
    values[: len(air)], values[-len(tissue) :] = torch.tensor(air), torch.tensor(tissue)
    assert _is_hu(values) == expected


def test_a_tenth_of_the_training_images_is_for_validation(root: Path) -> None:
    """Patients of one volume each, of which the table of metadata knows none."""
    table = next(root.rglob("train_predicted_labels.csv"))
    header = table.read_text().splitlines()[0]
    names = [f"train_{k}_a_1.nii.gz" for k in range(1, 41)]
    table.write_text("\n".join([header, *(f"{name}{',0' * header.count(',')}" for name in names)]))
    for number, name in enumerate(names, 1):
        file = root / f"train_fixed/train_{number}/train_{number}_a/{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for metadata in root.rglob("train_metadata.csv"):
        metadata.unlink()
    assert [len(ct_rate_datalist(root, section)) for section in ("training", "validation")] == [36, 4]
