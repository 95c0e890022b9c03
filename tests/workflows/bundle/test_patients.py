"""Patients of a training as numbers, and those that are in the test too."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.workflows.bundle.patients import TrainingPatients, patient_number


def test_a_patient_on_both_sides_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    others = TrainingPatients([3, 4, 5])
    assert others.shared([1, 2]) == 0
    assert not caplog.text
    assert others.shared(np.array([4, 5, 6])) == 2
    assert "2 of the evaluated patients are in the training too" in caplog.text


def test_unknown_patients_share_nothing_that_is_known() -> None:
    assert TrainingPatients().shared([1]) is None
    assert TrainingPatients([]).shared([1]) == 0


def test_names_and_numbers() -> None:
    assert patient_number(np.int64(7)) == 7
    assert patient_number("7") != 7
    assert 0 <= patient_number("7") < 2**48
