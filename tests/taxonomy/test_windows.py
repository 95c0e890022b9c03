"""Gray windows of findings."""

import pytest

from monai_pylon.taxonomy import CHEST_CT_LABELS, label_set
from monai_pylon.taxonomy.label_sets import LABEL_SETS
from monai_pylon.taxonomy.organs import CHEST_CT_ORGANS
from monai_pylon.taxonomy.windows import finding_window


@pytest.mark.parametrize(
    ("name", "window"),
    [
        ("groundglass", "lung"),
        ("pneumothorax", "lung"),
        ("pleural effusion", "mediastinal"),
        ("lung lymphadenopathy", "mediastinal"),
        ("cardiomegaly", "mediastinal"),
        ("sternotomy", "bone"),
        ("Effusion", "mediastinal"),  # of ChestX-ray14
        ("Pulmonary fibrotic sequela", "lung"),  # of CT-RATE
        ("Fracture", "bone"),  # of CheXpert
        ("a label of my own", "lung"),
    ],
)
def test_a_finding_has_the_window_in_which_it_shows(name: str, window: str) -> None:
    assert finding_window(name) == window


def test_every_label_has_a_known_window() -> None:
    names = [name for labels in LABEL_SETS for name in label_set(labels).labels]
    assert {finding_window(name) for name in names} == {"lung", "mediastinal", "bone"}


def test_no_finding_outside_the_lungs_has_the_lung_window() -> None:
    outside = [label for label, organ in zip(CHEST_CT_LABELS, CHEST_CT_ORGANS, strict=True) if organ != "lung"]
    assert "lung" not in {finding_window(label) for label in outside}
