"""Result files of a radiograph: file names, signed NIfTI maps with spacing, and peaks on the radiograph's grid."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from monai_pylon.reports.radiograph_figure import RadiographFindingMap
from monai_pylon.reports.radiograph_files import save_radiograph_files
from monai_pylon.utils.image_orientation import turn_image

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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_maps_are_turned_back_to_the_file(tmp_path: Path, orientation: int) -> None:
    heat = np.arange(8.0).reshape(2, 4) if orientation < 5 else np.arange(8.0).reshape(4, 2)
    turned = turn_image(heat, orientation)
    affine = np.diag([-0.1, -0.2, 1, 1])
    found = RadiographFindingMap("Mass", 0.5, np.ascontiguousarray(turned), np.zeros((0, 4)))
    options = {"num_maps": 1, "overlay": False, "affine": affine, "orientation": orientation}
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
