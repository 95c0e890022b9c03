"""Tests of the data list of LUNA16: world millimeters to voxels, subsets, bad tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from monai_pylon.data import read_volume
from monai_pylon.data.datasets.luna16 import is_luna16, luna16_datalist, nodule_boxes, nodule_mask
from tests.data.datasets.files import LUNA, chest_values, write_luna


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_luna(tmp_path / "luna")


def test_a_nodule_lies_where_the_scan_says(root: Path) -> None:
    """Origin (-50, 30, -200) LPS, voxels 2 x 2 x 4 mm: (-42, 36, -188) is voxel (4, 3, 3)."""
    (item,) = luna16_datalist(root, "test")
    scan = read_volume(item["image"])
    world = np.asarray(scan.affine) @ [4, 3, 3, 1]
    np.testing.assert_allclose(item["nodules"], [[*world[:3], 5, 0]])
    np.testing.assert_allclose(item["boxes"], [[3.25, 2.25, 2.875, 5.75, 4.75, 4.125, 0]])
    mask = nodule_mask(item["nodules"], np.asarray(scan.affine), tuple(scan.shape[1:]))
    assert sorted(map(tuple, np.argwhere(mask))) == [(3, 3, 3), (4, 2, 3), (4, 3, 3), (4, 4, 3), (5, 3, 3)]
    assert item["label"].tolist() == [1]
    assert is_luna16(root)


@pytest.mark.parametrize(
    "direction", [(-1, 0, 0, 0, -1, 0, 0, 0, 1), (1, 0, 0, 0, 1, 0, 0, 0, -1), (0, 1, 0, 1, 0, 0, 0, 0, 1)]
)
def test_flipped_and_turned_scans(root: Path, direction: tuple[int, ...]) -> None:
    """The center of the box is the voxel that SimpleITK itself names, whatever the directions."""
    file = root / "subset9/1.3.6.9.mhd"
    image = sitk.ReadImage(str(file))
    image.SetDirection(direction)
    point = image.TransformContinuousIndexToPhysicalPoint((4.0, 3.0, 5.0))
    sitk.WriteImage(image, str(file))
    (root / "annotations.csv").write_text(LUNA + "1.3.6.9," + ",".join(map(str, point)) + ",5\n")
    (box,) = luna16_datalist(root, "test")[0]["boxes"]
    np.testing.assert_allclose((box[:3] + box[3:6]) / 2 - 0.5, [4, 3, 5], atol=1e-4)


def test_sections_are_subsets(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    names = {s: [i["name"] for i in luna16_datalist(root, s)] for s in ("training", "validation", "test", "all")}
    assert names["training"] == ["1.3.6.0"]
    assert names["validation"] == ["1.3.6.8"]
    assert names["all"] == ["1.3.6.0", "1.3.6.8", "1.3.6.9"]
    assert "1 scans of" in caplog.text
    assert "other subsets" in caplog.text


def test_a_scan_without_a_nodule_is_negative_unless_findings_are_excluded(root: Path) -> None:
    (item,) = luna16_datalist(root, "training")
    assert (item["label"].tolist(), item["nodules"].shape, item["boxes"].shape) == ([0], (0, 5), (0, 7))
    (root / "annotations_excluded.csv").write_text(LUNA + "1.3.6.0,1,2,3,-1\n")
    assert np.isnan(luna16_datalist(root, "training")[0]["label"]).all()
    assert luna16_datalist(root, "test")[0]["label"].tolist() == [1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LUNA.replace("coordX", "x") + "1.3.6.9,1,1,1,1\n", "line 1 must be a header with a column 'coordX'"),
        (LUNA + "1.3.6.9,-42,36,one,5\n", "line 2: coordZ must be a number, but is 'one'"),
        (LUNA + "1.3.6.9,-42,36,-188,0\n", "line 2: diameter_mm must be from 0 to 200"),
        (LUNA + "1.3.6.9,-42,36,-188,201\n", "line 2: diameter_mm must be from 0 to 200"),
        *((LUNA + f"1.3.6.9,{point},5\n", "line 2: coordX must be") for point in ("-51.5,36,-188", "-42,36,-165")),
        (
            LUNA + "1.3.6.9,42,36,-188,5\n",
            r"line 2: coordX must be .*a point of 1.3.6.9.mhd.*voxel 46, 4, 4 of 12 x 12",
        ),
        (LUNA + ",42,36,-188,5\n", "line 2: seriesuid must be filled"),
        (LUNA, "must have rows"),
    ],
)
def test_a_bad_table_names_line_and_remedy(root: Path, text: str, message: str) -> None:
    (root / "annotations.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        luna16_datalist(root, "test")


@pytest.mark.parametrize("row", ["-51,29,-202,0.5", "-27,53,-166,200"])
def test_nodules_of_any_size_up_to_the_border_of_the_scan_are_read(root: Path, row: str) -> None:
    """The voxels 2 x 2 x 4 mm around the centers of the first and the last one belong to the scan."""
    (root / "annotations.csv").write_text(LUNA + f"1.3.6.9,{row}\n")
    assert luna16_datalist(root, "test")[0]["nodules"].shape == (1, 5)


@pytest.mark.parametrize("diameter", [5, 6])
def test_a_repeated_row_is_logged(diameter: int, root: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two nodules cannot have one center, whatever their sizes."""
    (root / "annotations.csv").write_text(f"{LUNA}1.3.6.9,-42,36,-188,5\n1.3.6.9,-42,36,-188,{diameter}\n")
    luna16_datalist(root, "test")
    assert "line 3: the box is that of line 2 too" in caplog.text


def test_missing_and_repeated_scans(root: Path) -> None:
    (root / "subset8/1.3.6.8.mhd").unlink()
    with pytest.raises(FileNotFoundError, match=r"no scan for validation. Unpack subset0.zip"):
        luna16_datalist(root, "validation")
    write_luna(root / "subset9/copy")
    with pytest.raises(ValueError, match=r"are the same series. Delete one"):
        luna16_datalist(root, "test")


def test_small_nodules_have_the_voxel_of_their_center() -> None:
    mask = nodule_mask(np.array([[2.2, 2, 2, 0.1, 0], [99, 99, 99, 3, 0]]), np.eye(4), (5, 5, 5))
    assert np.argwhere(mask).tolist() == [[2, 2, 2]]
    assert nodule_boxes(np.zeros((0, 5)), np.eye(4)).shape == (0, 7)
    assert nodule_mask(np.full((255, 5), 1.0), np.eye(4), (2, 2, 2))[1, 1, 1] == 255
    with pytest.raises(ValueError, match="at most 255"):
        nodule_mask(np.zeros((256, 5)), np.eye(4), (2, 2, 2))


@pytest.mark.parametrize(
    ("center", "filled"),
    [
        ((0, 0, 0), [[0, 0, 0]]),
        ((4, 4, 4), [[4, 4, 4]]),
        ((4.6, 2, 2), []),  # the scan ends at 4.5
        ((-0.6, 2, 2), []),
    ],
)
def test_a_small_nodule_is_drawn_inside_of_the_scan_only(center: tuple, filled: list) -> None:
    assert np.argwhere(nodule_mask(np.array([[*center, 0.1, 0]]), np.eye(4), (5, 5, 5))).tolist() == filled


def test_a_sphere_contains_its_border() -> None:
    """A diameter of 2 mm reaches the centers of six neighbors; at a corner three of them are in the scan."""
    nodules = np.array([[2.0, 2, 2, 2, 0], [0, 0, 0, 2, 0]])
    assert np.bincount(nodule_mask(nodules, np.eye(4), (5, 5, 5)).ravel()).tolist() == [125 - 11, 7, 4]


def test_values_are_those_of_the_file(root: Path) -> None:
    scan = read_volume(luna16_datalist(root, "test")[0]["image"])
    np.testing.assert_array_equal(scan[0].numpy(), chest_values())
