"""Organ masks of a scan as NIfTI, as a picture, and as a row of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import TransformBackends

from monai_pylon.reports.nifti import save_label_nifti
from monai_pylon.reports.organ_figure import save_organ_overlay
from monai_pylon.taxonomy import ORGANS
from monai_pylon.transforms.partition import quality_of_item
from monai_pylon.utils import check_type
from monai_pylon.workflows.cohort.burned_in import may_draw
from monai_pylon.workflows.cohort.notice import case_name

__all__ = ["OrganWriter"]


class OrganWriter(Transform):
    """Transform that writes the organs of a scan as ``<scan>_organs.nii.gz`` and ``<scan>_overlay.png``.

    Args:
        output: Folder to write to.
        image_key: Item with the CT, MetaTensor (1, X, Y, Z) in HU.
        output_key: Item with the organ labels, MetaTensor (1, X, Y, Z).
        quality_key: Item with the quality of the masks, a dictionary as `PartitionOrgansd` adds it.
        overlay: Whether to draw the picture.
        burned_in_text: Whether to draw it also if the pixels hold text that may name the patient (BurnedInAnnotation).

    Example:
        >>> OrganWriter("results").columns
        ('ok', 'reasons', 'heuristic', 'right_lung_ml', 'mediastinum_ml', 'left_lung_ml')
    """

    backend = [TransformBackends.NUMPY]
    #: Columns of the row.
    columns = ("ok", "reasons", "heuristic", *(f"{organ.replace(' ', '_')}_ml" for organ in ORGANS))

    def __init__(
        self,
        output: str | PathLike[str],
        image_key: str = "image",
        output_key: str = "organs",
        quality_key: str = "quality",
        overlay: bool = True,
        burned_in_text: bool = False,
    ) -> None:
        self.output = Path(output).expanduser()
        self.image_key, self.output_key, self.quality_key, self.overlay = image_key, output_key, quality_key, overlay
        self.burned_in_text = burned_in_text

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results, and add "row" (values by column) and "files" (file names) to it."""
        image, organs, facts = (data[key] for key in (self.image_key, self.output_key, self.quality_key))
        quality = quality_of_item(facts)
        check_type(image, MetaTensor, self.image_key, "Read it by ReadVolumed, which keeps its affine.")
        affine = np.asarray(image.affine, dtype=np.float64)
        labels = organs[0].cpu().numpy()
        files = [f"{data['scan']}_organs.nii.gz"]
        save_label_nifti(self.output / files[0], labels, affine)
        if self.overlay and may_draw(image, self.burned_in_text, data["scan"]):
            files.append(f"{data['scan']}_overlay.png")
            title = case_name(data)
            save_organ_overlay(self.output / files[1], image[0].cpu().numpy(), affine, labels, quality, title)
        volumes = [float(quality.volumes_ml.get(organ, float("nan"))) for organ in ORGANS]
        values = (quality.ok, facts["reasons"], quality.heuristic, *(round(ml, 1) for ml in volumes))
        return {**data, "row": dict(zip(self.columns, values, strict=True)), "files": files}
