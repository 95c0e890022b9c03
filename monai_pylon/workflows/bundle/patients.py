"""Patients of a training, none of whom should be in its evaluation."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from typing import Any

import numpy as np

__all__ = ["TrainingPatients", "patient_number"]

_LOGGER = logging.getLogger(__name__)


def patient_number(patient: Any) -> int:
    """Return a patient as a number of at most 48 bits: a number itself, a name by its hash.

    Args:
        patient: Number, or name.

    Returns:
        The number.

    Example:
        >>> patient_number(12), patient_number("A12") == patient_number("A13")
        (12, False)
    """
    if isinstance(patient, str):
        return int(hashlib.sha256(patient.encode()).hexdigest()[:12], 16)
    return int(patient)


class TrainingPatients:
    """Patients of a training.

    Args:
        patients: Patients, as numbers or names, or None if they are unknown.

    Example:
        >>> TrainingPatients(["A12", "A13"]).shared([patient_number("A13")]), TrainingPatients().shared([7])
        (1, None)
    """

    def __init__(self, patients: Iterable[Any] | None = None) -> None:
        self.patients = None if patients is None else {patient_number(patient) for patient in patients}

    def shared(self, patients: Iterable[int] | np.ndarray) -> int | None:
        """Count the patients of a test, as numbers, that are in the training too; None if that is unknown."""
        if self.patients is None:
            return None
        both = self.patients & {int(patient) for patient in patients}
        if both:
            _LOGGER.warning(
                "%d of the evaluated patients are in the training too. The figures are too high.", len(both)
            )
        return len(both)
