"""DICOM results of a radiograph: maps in the geometry of the file, even if the reader turned it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_pylon.data.radiographs.reader import FILE_AFFINE
from monai_pylon.reports.dicom_header import complete_headers
from monai_pylon.utils.image_orientation import orientation_matrix, turn_image
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.radiographs import RadiographDicom
from tests.reports.dicom_headers import slices

#: A file of 5 rows and 7 columns of 0.5 x 0.2 mm, in RAS.
FILE = np.arange(35.0).reshape(5, 7)
AFFINE = np.diag([-0.2, -0.5, 1.0, 1.0])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_maps_are_written_for_every_turn(orientation: int) -> None:
    turned = turn_image(FILE, orientation)
    meta = {"original_affine": orientation_matrix(orientation, turned.shape), FILE_AFFINE: AFFINE}
    radiograph = MetaTensor(torch.from_numpy(turned.copy())[None], meta=meta)
    attention = torch.from_numpy(np.stack([turned, -turned]))
    item = {
        "radiograph": radiograph, "logits": torch.tensor([0.0, 1.0]), "attention": attention,
        "geometry": MapGeometry((0.0, 0.0), (1.0, 1.0)), "input_size": turned.shape,
    }  # fmt: skip
    (header,) = slices(7, 5, 1)
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient"):
        delattr(header, keyword)
    case = RadiographDicom(["Mass", "Pleural_Thickening"], "pylon", top=1)(item, complete_headers([header]), [0])
    ((name, made),) = case.objects.items()
    assert name == "Pleural_Thickening_map"
    assert len(case.groups) == 2
    volume = made.get_volume()
    for row, column in np.ndindex(turned.shape):
        at = (
            np.linalg.inv(volume.affine)
            @ np.diag([-1.0, -1, 1, 1])
            @ AFFINE
            @ [*_file_pixel(turned, row, column), 0, 1]
        )
        assert volume.array[tuple(np.rint(at[:3]).astype(int))] == -turned[row, column]


def _file_pixel(turned: np.ndarray, row: int, column: int) -> tuple[int, int]:
    """Return column and row of the file that hold the value of a turned pixel."""
    y, x = np.argwhere(turned[row, column] == FILE)[0]
    return x, y
