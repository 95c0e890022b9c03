"""Maps as DICOM Parametric Maps: values and positions, for every orientation of the map's grid."""

from __future__ import annotations

import itertools
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest

from monai_pylon.reports.dicom_header import complete_headers, save_dicom
from monai_pylon.reports.dicom_map import frames_of_volume, parametric_map
from tests.reports.dicom_headers import DIRECTION, slices

SHAPE = (3, 4, 5)
MAP = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)


def points(shape: tuple[int, ...]) -> np.ndarray:
    return np.vstack([np.indices(shape).reshape(3, -1), np.ones(np.prod(shape))])


@pytest.mark.parametrize("signs", list(itertools.product([1.0, -1.0], repeat=3)))
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_reads_back_for_every_orientation(tmp_path: Path, signs: tuple[float, ...], order: tuple[int, ...]) -> None:
    affine = np.eye(4)
    affine[:3, :3] = (DIRECTION * np.multiply(signs, (25.6, 24.0, 2.4)))[:, order]
    affine[:3, 3] = [5.0, -6.0, 7.0]
    save_dicom(tmp_path / "a.dcm", parametric_map(MAP, affine, complete_headers(slices(8, 8, 2)), "Mass"))
    read = highdicom.imread(tmp_path / "a.dcm").get_volume()
    world = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine @ points(SHAPE)
    index = np.linalg.inv(read.affine) @ world
    np.testing.assert_allclose(index, np.rint(index), atol=1e-3)
    found = read.array[tuple(np.rint(index[:3]).astype(int))].reshape(SHAPE)
    np.testing.assert_array_equal(found.astype(np.float32), MAP)


def test_frames_follow_the_normal_of_rows_and_columns() -> None:
    frames, matrix = frames_of_volume(np.arange(6.0).reshape(1, 2, 3), np.diag([-1.0, -2.0, -3.0, 1.0]))
    assert frames[:, :, 0].tolist() == [[2, 5], [1, 4], [0, 3]]
    # (frame, row, column): frames go up again from the last slice, at -6 mm.
    np.testing.assert_array_equal(matrix, [[0, 0, 1, 0], [0, 2, 0, 0], [3, 0, 0, -6], [0, 0, 0, 1]])


def test_label_method_and_unit_are_named() -> None:
    made = parametric_map(MAP, np.eye(4), complete_headers(slices(8, 8, 2)), "pleural effusion", "HiResCAM")
    assert made.SeriesDescription == "pleural effusion: HiResCAM. For research, not for diagnosis"
    assert made.ContentDescription == "pleural effusion: HiResCAM in logits"
    assert made.ImageComments == "pleural effusion: HiResCAM in logits. For research, not for diagnosis."
    assert (made.BodyPartExamined, "Laterality" in made) == ("CHEST", False)
    mapping = made.SharedFunctionalGroupsSequence[0].RealWorldValueMappingSequence[0]
    assert mapping.LUTExplanation == "pleural effusion: HiResCAM in logits"
    assert mapping.MeasurementUnitsCodeSequence[0].CodeValue == "1"
    limits = mapping.DoubleFloatRealWorldValueFirstValueMapped, mapping.DoubleFloatRealWorldValueLastValueMapped
    assert limits == (MAP.min(), MAP.max())


@pytest.mark.parametrize("label", ["x" * 100, "a\\b", "Lungenembolie, größer"])
def test_any_label_is_written(tmp_path: Path, label: str) -> None:
    made = parametric_map(MAP, np.eye(4), complete_headers(slices(8, 8, 2)), label)
    save_dicom(tmp_path / "a.dcm", made)
    read = pydicom.dcmread(tmp_path / "a.dcm")
    text = f"{label}: HiResCAM in logits".replace("\\", "/")
    assert read.ContentDescription == text[:64]
    assert read.ImageComments == f"{text}. For research, not for diagnosis."


@pytest.mark.parametrize("values", [np.zeros(SHAPE), np.full(SHAPE, 3.0), np.full(SHAPE, -1e-9), np.ones((1, 1, 1))])
def test_a_flat_map_is_written(values: np.ndarray) -> None:
    made = parametric_map(values, np.eye(4), complete_headers(slices(8, 8, 2)), "Mass")
    np.testing.assert_array_equal(np.frombuffer(made.FloatPixelData, "<f4"), values.astype(np.float32).ravel())


def test_a_source_without_position_gets_the_one_of_itk() -> None:
    (header,) = slices(8, 6, 1, ImagerPixelSpacing=[0.2, 0.3])
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(header, keyword)
    made = parametric_map(MAP[..., :1], np.diag([-1.0, -1.0, 1.0, 1.0]), complete_headers([header]), "Mass")
    shared = made.SharedFunctionalGroupsSequence[0]
    assert list(shared.PlaneOrientationSequence[0].ImageOrientationPatient) == [1, 0, 0, 0, 1, 0]
    assert "ImagePositionPatient" not in header


def test_broken_maps_are_refused() -> None:
    headers = complete_headers(slices(8, 8, 2))
    with pytest.raises(ValueError, match="map must be finite"):
        parametric_map(np.full(SHAPE, np.nan), np.eye(4), headers, "Mass")
    with pytest.raises(ValueError, match="affine must be"):
        parametric_map(MAP, np.zeros((4, 4)), headers, "Mass")
