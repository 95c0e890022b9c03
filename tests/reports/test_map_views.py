"""Views of a scan: which slices are cut, where the evidence is drawn, in any orientation."""

from __future__ import annotations

import numpy as np
import pytest
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

from monai_pylon.reports.map_views import MapView, scan_background, scan_views

RAS = np.diag([10.0, 10.0, 10.0, 1.0])
SHAPE = (14, 12, 10)


def body() -> np.ndarray:
    """A block of tissue with air around it and two lungs inside."""
    ct = np.full(SHAPE, -1000.0)
    ct[2:12, 2:10] = 40.0
    ct[3:6, 3:9] = ct[8:11, 3:9] = -850.0
    return ct


def hot(*voxel: int, value: float = 2.0) -> np.ndarray:
    evidence = np.full(SHAPE, -0.1)
    evidence[voxel] = value
    return evidence


def brightest(view: MapView) -> tuple[int, int]:
    row, column = np.unravel_index(int(view.evidence.argmax()), view.evidence.shape)
    return int(row), int(column)


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SAR", "PIR", "ALI"])
def test_cuts_where_the_evidence_is_in_any_orientation(codes: str) -> None:
    """Voxel (9, 4, 6) of the RAS volume: fifth from the patient's right, 5 from behind, 7 from below."""
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(codes))
    ct, evidence = (apply_orientation(a, turn) for a in (body(), hot(9, 4, 6)))
    found = scan_views(ct, evidence, RAS @ inv_ornt_aff(turn, SHAPE))
    assert evidence[found.peak] == 2.0
    axial, soft, coronal, sagittal, projection = found.views
    assert axial.title == "axial 7 of 10 from below, lung window"
    assert soft.title == "axial 7 of 10 from below, mediastinal window"
    assert [view.sides for view in found.views] == [("R", "L"), ("R", "L"), ("R", "L"), ("A", "P"), ("R", "L")]
    for view, shape, middle in (
        (axial, (120, 140), (75, 45)),  # rows from the front, columns from the right
        (coronal, (100, 140), (35, 45)),
        (sagittal, (100, 120), (35, 75)),
        (projection, (100, 140), (35, 45)),
    ):
        assert view.gray.shape == view.evidence.shape == shape
        np.testing.assert_allclose(brightest(view), middle, atol=5)
        assert view.pixel_mm == 1.0


def test_windows() -> None:
    """Air of lungs at -850 HU: (-850 + 600) / 1500 + 0.5 in the lung window, black in the other; tissue is 1 and .5."""
    lung, soft = scan_views(body(), hot(9, 4, 6), RAS).views[:2]
    np.testing.assert_allclose([lung.gray[75, 45], soft.gray[75, 45]], [1 / 3, 0], atol=1e-6)
    np.testing.assert_allclose([lung.gray[25, 70], soft.gray[25, 70]], [0.9266667, 0.5], atol=1e-6)


def test_evidence_in_the_air_around_the_patient_does_not_count() -> None:
    evidence = hot(4, 5, 3)
    evidence[0, 0, 8] = 50.0
    found = scan_views(body(), evidence, RAS)
    assert found.peak == (4, 5, 3)
    assert found.limit == 2.0
    assert found.threshold == 1.0
    assert found.views[0].title.startswith("axial 4 of 10")


def test_the_slice_with_most_evidence_and_not_the_first_maximum() -> None:
    evidence = hot(4, 5, 1)
    evidence[8:10, 4:6, 7] = 1.8
    found = scan_views(body(), evidence, RAS)
    assert found.peak == (4, 5, 1)
    assert found.views[0].title.startswith("axial 8 of 10")


def test_weak_evidence_everywhere_does_not_move_the_slices() -> None:
    evidence = np.full(SHAPE, 0.2)
    evidence[4, 5, 3] = 2.0
    assert scan_views(body(), evidence, RAS).views[0].title.startswith("axial 4 of 10")


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_cuts_the_middle_of_the_body_without_evidence_for_the_finding(value: float) -> None:
    found = scan_views(body(), np.full(SHAPE, value), RAS)
    assert found.peak == (7, 6, 5)
    assert found.views[0].title.startswith("axial 6 of 10")


def test_middle_of_equal_slices() -> None:
    evidence = np.zeros(SHAPE)
    evidence[8, 4, 2:7] = 1.0
    assert scan_views(body(), evidence, RAS).views[0].title.startswith("axial 5 of 10")


def test_large_scans_are_searched_in_steps() -> None:
    ct, evidence = np.full((400, 30, 20), 40.0), np.zeros((400, 30, 20))
    evidence[300:312, 12:18, 9:15] = 1.0
    found = scan_views(ct, evidence, np.eye(4))
    assert evidence[found.peak] == 1.0
    assert all(view.evidence.max() == pytest.approx(1.0) for view in found.views)


def test_scans_of_one_slice_and_without_tissue() -> None:
    assert scan_views(np.zeros((9, 8, 1)), np.zeros((9, 8, 1)), RAS).peak == (4, 4, 0)
    assert scan_views(np.full((4, 4, 4), -1000.0), np.ones((4, 4, 4)), RAS).limit == 1.0


def test_refuses() -> None:
    with pytest.raises(ValueError, match="evidence must be of the scan's shape"):
        scan_views(body(), np.zeros((3, 3, 3)), RAS)
    with pytest.raises(ValueError, match="evidence must be finite"):
        scan_views(body(), np.full(SHAPE, np.nan), RAS)


def test_a_shared_background_changes_no_view() -> None:
    rng = np.random.default_rng(0)
    ct, evidence = rng.uniform(-1000, 400, (20, 24, 16)), rng.normal(size=(20, 24, 16))
    affine = np.array([[0, 0, -9.0, 5], [0, 9, 0, 0], [8, 0, 0, 0], [0, 0, 0, 1]])
    alone, shared = (scan_views(ct, evidence, affine, one) for one in (None, scan_background(ct, affine)))
    assert shared.peak == alone.peak
    for one, other in zip(shared.views, alone.views, strict=True):
        assert np.array_equal(one.gray, other.gray)
        assert np.array_equal(one.evidence, other.evidence)
    gray = shared.views[-1].gray  # 8 mm from head to foot along x, 9 mm from right to left along z
    assert gray.shape == (20 * 8, 16 * 9)
    mean = ct.mean(1)  # (S, L)
    assert np.corrcoef(gray[4::8, 4::9].ravel(), mean[::-1].ravel())[0, 1] > 0.9
