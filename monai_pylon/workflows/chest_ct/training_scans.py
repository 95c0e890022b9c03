"""Patients of the training, when a network of chest CTs is evaluated."""

from __future__ import annotations

import logging
from os import PathLike
from typing import Any

from monai_pylon.data.phantoms.datasets import PhantomChestCTs
from monai_pylon.workflows.bundle.patients import TrainingPatients
from monai_pylon.workflows.chest_ct.data import chest_ct_data

__all__ = ["patients_of_training_scans"]

_LOGGER = logging.getLogger(__name__)


def patients_of_training_scans(
    dataset_dir: str | PathLike[str], section: str = "test", **arguments: Any
) -> TrainingPatients:
    """Read the patients of the training section of a dataset, without reading a scan.

    Args:
        dataset_dir: See :func:`~monai_pylon.workflows.chest_ct.chest_ct_data`.
        section: The section that is evaluated. The training section itself has no other patients.
        arguments: Further arguments of :func:`~monai_pylon.workflows.chest_ct.chest_ct_data`.

    Returns:
        The patients. If the training section cannot be read, they are unknown, and the log says why.

    Example:
        >>> len(patients_of_training_scans("phantom", phantoms=4).patients)
        4
    """
    if section == "training":
        return TrainingPatients()
    try:
        scans = chest_ct_data(dataset_dir, "training", **arguments)
    except (FileNotFoundError, ValueError) as error:
        _LOGGER.info("The training section is not known (%s): no check of patients.", error)
        return TrainingPatients()
    items: Any = getattr(scans, "data", scans)
    if isinstance(items, PhantomChestCTs):
        return TrainingPatients(map(str, range(items.first_seed, items.first_seed + items.count)))
    return TrainingPatients(item["patient_id"] for item in items)
