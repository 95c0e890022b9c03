"""Organ masks as DICOM Segmentation: order of slices, segment numbers, codes and colors."""

from __future__ import annotations

import highdicom
import numpy as np
import pytest

from monai_pylon.reports.dicom_header import complete_headers, save_dicom
from monai_pylon.reports.dicom_segmentation import organ_codes, organ_segmentation
from monai_pylon.reports.organ_figure import ORGAN_COLORS
from tests.reports.dicom_headers import ras_affine, slices

SHAPE = (7, 5, 4)


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4, SHAPE).astype(np.uint8)


def volume_of(made: highdicom.seg.Segmentation, folder: object) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (X, Y, Z) and the affine in RAS, as highdicom reads the file."""
    save_dicom(folder / "a.dcm", made)
    read = highdicom.seg.segread(folder / "a.dcm").get_volume(combine_segments=True)
    return read.array.transpose(2, 1, 0), np.diag([-1, -1, 1, 1]) @ read.affine[:, [2, 1, 0, 3]]


def at_world(array: np.ndarray, affine: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return an array on the grid of another affine with the same points."""
    points = np.vstack([np.indices(array.shape).reshape(3, -1), np.ones(array.size)])
    index = np.linalg.inv(affine) @ other @ points
    np.testing.assert_allclose(index, np.rint(index), atol=1e-3)
    return array[tuple(np.rint(index[:3]).astype(int))].reshape(array.shape)


@pytest.mark.parametrize("empty", [(), (0, 1), (3,), (0, 1, 2, 3)])
def test_reads_back_to_the_labels(labels: np.ndarray, tmp_path: object, empty: tuple[int, ...]) -> None:
    labels[:, :, list(empty)] = 0
    made = organ_segmentation(labels, complete_headers(slices(*SHAPE)), [0, 1, 2, 3])
    found, affine = volume_of(made, tmp_path)
    np.testing.assert_array_equal(at_world(found, affine, ras_affine()), labels)


def test_frames_follow_the_headers(labels: np.ndarray, tmp_path: object) -> None:
    order = [2, 0, 3, 1]
    headers = complete_headers(slices(*SHAPE))
    made = organ_segmentation(labels, [headers[k] for k in order], order)
    found, affine = volume_of(made, tmp_path)
    np.testing.assert_array_equal(at_world(found, affine, ras_affine()), labels)


def test_segments_have_codes_and_colors(labels: np.ndarray) -> None:
    made = organ_segmentation(labels, complete_headers(slices(*SHAPE)), [0, 1, 2, 3], "paper", heuristic=True)
    described = {segment.SegmentNumber: segment for segment in made.SegmentSequence}
    assert {number: segment.SegmentLabel for number, segment in described.items()} == {
        1: "right lung", 2: "mediastinum", 3: "left lung",
    }  # fmt: skip
    types = {number: segment.SegmentedPropertyTypeCodeSequence[0] for number, segment in described.items()}
    assert {number: code.CodeValue for number, code in types.items()} == {1: "39607008", 2: "72410000", 3: "39607008"}
    sides = {
        number: [side.CodeValue for side in code.get("SegmentedPropertyTypeModifierCodeSequence", ())]
        for number, code in types.items()
    }
    assert sides == {1: ["24028007"], 2: [], 3: ["7771000"]}, "SNOMED CT: right, none, left"
    for number, organ in ((1, "right lung"), (2, "mediastinum"), (3, "left lung")):
        lab = highdicom.color.CIELabColor.from_dicom_value(described[number].RecommendedDisplayCIELabValue)
        np.testing.assert_allclose(np.array(lab.to_rgb()) / 255, ORGAN_COLORS[organ], atol=0.02)
    assert "Heuristic boxes" in made.SeriesDescription
    assert made.SegmentSequence[0].SegmentationAlgorithmIdentificationSequence[0].AlgorithmName == "PARTITION (paper)"


def test_masks_of_another_size_are_refused(labels: np.ndarray) -> None:
    headers = complete_headers(slices(*SHAPE))
    with pytest.raises(ValueError, match="4 slices, one for each frame"):
        organ_segmentation(labels[:, :, :3], headers, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="7 columns and 5 rows"):
        organ_segmentation(labels.transpose(1, 0, 2), headers, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="0 or one of the organs"):
        organ_segmentation(labels + 1, headers, [0, 1, 2, 3])
    with pytest.raises(ValueError, match="integers of shape"):
        organ_segmentation(labels.astype(np.float32), headers, [0, 1, 2, 3])


def test_only_lungs_have_a_side() -> None:
    assert organ_codes("mediastinum")[1] is None
