"""Places that a finding takes from another, or from what is said of it."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import ReportLabeler

LABELER = ReportLabeler()
R, M, L, RL = {"right lung"}, {"mediastinum"}, {"left lung"}, {"right lung", "left lung"}


def located(text: str) -> dict[str, set[str]]:
    """Return the locations of each label."""
    found: dict[str, set[str]] = {}
    for finding in LABELER.label(text):
        found.setdefault(finding.abnormality, set()).update(finding.locations)
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # sides
        ("Left consolidation and a contralateral effusion.", {"consolidation": L, "pleural effusion": R}),
        ("Bibasal effusions, larger on the right.", {"pleural effusion": RL}),
        ("Atelectasis at the lung bases and in the middle lobe.", {"atelectasis": RL}),
        ("Pneumothorax along the left chest wall.", {"pneumothorax": L}),
        ("Effusion in the minor fissure.", {"pleural effusion": R}),
        # which finding a place belongs to
        ("No effusion, the left lung shows consolidation.", {"consolidation": L}),
        ("Effusion on the left, on the right no effusion.", {"pleural effusion": L}),
        ("Left: no effusion, right: effusion.", {"pleural effusion": R}),
        ("The left lung is clear except for scarring.", {"lung scarring": L}),
        ("Left hilar mass with atelectasis of the upper lobe.", {"mediastinum mass": M, "atelectasis": L}),
        ("Right lower lobe mass with adenopathy.", {"lung mass": R, "mediastinum lymphadenopathy": M}),
        (
            "Bronchial wall thickening is diffuse, with effusion on the left.",
            {"bronchial wall thickening": RL, "pleural effusion": L},
        ),
        # what a finding implies or turns out to be
        ("Pericardial thickening with calcification.", {"pericardial thickening": M, "heart calcification": M}),
        ("The nodule corresponds to a rib fracture.", {}),
        ("The density at the right base is a bowel loop.", {}),
        ("Thyroid nodule in the left lobe.", {}),
        ("Infection of the foot, lungs clear.", {}),
        # a word that stands for a finding
        ("No nodule in the right lung, and only a small one in the left.", {"lung nodule": L}),
        ("No effusion on the right. A small one is on the left.", {"pleural effusion": L}),
        ("Right effusion, none on the left.", {"pleural effusion": R}),
        ("Effusion on the right. None on the left.", {"pleural effusion": R}),
    ],
)
def test_locations(text: str, expected: dict[str, set[str]]) -> None:
    assert located(text) == expected


def test_a_list_of_sizes_and_places_under_the_name_of_a_finding() -> None:
    found = located("Nodules:\n- Right upper lobe: 4 mm, solid.\n- Left lower lobe: 12 mm, part solid.")
    assert found == {"lung nodule": RL, "lung nodulegr1cm": L}


def test_the_largest_size_belongs_to_the_finding_with_sizes() -> None:
    found = located("Nodules with a halo of consolidation in both lungs, the largest 2.2 cm in the right upper lobe.")
    assert found["lung nodulegr1cm"] == R
