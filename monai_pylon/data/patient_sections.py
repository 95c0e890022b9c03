"""Split of a dataset into training, validation and test, by patient."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

from monai_pylon.utils import check_choice

__all__ = ["SECTIONS", "patient_sections", "patients_of_section", "validation_patients"]

#: Sections of a dataset.
SECTIONS = ("training", "validation", "test")
_ALIASES = {"train": "training", "valid": "validation", "val": "validation", "testing": "test"}
#: Shares of the patients if a table names no sections; the rest is training.
_TEST_SHARE, _VALIDATION_SHARE = 0.2, 0.1

Patient = TypeVar("Patient", bound=Hashable)


def validation_patients(patients: Iterable[Patient], share: float) -> set[Patient]:
    """Choose the patients of a share of the images, independent of their order.

    Patients are ranked by a hash of their number or name and taken until they have the share of the images.

    Args:
        patients: Patient of each image.
        share: Share of the images, 0 to 1.

    Returns:
        The chosen patients: at least one, and not all, of two or more patients.

    Example:
        >>> sorted(validation_patients([1, 1, 2, 3, 3, 4], share=0.3))
        [3, 4]
    """
    images = Counter(patients)
    ranked = sorted(images, key=lambda patient: hashlib.sha256(str(patient).encode()).digest())
    chosen: set[Patient] = set()
    taken, wanted = 0, share * images.total()
    for patient in ranked[:-1]:
        if taken >= wanted:
            break
        chosen.add(patient)
        taken += images[patient]
    return chosen


def patients_of_section(patients: Iterable[Patient], section: str, share: float) -> set[Patient]:
    """Choose the patients of a section from a table for training and validation together, or for one other section.

    Args:
        patients: Patient of each image of the table.
        section: "validation" takes a share of the images, "training" the others, any other section all.
        share: Share of the images that validate, 0 to 1.

    Returns:
        The chosen patients.

    Example:
        >>> sorted(patients_of_section([1, 1, 2, 3, 3, 4], "training", share=0.3))
        [1, 2]
    """
    everyone = list(patients)
    if section not in ("training", "validation"):
        return set(everyone)
    aside = validation_patients(everyone, share)
    return aside if section == "validation" else set(everyone) - aside


def patient_sections(patients: Sequence[str], given: Sequence[str] | None, table: str) -> list[str]:
    """Return the section of each row of a table of labels.

    Args:
        patients: Patient of each row.
        given: Section of each row; None takes 70, 10 and 20 % of the patients, always the same ones.
        table: Name of the table, for the errors.

    Returns:
        "training", "validation" or "test" for each row.

    Raises:
        ValueError: If a section is unknown, or a patient is in several sections.

    Example:
        >>> patient_sections(["a", "b"], ["train", "test"], "labels.csv")
        ['training', 'test']
    """
    if given is not None:
        named = [_ALIASES.get(section.lower(), section.lower()) for section in given]
        first: dict[str, str] = {}
        for number, (patient, section) in enumerate(zip(patients, named, strict=True), start=1):
            check_choice(section, SECTIONS, f"{table}, row {number}: section")
            if first.setdefault(patient, section) != section:
                raise ValueError(
                    f"{table} puts patient {patient} in {first[patient]} and {section}. "
                    "Keep all images of a patient in one section."
                )
        return named
    test = validation_patients(patients, _TEST_SHARE)
    rest = [patient for patient in patients if patient not in test]
    validation = validation_patients(rest, _VALIDATION_SHARE / (1 - _TEST_SHARE))
    return ["test" if p in test else "validation" if p in validation else "training" for p in patients]
