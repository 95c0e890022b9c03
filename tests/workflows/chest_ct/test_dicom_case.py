"""DICOM results of a chest CT."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.reports.dicom_header import complete_headers
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.chest_ct import OrganDicom, ScanDicom
from tests.reports.dicom_headers import ras_affine, slices


def test_organs_that_are_missing_have_no_volume_in_the_report() -> None:
    labels = torch.zeros(1, 6, 5, 3, dtype=torch.uint8)
    labels[0, :2], labels[0, 4:] = 2, 3
    row = {"ok": False, "reasons": "no_trachea; hu_range", "heuristic": False}
    row |= {"right_lung_ml": 0.0, "mediastinum_ml": 10.0, "left_lung_ml": 5.0}
    item = {"organs": labels, "row": row}
    case = OrganDicom("robust")(item, complete_headers(slices(6, 5, 3)), [0, 1, 2])
    assert list(case.objects) == ["organs_seg"]
    assert len(case.groups) == 2
    assert "check by eye: no trachea, hu range" in str(case.groups[0])
    item = {"organs": labels * 0, "row": row | dict.fromkeys(list(row)[3:], float("nan"))}
    case = OrganDicom("robust")(item, complete_headers(slices(6, 5, 3)), [0, 1, 2])
    assert len(case.groups) == 1, "the verdict alone"
    assert len(case.objects["organs_seg"].SegmentSequence) == 3


def test_maps_lie_where_their_cells_look() -> None:
    image = MetaTensor(torch.zeros(1, 64, 64, 30), affine=torch.from_numpy(ras_affine()))
    geometry = MapGeometry((16.0, 16.0, 1.0), (32.0, 32.0, 3.0))
    maps = torch.randn(1, 2, 2, 10)
    item = {
        "logits": torch.tensor([-1.0, 2.0]), "mapped": [1], "maps": maps, "geometry": geometry, "image": image,
    }  # fmt: skip
    case = ScanDicom(["lung nodule", "lung mass / tumor"], "axialnet")(item, complete_headers(slices(6, 5, 3)), [])
    ((name, made),) = case.objects.items()
    assert name == "lung_mass_tumor_hirescam"
    assert len(case.groups) == 2
    volume = made.get_volume()
    for cell in np.ndindex(2, 2, 10):
        x, y, z = cell
        world = np.diag([-1.0, -1.0, 1.0, 1.0]) @ ras_affine() @ [16 + 32 * x, 16 + 32 * y, 1 + 3 * z, 1]
        index = np.linalg.inv(volume.affine) @ world
        np.testing.assert_allclose(index, np.rint(index), atol=1e-3)
        assert np.float32(volume.array[tuple(np.rint(index[:3]).astype(int))]) == maps[0][cell]


@pytest.mark.parametrize("mapped", [[], [0]])
def test_a_network_without_maps_has_probabilities(mapped: list[int]) -> None:
    item = {"logits": torch.zeros(2), "mapped": mapped, "maps": None, "geometry": None, "image": None}
    case = ScanDicom(["a", "b"], "bodycam")(item, complete_headers(slices(6, 5, 3)), [0, 1, 2])
    assert case.objects == {}
    assert len(case.groups) == 2
