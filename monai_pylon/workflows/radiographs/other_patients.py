"""Boxes and patients of the training, as far as they are known when a network is evaluated."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from monai_pylon.data.labeled_radiographs.images import readable_size
from monai_pylon.data.phantoms.datasets import PhantomRadiographs
from monai_pylon.metrics import class_points
from monai_pylon.metrics.instances import size_pair
from monai_pylon.workflows.bundle.patients import TrainingPatients
from monai_pylon.workflows.radiographs.data import radiograph_data

__all__ = ["OtherPatients", "training_patients"]

_LOGGER = logging.getLogger(__name__)

#: Phantoms have to be rendered to know their boxes.
_MOST_PHANTOMS = 256


class OtherPatients(TrainingPatients):
    """Patients of a training, and their boxes.

    Args:
        patients: Patients, or None if they are unknown.
        boxes: Boxes (K, 5) [x1, y1, x2, y2, class], as shares of the image's width and height.

    Example:
        >>> OtherPatients(["00012"]).shared([7]), OtherPatients().shared([7])
        (0, None)
    """

    def __init__(self, patients: Sequence[Any] | None = None, boxes: torch.Tensor | None = None) -> None:
        super().__init__(patients)
        self.boxes = torch.zeros(0, 5) if boxes is None else boxes

    def class_points(self, num_classes: int, image_size: int | Sequence[int]) -> torch.Tensor | None:
        """Return the pixel (M, 2) of each class that lies in most boxes; None without boxes."""
        if not len(self.boxes):
            return None
        rows, columns = size_pair(image_size)
        return class_points(self.boxes * torch.tensor([columns, rows, columns, rows, 1]), num_classes, image_size)


def _table(boxes: Any, size: Sequence[int]) -> torch.Tensor:
    """Return boxes in pixels of an image (rows, columns) as shares of its width and height."""
    table = torch.as_tensor(np.asarray(boxes, dtype=np.float64)).reshape(-1, 5)
    return table / torch.tensor([size[1], size[0], size[1], size[0], 1], dtype=torch.float64)


def _read(dataset: Dataset) -> OtherPatients:
    """Read patients and boxes of a dataset; images are not read, but for the sizes of those with boxes."""
    if isinstance(dataset, PhantomRadiographs):
        items: list[Mapping[str, Any]] = [dataset[number] for number in range(min(len(dataset), _MOST_PHANTOMS))]
        boxes = [_table(item["boxes"], item["image"].shape[1:]) for item in items]
    else:
        items = list(dataset.data)  # type: ignore[attr-defined]
        marked = [(item["boxes"], readable_size(item["image"])) for item in items if len(item["boxes"])]
        boxes = [_table(table, size) for table, size in marked if size]
    joined = torch.cat(boxes) if boxes else torch.zeros(0, 5, dtype=torch.float64)
    return OtherPatients([item["patient_id"] for item in items], joined)


def training_patients(dataset_dir: str | PathLike[str], section: str = "test", **arguments: Any) -> OtherPatients:
    """Read the patients and boxes of the training section of a dataset.

    Args:
        dataset_dir: See :func:`~monai_pylon.workflows.radiographs.radiograph_data`.
        section: The section that is evaluated. The training section itself has no other patients.
        arguments: Further arguments of :func:`~monai_pylon.workflows.radiographs.radiograph_data`.

    Returns:
        Patients and boxes. If the training section cannot be read, nothing is known, and the log says why.

    Example:
        >>> len(training_patients("phantom", phantoms=4).patients)
        4
    """
    if section == "training":
        return OtherPatients()
    try:
        return _read(radiograph_data(dataset_dir, "training", **arguments))
    except (FileNotFoundError, ValueError) as error:
        _LOGGER.info("The training section is not known (%s): no fixed points, no check of patients.", error)
        return OtherPatients()
