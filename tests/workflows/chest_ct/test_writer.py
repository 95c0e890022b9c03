"""Maps and slice scores on the scan's own grid, whatever way the scan lies."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Orientation

from monai_pylon.utils import read_rows
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.chest_ct import ScanWriter
from monai_pylon.workflows.chest_ct.writer import map_on_scan, slice_heights

#: An even stretch of 6 x 6 x 8 cells over the 48 x 48 x 24 voxels that the network saw.
GRID = MapGeometry((3.5, 3.5, 1.0), (8.0, 8.0, 3.0))
LABELS = ("lung mass", "plaque (lung)", "nodule")


def volume(shape: tuple[int, ...], affine: np.ndarray, fill: float = -1000.0) -> MetaTensor:
    scan = torch.full((1, *shape), fill)
    scan[:, 2:-2, 2:-2] = 0
    return MetaTensor(scan, affine=torch.from_numpy(affine))


def seen() -> MetaTensor:
    """What the network saw: 48 x 48 x 24 voxels of 2 mm, LPI, its first voxel at (50, 60, 40)."""
    affine = np.diag([-2.0, -2.0, -2.0, 1.0])
    affine[:3, 3] = (50, 60, 40)
    return volume((48, 48, 24), affine)


@pytest.mark.parametrize("codes", ["LPI", "RAS", "LPS", "SAR", "PIR"])
def test_maps_align_with_the_scan_in_any_orientation(codes: str) -> None:
    """One cell of 6 x 6 x 8 is hot; its center in mm is known."""
    image = seen()
    map = torch.zeros(6, 6, 8)
    map[4, 1, 6] = 1.0
    centre = image.affine.numpy() @ [4.5 * 8 - 0.5, 1.5 * 8 - 0.5, 6.5 * 3 - 0.5, 1]
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = (-70, -60, -30)
    scan = Orientation(codes, labels=None)(volume((100, 100, 60), affine))
    heat = map_on_scan(map, GRID, image, scan)
    assert heat.shape == scan.shape[1:]
    peak = np.unravel_index(int(heat.argmax()), heat.shape)
    assert heat[peak] == pytest.approx(1, abs=0.2)
    weights = np.argwhere(heat > 0.5).mean(0)
    np.testing.assert_allclose(scan.affine.numpy() @ [*weights, 1], centre, atol=1.5)


def test_maps_are_zero_outside_the_input() -> None:
    image = seen()
    affine = np.diag([-2.0, -2.0, -2.0, 1.0])
    affine[:3, 3] = (50 + 20, 60 + 20, 40 + 20)
    heat = map_on_scan(torch.ones(6, 6, 8), GRID, image, volume((68, 68, 44), affine))
    inside = np.zeros(heat.shape, dtype=bool)
    inside[10:58, 10:58, 10:34] = True
    np.testing.assert_allclose(heat[inside], 1, atol=1e-5)
    np.testing.assert_allclose(heat[~inside], 0, atol=1e-4)


def test_heights_and_slices_of_the_groups() -> None:
    image = seen()
    affine = np.diag([2.0, 2.0, 5.0, 1.0])
    affine[2, 3] = 0.0
    heights, slices = slice_heights(8, GRID, image, volume((20, 20, 8), affine))
    np.testing.assert_allclose(heights, 40 - 2 * (np.arange(8) * 3 + 1))
    expected = np.rint(heights / 5)
    inside = (heights / 5 > -0.5) & (heights / 5 < 7.5)
    np.testing.assert_array_equal(slices[inside], expected[inside])
    assert np.isnan(slices[~inside]).all()
    assert not inside.all()


def item(scan: MetaTensor) -> dict:
    maps = torch.randn(2, 6, 6, 8)
    logits = torch.tensor([0.5, 2.0, -1.0])
    scores = torch.arange(24.0).reshape(3, 8)
    return {
        **{"image": seen(), "scan_hu": scan, "scan": "ward__a", "logits": logits},
        **{"maps": maps, "mapped": [1, 0], "slice_scores": scores, "geometry": GRID},
    }


@pytest.fixture
def scan() -> MetaTensor:
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])
    affine[:3, 3] = (50, 60, -20)
    return volume((48, 48, 12), affine)


def test_writes_all_results(scan: MetaTensor, tmp_path: Path) -> None:
    data = item(scan)
    written = ScanWriter(tmp_path, LABELS)(data)
    names = ["ward__a_slice_scores.csv", "ward__a_plaque_lung_hirescam.nii.gz", "ward__a_lung_mass_hirescam.nii.gz"]
    assert written["files"] == [*names, "ward__a_overlay.png"]
    assert {path.name for path in tmp_path.iterdir()} == set(written["files"])
    image = nibabel.load(tmp_path / names[1])
    np.testing.assert_allclose(np.asarray(image.dataobj), data["maps"][0], atol=1e-6)
    assert bytes(image.header["descrip"].item()).decode() == "HiResCAM in logits: plaque (lung)"
    cell = image.affine @ [2, 1, 5, 1]
    np.testing.assert_allclose(cell, seen().affine.numpy() @ [2 * 8 + 3.5, 8 + 3.5, 5 * 3 + 1, 1], atol=1e-4)
    row = written["row"]
    assert row["plaque (lung)"] == pytest.approx(torch.sigmoid(torch.tensor(2.0)).item(), abs=1e-5)
    assert row["mapped"] == "plaque (lung); lung mass"
    peak = np.array(row["peaks"].split("; ")[0].split(), dtype=int)
    heat = map_on_scan(data["maps"][0], GRID, data["image"], scan)
    assert heat[tuple(peak)] > 0.8 * heat.max(), "the strongest evidence inside the body"
    rows = read_rows(tmp_path / names[0])
    assert len(rows) == 8
    assert [float(r["nodule"]) for r in rows] == list(range(16, 24))
    assert float(rows[0]["height_mm"]) == 38


def test_writes_maps_on_the_scans_grid(scan: MetaTensor, tmp_path: Path) -> None:
    data = item(scan)
    ScanWriter(tmp_path, LABELS, overlay=False, map_grid="scan")(data)
    image = nibabel.load(tmp_path / "ward__a_lung_mass_hirescam.nii.gz")
    np.testing.assert_allclose(image.affine, scan.affine)
    expected = map_on_scan(data["maps"][1], GRID, data["image"], scan)
    np.testing.assert_allclose(np.asarray(image.dataobj), expected, atol=1e-6)
    with pytest.raises(ValueError, match="map_grid must be one of"):
        ScanWriter(tmp_path, LABELS, map_grid="voxel")


def test_writes_selected_results_only(scan: MetaTensor, tmp_path: Path) -> None:
    ScanWriter(tmp_path, LABELS, overlay=False, nifti=False, slice_scores=False)(item(scan))
    assert not list(tmp_path.iterdir())
    written = ScanWriter(tmp_path, LABELS)({**item(scan), "maps": None, "slice_scores": None})
    assert written["files"] == []
    assert written["row"]["mapped"] == ""
    assert set(written["row"]) == {*LABELS, "mapped", "peaks"}


def test_rejects_nan_logits(scan: MetaTensor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="logits must be finite"):
        ScanWriter(tmp_path, LABELS)({**item(scan), "logits": torch.full((3,), torch.nan)})
    assert not list(tmp_path.iterdir())
