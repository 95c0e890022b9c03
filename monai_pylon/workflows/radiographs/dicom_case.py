"""DICOM results of a radiograph: maps and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from monai.utils import MetaKeys, convert_to_numpy

from monai_pylon.data.radiographs.reader import FILE_AFFINE
from monai_pylon.reports.dicom_map import parametric_map
from monai_pylon.reports.dicom_report import finding_group
from monai_pylon.reports.radiograph_files import map_affine
from monai_pylon.utils.files import file_parts
from monai_pylon.workflows.cohort.dicom_writer import DicomCase

__all__ = ["RadiographDicom"]


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
