"""Pictures and files of evidence in a CT: cut where the evidence is, sides as a radiologist expects them."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.reports import finding_on_scan, save_figure, save_map_nifti, scan_findings_figure

LPS = np.diag([-10.0, -10.0, 10.0, 1.0])
RAS = np.diag([10.0, 10.0, 10.0, 1.0])


def cube(*voxel: int, value: float = 2.0) -> np.ndarray:
    heat = np.full((9, 8, 7), -1.0)
    heat[voxel] = value
    return heat


@pytest.mark.parametrize(("affine", "voxel"), [(RAS, (7, 6, 5)), (LPS, (1, 1, 5))])
def test_the_patients_right_is_on_the_left_and_the_front_above(affine: np.ndarray, voxel: tuple[int, ...]) -> None:
    found = finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), cube(*voxel), affine)
    assert found.peak == voxel
    for plane, rows in (("axial", 80), ("coronal", 70)):
        gray, heat = found.panels[plane]
        assert gray.shape == heat.shape == (rows, 90), "pixels of 1 mm"
        assert 0.85 < heat.max() <= 1, "interpolated"
        row, column = np.unravel_index(int(heat.argmax()), heat.shape)
        assert 10 <= column < 20, "the second voxel from the left"
        assert 10 <= row < 20, "the second voxel from above"


def test_negative_evidence_is_not_painted() -> None:
    found = finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), np.full((9, 8, 7), -1.0), RAS)
    assert all(not heat.any() for _, heat in found.panels.values())


@pytest.mark.parametrize("scored", [True, False])
def test_a_page_of_findings(tmp_path: Path, scored: bool) -> None:
    curve = (np.arange(5.0), np.arange(5.0)) if scored else (None, None)
    findings = [finding_on_scan(name, 0.5, cube(0, 0, 0), cube(4, 4, 4), LPS, *curve) for name in ("mass", "nodule")]
    figure = scan_findings_figure(findings, "scan")
    assert len(figure.axes) == (6 if scored else 4)
    save_figure(tmp_path / "page.png", figure)
    assert (tmp_path / "page.png").stat().st_size > 1000


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match=r"heat must be of the scan's shape \(9, 8, 7\)"):
        finding_on_scan("mass", 0.5, np.zeros((9, 8, 7)), np.zeros((3, 3, 3)), RAS)
    with pytest.raises(ValueError, match="findings must be a sequence with at least one finding"):
        scan_findings_figure([])


def test_a_map_is_saved_signed_with_the_scans_affine(tmp_path: Path) -> None:
    heat = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    save_map_nifti(tmp_path / "a.nii.gz", heat, LPS)
    image = nibabel.load(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), heat)
    np.testing.assert_allclose(image.affine, LPS)
    assert image.header["sform_code"] == image.header["qform_code"] == 1
    assert image.header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize(
    ("name", "heat", "message"),
    [
        ("a.nii.gz", np.zeros((4, 5)), r"map must be of shape \(X, Y, Z\)"),
        ("a.nii.gz", np.full((2, 2, 2), np.nan), "map must be finite"),
        ("a.nrrd", np.zeros((2, 2, 2)), "path must be a file ending in .nii"),
    ],
)
def test_no_half_map_is_left(tmp_path: Path, name: str, heat: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        save_map_nifti(tmp_path / name, heat, LPS)
    assert not list(tmp_path.iterdir())
