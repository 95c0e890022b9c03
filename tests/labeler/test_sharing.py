"""Places that a finding takes from another, or from what is said of it."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.anatomy import Place, find_places
from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.sharing import Sharing
from monai_pylon.labeler.terms import find_mentions

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


def sharing(text: str) -> Sharing:
    parsed, rules = parse_sentence(text), default_rules()
    return Sharing(parsed, find_mentions(parsed, rules), find_places(parsed), rules)


def test_negated_and_normal_findings() -> None:
    found = sharing("No mass and normal heart size; left nodule")
    assert [found.is_negated(number) for number in range(3)] == [True, True, False]
    for text, expected in (("The one in the right lung has resolved", True), ("One in the right lung", False)):
        found = sharing(text)
        assert found.in_negation_scope(found.places[0]) is expected, text


@pytest.mark.parametrize(
    ("text", "number", "other", "expected"),
    [
        ("Right consolidation resolved, scarring there", 1, 0, True),  # the same place, though one is negated
        ("Right consolidation resolved, scarring there", 0, 1, False),
        ("Right consolidation resolved, scarring here", 1, 0, False),
        ("Nodule without calcification", 0, 1, True),
        ("Nodule without calcification", 1, 0, False),
        # from a finding before
        ("Left effusion, nodule", 1, 0, True),
        ("Left effusion but nodule", 1, 0, True),
        ("Left effusion; nodule", 1, 0, False),
        ("Left effusion? nodule", 1, 0, False),
        ("Mass; left effusion, nodule", 2, 1, True),
        # from a finding behind
        ("Nodules left effusion", 0, 1, True),
        ("Nodules and left effusion", 0, 1, True),
        ("Nodules, and left effusion", 0, 1, True),
        ("Nodules, one / left effusion", 0, 1, True),
        ("Nodules, left effusion", 0, 1, False),
        ("Nodules; left effusion", 0, 1, False),
        ("Nodules but left effusion", 0, 1, False),
        ("Nodules, but left effusion and mass", 0, 1, False),
        ("Nodules, but left effusion and mass", 0, 2, False),
        ("Nodule 2: 4 mm, calcified, left mass", 0, 2, True),  # the name of a field
        ("Nodule 2: 4 mm, calcified, left mass", 1, 2, False),
        ("Consolidation, likely pneumonia, right", 0, 1, True),
        ("Consolidation, pneumonia right", 0, 1, False),
        ("Consolidation, 3 mm, likely pneumonia right", 0, 1, False),
        ("Consolidation, but likely pneumonia right", 0, 1, False),
    ],
)
def test_findings_that_may_share_places(text: str, number: int, other: int, expected: bool) -> None:
    assert sharing(text).may_share(number, other) is expected


def test_names_of_fields() -> None:
    for text, expected in {
        "Nodule: left lung": True,
        "Nodule 2: left": True,
        "Nodule left: 4 mm": False,
        "Nodule 2 left": False,
        "Nodule 2 mm: left": False,
    }.items():
        assert sharing(text).is_field(0) is expected, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nodule without calcification in the lingula", [(0, 1)]),
        ("Nodule of lung without calcification", [(0, 1)]),  # three words between
        ("Nodule of the lung without calcification", []),
        ("No nodule without calcification", []),
        ("Nodule and no calcification", []),
        ("Nodule, without calcification", []),
        ("Nodule but without calcification", []),
        ("Nodule is without calcification", []),
        ("Nodule without mass or calcification", [(0, 1)]),  # not the one behind the next
        ("Nodule with calcification", []),
    ],
)
def test_missing_features(text: str, expected: list[tuple[int, int]]) -> None:
    found = sharing(text)
    numbers = range(len(found.mentions))
    assert [(one, other) for one in numbers for other in numbers if found.is_without(one, other)] == expected


@pytest.mark.parametrize(
    ("text", "number", "sides"),
    [
        ("Left mass, right cyst, nodule", 2, ["right"]),  # the nearest one before
        ("Nodule and left mass and right cyst", 0, ["left"]),  # the nearest one behind
        ("Left mass, nodule, right cyst", 1, ["left"]),  # one before rather than one behind
        ("Left mass; nodule and right cyst", 1, ["right"]),
        ("Left mass; nodule", 1, []),
        ("Left nodule", 0, []),
    ],
)
def test_the_nearest_places(text: str, number: int, sides: list[str]) -> None:
    found = sharing(text)
    assigned = [[place for place in found.places if place.last == mention.first] for mention in found.mentions]
    rule = default_rules().findings[found.mentions[number].finding]
    assert [place.side for place in found.neighbor_places(number, assigned, rule)] == sides


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("Nodules largest left with cavity", False),  # the feature is in that part only
        ("Nodules largest left, with cavity", True),
        ("Nodules largest left is with cavity", True),
        ("Nodules largest left and cavity", True),
    ],
)
def test_a_feature_of_a_part(text: str, partial: bool) -> None:
    found = sharing(text)
    place = Place("", "left", 2, 3, partial=True)
    rule = default_rules().findings[found.mentions[1].finding]
    assert found.neighbor_places(1, [[place], []], rule) == [place._replace(partial=partial)]


def test_places_that_fit() -> None:
    cases = [
        ("Left lung mass with adenopathy", 1, 0, False),  # the lung has no lymph nodes
        ("Left lung mass with effusion", 1, 0, True),
        ("Left mass with adenopathy", 1, 0, True),
        ("Lesion of the liver is a cyst", 1, 0, True),  # it is that lesion
        ("Lesion of the liver, cyst", 1, 0, False),
        ("Mass of breast with calcification", 1, 0, True),  # a feature of it
        ("Mass of breast and calcification", 1, 0, False),
        ("Mass of breast with effusion", 1, 0, False),  # implies its organ
    ]
    for text, number, other, expected in cases:
        found = sharing(text)
        rule = default_rules().findings[found.mentions[number].finding]
        assert found.fits(found.places[0], rule, number, other) is expected, text


def test_a_place_with_a_second_organ() -> None:
    """The hilum is one of the mediastinum, but also one of the lung for a finding without a label there."""
    found, rules = sharing("Granuloma and cardiomegaly"), default_rules()
    hilum = Place("mediastinum", "right", 0, 1, second="lung")
    names = [mention.finding for mention in found.mentions]
    assert [found.fits(hilum, rules.findings[name], 1, 0) for name in names] == [True, False]


@pytest.mark.parametrize(
    ("text", "same", "part"),
    [
        ("The nodule corresponds to a mass", [(0, 1), (1, 0)], []),
        ("Nodule and corresponds to a mass", [], []),
        ("Lesion of the liver is a cyst", [(0, 1), (1, 0)], []),
        ("Lesion of the liver, is a cyst", [], []),
        ("Lesion shows a cyst", [(1, 0)], []),
        ("Lesion, a cyst", [], []),
        ("Lesion a cyst", [], []),
        ("Mass with calcification", [], [(1, 0)]),
        ("Mass of breast with calcification", [], [(1, 0)]),  # three words between
        ("Mass of the breast with calcification", [], []),
        ("Mass, with calcification", [], []),
        ("Mass and calcification", [], []),
        ("Mass with nodule with calcification", [], [(1, 0), (2, 1)]),
    ],
)
def test_what_a_finding_is_and_its_features(
    text: str, same: list[tuple[int, int]], part: list[tuple[int, int]]
) -> None:
    found = sharing(text)
    pairs = [(one, other) for one in range(len(found.mentions)) for other in range(len(found.mentions)) if one != other]
    assert [pair for pair in pairs if found.identifies(*pair)] == same
    assert [pair for pair in pairs if found.is_part(*pair)] == part


@pytest.mark.parametrize(
    ("text", "number", "sides"),
    [
        ("Left lung clear except scarring", 0, ["left"]),
        ("Clear in the left lung except scarring", 0, ["left"]),
        ("Right lung clear; left lung clear except for scarring", 0, ["left"]),
        ("Right lung clear but left lung clear except scarring", 0, ["left"]),
        ("Left lung clear except right lung shows scarring", 0, []),
        ("Left lung clear except right scarring", 0, ["left"]),
        ("Left scarring", 0, []),
        ("Scarring in the left lung except cyst", 0, []),
    ],
)
def test_places_of_a_statement_with_an_exception(text: str, number: int, sides: list[str]) -> None:
    assert [place.side for place in sharing(text).excepted(number)] == sides


def test_statements_that_end_before_a_place() -> None:
    for text, expected in {
        "Nodule is seen in the left lung": True,
        "Nodule with cyst in the left lung": True,
        "Nodule in the left lung": False,
        "Nodule in the left lung is seen": False,
        "Nodule left is right": False,
        "Left nodule is seen": False,
    }.items():
        found = sharing(text)
        assert found.ends_before(0, found.places) is expected, text


def test_organs_that_a_finding_implies_for_its_feature() -> None:
    rules = default_rules()
    for text, organs in {
        "Pericardial thickening with calcification": ["heart"],
        "Pleural effusion with calcification": ["lung"],
        "Pericardial thickening and calcification": [],
        "Lymph node with calcification": [],  # the label would be the same
        "Normal heart size with calcification": [],
        "Nodule with calcification": [],
    }.items():
        found = sharing(text)
        assert found.implied(0, rules) == []
        assert [place.organ for place in found.implied(1, rules)] == organs, text
    (place,) = sharing("Pericardial thickening with calcification").implied(1, rules)
    assert (place.first, place.last) == (0, 2)


def test_sides_of_the_next_finding_behind_a_preposition() -> None:
    cases = [
        ("Nodules in a left consolidation", ["left"]),
        ("Nodules a left consolidation", []),
        ("Nodules and in a left consolidation", []),
        ("Nodules; in a left consolidation", []),
        ("Nodules in a hilar consolidation", []),
        ("Nodules", []),
    ]
    for text, sides in cases:
        found = sharing(text)
        assigned = [[], found.places][: len(found.mentions)]
        assert [place.side for place in found.linked_sides(0, assigned)] == sides, text
