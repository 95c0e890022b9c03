"""Result files of a radiograph: file names, signed NIfTI maps with spacing, and peaks on the radiograph's grid."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 (as in its documentation)

from monai_pylon.reports.radiograph_figure import RadiographFindingMap
from monai_pylon.reports.radiograph_files import map_affine, save_radiograph_files
from monai_pylon.utils.image_orientation import orientation_matrix, turn_image
from monai_pylon.visualize import MapGeometry

LOGITS = np.array([[-3.0, 1.0], [-1.0, -2.0]], dtype=np.float32)
FINDINGS = [RadiographFindingMap(name, 0.5, LOGITS, np.zeros((0, 4))) for name in ("Mass", "Nodule")]


def test_writes_the_first_maps_and_one_picture(tmp_path: Path) -> None:
    files, peaks = save_radiograph_files(tmp_path, "a", np.zeros((4, 4)), FINDINGS, num_maps=1)
    assert files == ["a_Mass.nii.gz", "a_overlay.png"]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(files)
    assert [(peak.row, peak.column) for peak in peaks] == [(0, 3), (0, 3)]


def test_maps_are_signed_logits_with_the_pixel_spacing(tmp_path: Path) -> None:
    save_radiograph_files(tmp_path, "a", np.zeros((2, 2)), FINDINGS[:1], num_maps=1, overlay=False, spacing=(0.2, 0.1))
    image = nibabel.load(tmp_path / "a_Mass.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj)[..., 0].T, LOGITS)
    np.testing.assert_allclose(np.abs(np.diag(image.affine)[:2]), [0.1, 0.2])
    assert image.header["descrip"].item() == b"Evidence in logits: Mass"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_cells_lie_on_the_pixels_of_the_file(orientation: int) -> None:
    file, affine = np.arange(35.0).reshape(5, 7), np.diag([-0.2, -0.5, 1.0, 1.0])
    turned = turn_image(file, orientation)
    matrix = map_affine(MapGeometry((0.0, 0.0), (1.0, 1.0)), orientation_matrix(orientation, turned.shape), affine)
    for row, column in np.ndindex(turned.shape):
        x, y, z, _ = np.linalg.inv(affine) @ matrix @ [column, row, 0, 1]
        assert file[round(y), round(x)] == turned[row, column]
        assert z == 0


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("even", [True, False])
def test_a_native_map_opens_over_the_file_at_the_places_of_the_large_one(
    tmp_path: Path, orientation: int, even: bool
) -> None:
    """ITK, as 3D Slicer and ITK-SNAP use it, interpolates the small map on the file as we do for the large one."""
    cells = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    radiograph = np.zeros((120, 90))
    affine = np.array([[0.0, -0.2, 0, 30], [-0.1, 0, 0, 50], [0, 0, 1, 7], [0, 0, 0, 1]])
    found = RadiographFindingMap("Mass", 0.5, cells, np.zeros((0, 4)))
    options = {"num_maps": 1, "overlay": False, "affine": affine, "orientation": orientation}
    options["geometry"] = None if even else MapGeometry((4.0, 9.0), (21.0, 17.0))
    read = {}
    for grid in ("native", "radiograph"):
        save_radiograph_files(tmp_path / grid, "a", radiograph, [found], map_grid=grid, **options)
        read[grid] = sitk.ReadImage(str(tmp_path / grid / "a_Mass.nii.gz"))
    assert sorted(read["native"].GetSize()) == [1, 5, 6]
    assert (tmp_path / "native" / "a_Mass.nii.gz").stat().st_size < 1000
    resampled = sitk.Resample(read["native"], read["radiograph"], sitk.Transform(), sitk.sitkLinear, np.nan)
    small, large = (sitk.GetArrayFromImage(one)[0] for one in (resampled, read["radiograph"]))
    inside = np.isfinite(small)
    assert inside.mean() > 0.5
    # Between the outermost cells both interpolate linearly; beyond, ITK takes the nearest value up to half a cell.
    np.testing.assert_allclose(small[inside], large[inside], atol=1e-4)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_maps_are_turned_back_to_the_file(tmp_path: Path, orientation: int) -> None:
    heat = np.arange(8.0).reshape(2, 4) if orientation < 5 else np.arange(8.0).reshape(4, 2)
    turned = turn_image(heat, orientation)
    affine = np.diag([-0.1, -0.2, 1, 1])
    found = RadiographFindingMap("Mass", 0.5, np.ascontiguousarray(turned), np.zeros((0, 4)))
    options = {"num_maps": 1, "overlay": False, "affine": affine, "orientation": orientation}
    options["map_grid"] = "radiograph"
    _, peaks = save_radiograph_files(tmp_path, "a", np.zeros(turned.shape), [found], **options)
    image = nibabel.load(tmp_path / "a_Mass.nii.gz")
    np.testing.assert_allclose(np.asarray(image.dataobj)[..., 0].T, heat)
    np.testing.assert_allclose(image.affine, affine)
    assert turned[peaks[0].row, peaks[0].column] == 7, "the peak is that of the picture"


def test_writes_nothing_if_nothing_is_asked_for(tmp_path: Path) -> None:
    assert save_radiograph_files(tmp_path, "a", np.zeros((2, 2)), FINDINGS, overlay=False)[0] == []
    assert not list(tmp_path.iterdir())


def test_rejects_a_radiograph_with_a_channel(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"radiograph must be of shape \(H, W\)"):
        save_radiograph_files(tmp_path, "a", np.zeros((1, 2, 2)), FINDINGS)
    with pytest.raises(ValueError, match="map_grid must be one of"):
        save_radiograph_files(tmp_path, "a", np.zeros((2, 2)), FINDINGS, map_grid="scan")
