"""DICOM results of a radiograph: maps and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from monai.utils import MetaKeys, convert_to_numpy

from monai_pylon.data.radiographs.reader import FILE_AFFINE
from monai_pylon.reports.dicom_map import parametric_map
from monai_pylon.reports.dicom_report import finding_group
from monai_pylon.utils.files import file_parts
from monai_pylon.visualize import MapGeometry
from monai_pylon.workflows.cohort.dicom_writer import DicomCase

__all__ = ["RadiographDicom", "map_affine"]


def map_affine(geometry: MapGeometry, from_file: np.ndarray, file_affine: np.ndarray) -> np.ndarray:
    """Return where the cells of a map lie in the geometry of the radiograph's file.

    Args:
        geometry: Where the cells look in the radiograph as it was read, in its rows and columns.
        from_file: Matrix (4, 4) from pixels (row, column, 0, 1) of the file to those of the radiograph.
        file_affine: Geometry of the file, (4, 4) from (column, row, 0, 1) to RAS mm.

    Returns:
        Matrix (4, 4) from cells (column, row, 0, 1) to RAS mm.

    Example:
        >>> map_affine(MapGeometry((1.0, 2.0), (4.0, 8.0)), np.eye(4), np.eye(4))[:2].tolist()
        [[8.0, 0.0, 0.0, 2.0], [0.0, 4.0, 0.0, 1.0]]
    """
    cells = np.eye(4)
    cells[:2] = 0
    cells[0, 1], cells[0, 3] = geometry.spacing[0], geometry.origin[0]  # rows of the radiograph
    cells[1, 0], cells[1, 3] = geometry.spacing[1], geometry.origin[1]
    return np.asarray(file_affine, dtype=np.float64)[:, [1, 0, 2, 3]] @ np.linalg.inv(from_file) @ cells


class RadiographDicom:
    """Function that makes DICOM Parametric Maps of an explained radiograph, for `DicomWriter`.

    Args:
        labels: Names of the M findings.
        network: Name of the network.
        top: Number of findings, the most probable, with a map.
        radiograph_key: Item with the radiograph as it was read.

    Example:
        >>> RadiographDicom(["Mass"], "pylon", top=1).top
        1
    """

    def __init__(self, labels: Sequence[str], network: str, top: int = 3, radiograph_key: str = "radiograph") -> None:
        self.labels, self.network, self.top, self.radiograph_key = tuple(labels), network, top, radiograph_key

    def __call__(self, item: Mapping[str, Any], headers: Sequence[Any], slices: Sequence[int]) -> DicomCase:
        """Make a map on its native grid for each of the top findings, and a group for the probability of each."""
        radiograph, logits = item[self.radiograph_key], item["logits"].cpu()
        geometry = item["geometry"].resized(item["input_size"], tuple(radiograph.shape[1:]))
        from_file = convert_to_numpy(radiograph.meta.get(MetaKeys.ORIGINAL_AFFINE, np.eye(4)))
        affine = map_affine(geometry, from_file, convert_to_numpy(radiograph.meta[FILE_AFFINE]))
        chances, order = logits.sigmoid().tolist(), logits.argsort(descending=True, stable=True).tolist()
        objects: dict[str, Any] = {}
        maps: dict[int, Any] = {}
        shown = order[: self.top]
        for label, part in zip(shown, file_parts([self.labels[label] for label in shown]), strict=True):
            name, cells = self.labels[label], item["attention"][label].cpu().float().numpy().T[..., None]
            made = parametric_map(cells, affine, headers, name, "Evidence", number=1 + len(maps))
            maps[label] = objects[f"{part}_map"] = made
        groups = [
            finding_group(self.labels[k], chances[k], self.network, [headers[0], *([maps[k]] if k in maps else [])])
            for k in order
        ]
        return DicomCase(objects, groups, "radiograph")
