"""NIfTI files of label maps and heatmaps: same grid, same values, written atomically."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.reports.nifti import save_label_nifti, save_map_nifti, save_radiograph_nifti, save_volume_nifti

LPS = np.diag([-0.8, -0.8, 2.5, 1])
OBLIQUE = np.array([[-0.78, 0.14, 0, 90.5], [-0.14, -0.78, 0, 80.25], [0, 0, 3.0, -400], [0, 0, 0, 1]])


def check_header(image: nibabel.Nifti1Image, affine: np.ndarray) -> None:
    """Both affines of the file are scanner coordinates (code 1), its unit is mm."""
    np.testing.assert_allclose(image.affine, affine, atol=1e-4)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-4)
    assert (image.header["qform_code"], image.header["sform_code"]) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("affine", [LPS, OBLIQUE], ids=["LPS", "oblique"])
def test_labels_are_read_back(name: str, affine: np.ndarray, tmp_path: Path) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (4, 5, 6)).astype(np.uint8)
    labels[0, 0, 0] = 255
    save_label_nifti(tmp_path / "new" / name, labels, affine)
    image = nibabel.load(tmp_path / "new" / name)
    np.testing.assert_array_equal(np.asarray(image.dataobj), labels)
    assert image.get_data_dtype() == np.uint8
    check_header(image, affine)


def test_rejects_wrong_labels(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    with pytest.raises(TypeError, match="labels must be of an integer type, but is of float64"):
        save_label_nifti(path, np.zeros((2, 2, 2)), np.eye(4))
    for value in (256, -1):
        with pytest.raises(ValueError, match="labels must be between 0 and 255"):
            save_label_nifti(path, np.full((2, 2, 2), value), np.eye(4))
    with pytest.raises(ValueError, match=r"labels must be of shape \(X, Y, Z\)"):
        save_label_nifti(path, np.zeros((1, 2, 2, 2), int), np.eye(4))
    with pytest.raises(ValueError, match=r"path must be a file ending in \.nii or \.nii\.gz"):
        save_label_nifti(tmp_path / "a.png", np.zeros((2, 2, 2), int), np.eye(4))
    with pytest.raises(ValueError, match="affine must be of shape"):
        save_label_nifti(path, np.zeros((2, 2, 2), int), np.eye(3))
    assert not list(tmp_path.iterdir())


def test_saves_bool_masks_and_empty_volumes_as_labels(tmp_path: Path) -> None:
    save_label_nifti(tmp_path / "a.nii", np.ones((2, 2, 2), bool), np.eye(4))
    assert np.asarray(nibabel.load(tmp_path / "a.nii").dataobj).sum() == 8
    save_label_nifti(tmp_path / "b.nii", np.zeros((0, 2, 2), int), np.eye(4))
    assert (tmp_path / "b.nii").is_file()


def test_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nii.gz"
    save_label_nifti(path, np.ones((2, 2, 2), int), np.eye(4))
    before = path.read_bytes()

    def write_half(image: nibabel.Nifti1Image, path: Path) -> None:
        Path(path).write_bytes(before[:10])
        raise OSError("no space left on device")

    monkeypatch.setattr(nibabel, "save", write_half)
    with pytest.raises(OSError, match="no space"):
        save_label_nifti(path, np.zeros((2, 2, 2), int), np.eye(4))
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.nii.gz"]


def test_map_is_read_back_with_sign(tmp_path: Path) -> None:
    heat = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    save_map_nifti(tmp_path / "a.nii.gz", heat, OBLIQUE)
    image = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), heat)
    check_header(image, OBLIQUE)


@pytest.mark.parametrize(
    ("name", "heat", "message"),
    [
        ("a.nii.gz", np.zeros((4, 5)), r"map must be of shape \(X, Y, Z\)"),
        ("a.nii.gz", np.full((2, 2, 2), np.nan), "map must be finite"),
        ("a.nrrd", np.zeros((2, 2, 2)), "path must be a file ending in .nii"),
    ],
)
def test_rejects_wrong_maps(tmp_path: Path, name: str, heat: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save_map_nifti(tmp_path / name, heat, LPS)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("spacing", "zooms", "unit"), [(None, (1, 1, 1), "unknown"), ((0.14, 0.2), (0.2, 0.14, 1), "mm")]
)
def test_radiograph_map_has_the_pixel_size(spacing: tuple | None, zooms: tuple, unit: str, tmp_path: Path) -> None:
    """The first axis of the file runs along the columns, so its zoom is the distance between columns."""
    heatmap = np.arange(12, dtype=np.float32).reshape(3, 4)
    save_radiograph_nifti(tmp_path / "a.nii.gz", heatmap, spacing, description="Evidence in logits: Mass")
    image = nibabel.load(tmp_path / "a.nii.gz")
    assert image.header["descrip"].item() == b"Evidence in logits: Mass"
    affine = np.diag([-zooms[0], -zooms[1], 1, 1])
    np.testing.assert_allclose(image.header.get_zooms(), zooms)
    np.testing.assert_allclose(image.affine, affine)
    np.testing.assert_allclose(image.get_qform(), affine)
    assert (image.header["qform_code"], image.header["sform_code"]) == (1, 1)
    assert image.header.get_xyzt_units()[0] == unit
    np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 0].T, heatmap)


def test_a_volume_is_rounded_to_whole_hu_and_clipped_to_int16(tmp_path: Path) -> None:
    hu = np.array([-40000.0, -1000.4, -999.6, 40000.0]).reshape(1, 2, 2)
    save_volume_nifti(tmp_path / "ct.nii.gz", hu, OBLIQUE)
    image = nibabel.load(tmp_path / "ct.nii.gz")
    assert np.asarray(image.dataobj).ravel().tolist() == [-32768, -1000, -1000, 32767]
    assert image.get_data_dtype() == np.int16
    assert (image.header["qform_code"], image.header["sform_code"]) == (1, 1)
    np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-4)
    with pytest.raises(ValueError, match=r"hu must be of shape \(X, Y, Z\)"):
        save_volume_nifti(tmp_path / "ct.nii.gz", hu[0], OBLIQUE)


def test_rejects_wrong_radiograph_maps(tmp_path: Path) -> None:
    for spacing in ((0.0, 1.0), (1.0, 0.0)):
        with pytest.raises(ValueError, match="spacing must be positive"):
            save_radiograph_nifti(tmp_path / "a.nii", np.zeros((2, 2)), spacing)
    with pytest.raises(ValueError, match=r"heatmap must be of shape \(H, W\)"):
        save_radiograph_nifti(tmp_path / "a.nii", np.zeros((2, 2, 2)))


def test_radiograph_map_has_the_geometry_of_the_file(tmp_path: Path) -> None:
    affine = np.array([[0, -0.2, 0, 3], [0, 0, 1, 4], [-0.1, 0, 0, 5], [0, 0, 0, 1.0]])
    save_radiograph_nifti(tmp_path / "a.nii.gz", np.ones((2, 3)), spacing=(9, 9), affine=affine)
    image = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(image.affine, affine, atol=1e-6)
    np.testing.assert_allclose(image.get_qform(), affine, atol=1e-6)
    assert image.header.get_xyzt_units()[0] == "mm"
    with pytest.raises(ValueError, match="affine"):
        save_radiograph_nifti(tmp_path / "a.nii.gz", np.ones((2, 3)), affine=np.zeros((4, 4)))
