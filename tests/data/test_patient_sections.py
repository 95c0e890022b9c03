"""Sections by patient: shares, order, and tables that name the sections."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.data.patient_sections import patient_sections, patients_of_section, validation_patients

#: The paper's share of the images of the official training part of ChestX-ray14.
SHARE = 8040 / 86524


def test_validation_has_the_share_of_the_paper_and_is_reproducible() -> None:
    random = np.random.default_rng(0)
    patients = np.repeat(np.arange(1, 28009), random.geometric(0.32, 28008))  # as many as in the official training part
    aside = validation_patients(patients, SHARE)
    assert np.isin(patients, list(aside)).mean() == pytest.approx(8040 / 86524, abs=1e-3)
    assert validation_patients(random.permutation(patients), SHARE) == aside
    assert sorted(validation_patients(range(100), share=0.05)) == [39, 49, 51, 55, 65]


@pytest.mark.parametrize(("patients", "count"), [([], 0), ([1], 0), ([1, 1, 2], 1), ([1, 2, 3], 1)])
def test_small_sets_keep_a_patient_in_each_part(patients: list[int], count: int) -> None:
    assert len(validation_patients(patients, SHARE)) == count
    assert len(validation_patients(patients, share=1.0)) == max(len(set(patients)) - 1, 0)


def test_without_names_a_patient_is_in_one_section_whatever_the_order() -> None:
    patients = [f"p{n // 3}" for n in range(600)]
    sections = patient_sections(patients, None, "t.csv")
    first = dict(zip(patients, sections, strict=True))
    assert sections == [first[patient] for patient in patients]
    assert patient_sections(patients[::-1], None, "t.csv") == sections[::-1]
    shares = [sections.count(name) / 600 for name in ("training", "validation", "test")]
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.01)


def test_names_of_sections_have_aliases() -> None:
    names = ["Train", "valid", "TEST", "val", "testing", "training"]
    found = patient_sections(list("abcdef"), names, "t.csv")
    assert found == ["training", "validation", "test", "validation", "test", "training"]


def test_errors_name_table_and_row() -> None:
    with pytest.raises(ValueError, match=r"t\.csv, row 2: section must be one of .*Did you mean 'test'"):
        patient_sections(["a", "b"], ["training", "tset"], "t.csv")
    with pytest.raises(ValueError, match=r"t\.csv puts patient a in training and test"):
        patient_sections(["a", "b", "a"], ["training", "test", "test"], "t.csv")


def test_training_and_validation_share_the_patients_of_a_table_and_other_sections_take_all() -> None:
    patients = [number // 3 for number in range(60)]
    training, validation = (patients_of_section(patients, name, 0.2) for name in ("training", "validation"))
    assert validation == validation_patients(patients, 0.2)
    assert (training | validation, training & validation) == (set(patients), set())
    assert patients_of_section(patients, "test", 0.2) == patients_of_section(patients, "all", 0.2) == set(patients)
