"""DICOM results of a chest CT: organ masks, or maps and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_pylon.reports.dicom_map import parametric_map
from monai_pylon.reports.dicom_report import finding_group, organ_group, quality_group
from monai_pylon.reports.dicom_segmentation import organ_segmentation
from monai_pylon.taxonomy import ORGANS
from monai_pylon.taxonomy.organs import ORGAN_VALUES
from monai_pylon.utils.files import file_parts
from monai_pylon.workflows.cohort.dicom_writer import DicomCase

__all__ = ["OrganDicom", "ScanDicom"]


class OrganDicom:
    """Function that makes the DICOM Segmentation of organ masks, for `DicomWriter` around `OrganWriter`.

    Args:
        method: Method of PARTITION.

    Example:
        >>> OrganDicom("paper").method
        'paper'
    """

    def __init__(self, method: str = "robust") -> None:
        self.method = method

    def __call__(self, item: Mapping[str, Any], headers: Sequence[Any], slices: Sequence[int]) -> DicomCase:
        """Make the Segmentation, and a measurement group with volume and quality for each organ that was found."""
        labels, row = item["organs"][0].cpu().numpy(), item["row"]
        masks = organ_segmentation(labels, headers, slices, self.method, row["heuristic"])
        reasons = row["reasons"].replace("_", " ").replace("; ", ", ")
        verdict = "ok" if row["ok"] else f"check by eye: {reasons or 'no reason given'}"
        volumes = {organ: float(row[f"{organ.replace(' ', '_')}_ml"]) for organ in ORGANS}
        found = [organ for organ in ORGANS if np.isfinite(volumes[organ]) and (labels == ORGAN_VALUES[organ]).any()]
        series = headers[0].SeriesInstanceUID
        groups = [organ_group(organ, volumes[organ], masks, verdict, series) for organ in found]
        return DicomCase({"organs_seg": masks}, groups or [quality_group("Organ masks", verdict)], "CT")


class ScanDicom:
    """Function that makes DICOM Parametric Maps of an explained scan, for `DicomWriter`.

    Args:
        labels: Names of the M labels.
        network: Name of the network.

    Example:
        >>> ScanDicom(["lung mass"], "axialnet").network
        'axialnet'
    """

    def __init__(self, labels: Sequence[str], network: str) -> None:
        self.labels, self.network = tuple(labels), network

    def __call__(self, item: Mapping[str, Any], headers: Sequence[Any], slices: Sequence[int]) -> DicomCase:
        """Make a map on its native grid for each mapped label, and a measurement group for the probability of each."""
        logits = item["logits"].cpu()
        chances, order = logits.sigmoid().tolist(), logits.argsort(descending=True, stable=True).tolist()
        objects: dict[str, Any] = {}
        maps: dict[int, Any] = {}
        parts = file_parts([self.labels[label] for label in item["mapped"]])
        for label, part, map in zip(item["mapped"], parts, () if item["maps"] is None else item["maps"], strict=False):
            affine = np.asarray(item["image"].affine, dtype=np.float64) @ item["geometry"].affine
            name = self.labels[label]
            made = parametric_map(map.cpu().numpy(), affine, headers, name, "HiResCAM", number=1 + len(maps))
            maps[label] = objects[f"{part}_hirescam"] = made
        groups = [
            finding_group(self.labels[k], chances[k], self.network, [maps[k]] if k in maps else []) for k in order
        ]
        return DicomCase(objects, groups, "CT")
