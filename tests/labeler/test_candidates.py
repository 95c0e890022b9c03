"""Candidates of a report."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.candidates import find_candidates
from monai_pylon.labeler.rules import default_rules


def test_hints_and_parents() -> None:
    found = find_candidates("Diffuse nodules. It is a 12 mm nodule at the resection site.", default_rules())
    assert [(one.label, sorted(one.hints), one.parent, one.number) for one in found] == [
        ("lung nodule", ["extent"], -1, 0),
        ("lung nodule", ["refers", "site"], -1, 1),
        ("lung nodulegr1cm", ["refers", "site"], 1, 1),
    ]


def test_a_finding_that_lies_elsewhere_has_no_organ() -> None:
    (one,) = find_candidates("Renal cyst.", default_rules())
    assert (one.label, one.organ, one.placed.reason) == ("cyst", "", "elsewhere")


@pytest.mark.parametrize(
    ("words", "found"), [("One", 2), ("A very very very small one", 2), ("A very very very very small one", 1)]
)
def test_a_pronoun_stands_for_a_finding_after_five_words_at_most(words: str, found: int) -> None:
    assert len(find_candidates(f"No effusion on the right. {words} is on the left", default_rules())) == found


def test_a_diffuse_finding_does_not_take_the_side_of_a_later_one() -> None:
    cases = {
        "Diffuse opacities are seen and left mass": ["", "left"],
        "Opacities are seen and left mass": ["left", "left"],
        "Diffuse emphysema with left mass": ["", "left"],
    }
    for text, sides in cases.items():
        assert ["".join(one.placed.sides) for one in find_candidates(text, default_rules())] == sides, text


def hints(text: str) -> list[tuple[str, list[str]]]:
    """Return label and hints of each candidate of a text."""
    return [(one.label, sorted(one.hints)) for one in find_candidates(text, default_rules())]


def test_a_hint_belongs_to_one_noun_phrase() -> None:
    cases = {
        # the cue precedes its findings
        "Diffuse patchy opacities": [("lung opacity", ["extent"])],
        "Diffuse nodular opacities, stable": [("lung nodule", ["extent"]), ("lung opacity", ["extent"])],
        "Bilateral effusions and atelectasis": [("pleural effusion", ["extent"]), ("atelectasis", [])],
        "Nodule with bilateral effusions": [("lung nodule", []), ("pleural effusion", ["extent"])],
        "Cardiomegaly diffuse opacities": [("cardiomegaly", []), ("lung opacity", ["extent"])],
        # it describes something else
        "Widespread artifact, small nodule": [("lung nodule", [])],
        "Small nodule; widespread metallic artifact": [("lung nodule", [])],
        "Small nodule but widespread metallic artifact": [("lung nodule", [])],
        # it refers to an earlier finding or sentence
        "Left mass; effusion on the same side": [("lung mass", []), ("pleural effusion", ["refers"])],
        "Nodule in the left lung, scarring there": [("lung nodule", []), ("lung scarring", ["refers"])],
        "This is pneumonia": [("pneumonia", ["refers"])],
    }
    assert {text: hints(text) for text in cases} == cases


def test_a_hint_within_the_words_of_a_finding_belongs_to_it() -> None:
    assert hints("Bronchi are diffusely dilated near a nodule")[::2] == [
        ("bronchiectasis", ["extent"]),
        ("lung nodule", []),
    ]
    found = dict(hints("Bronchi of the fibrotic lobe are diffusely dilated"))
    assert (found["bronchiectasis"], found["fibrosis (lung)"]) == (["extent"], [])


def findings(text: str) -> list[tuple[str, str, str]]:
    """Return label, sides and status of each candidate of a text."""
    found = find_candidates(text, default_rules())
    return [(one.label, " ".join(one.placed.sides), one.mention.status.name) for one in found]


def test_a_sentence_about_an_earlier_finding() -> None:
    cases = {
        "Effusion on the right. None on the left.": [
            ("pleural effusion", "right", "stated"),
            ("pleural effusion", "left", "absent"),
        ],
        "Left nodule. Right lung clear.": [("lung nodule", "left", "stated")],
        "A nodule. It lies in the left lung and abuts the aorta.": [
            ("lung nodule", "", "stated"),
            ("lung nodule", "left", "stated"),
        ],
        # a size belongs to the finding that may have one
        "Nodule with consolidation. It measures 14 mm.": [
            ("lung nodule", "", "stated"),
            ("consolidation", "", "stated"),
            ("lung nodule", "", "stated"),
            ("lung nodulegr1cm", "", "stated"),
        ],
        # a list of places with sizes
        "Nodules:\n- Right upper lobe: 4 mm, solid.\n- Left lower lobe: 12 mm, part solid.\n- The lingula: 5 mm.": [
            ("lung nodule", "", "stated"),
            ("lung nodule", "right", "stated"),
            ("lung nodule", "left", "stated"),
            ("lung nodulegr1cm", "left", "stated"),
            ("lung nodule", "left", "stated"),
        ],
        "Effusion.\n- Right lung: 12 mm.": [("pleural effusion", "", "stated")],
        "Nodules. Images of right lung, 12 mm slices.": [("lung nodule", "", "stated")],
    }
    assert {text: findings(text) for text in cases} == cases


@pytest.mark.parametrize(("words", "found"), [("Now again it", 3), ("Also now again it", 1)])
def test_at_most_two_words_precede_a_word_that_refers_back(words: str, found: int) -> None:
    assert len(find_candidates(f"Left nodule. {words} measures 14 mm.", default_rules())) == found


def test_a_size_above_its_limit_gives_a_label_at_its_own_place() -> None:
    cases = {
        "10 x 8 mm nodule": [("lung nodule", "")],
        "11 x 8 mm nodule": [("lung nodule", ""), ("lung nodulegr1cm", "")],  # the longest diameter
        "10 x 12 mm lymph node": [],
        "11 x 12 mm lymph node": [("mediastinum lymphadenopathy", "")],  # the shortest
        "Nodules with consolidation, the largest 2 cm": [
            *[("lung nodule", ""), ("lung nodulegr1cm", ""), ("consolidation", "")],
        ],
        "Nodules in both lungs, the largest in the left lung, 15 mm": [
            *[("lung nodule", "right left"), ("lung nodulegr1cm", "left")],
        ],
    }
    assert {text: [found[:2] for found in findings(text)] for text in cases} == cases


def test_an_earlier_finding_is_meant_only_with_a_size_or_side() -> None:
    rules = default_rules()
    assert len(find_candidates("Left nodule. It measures 14 mm.", rules)) == 3
    assert len(find_candidates("A nodule. It is in the left lung.", rules)) == 2
    assert len(find_candidates("Left nodule. It is unchanged.", rules)) == 1
    assert len(find_candidates("No nodule. It measures 14 mm.", rules)) == 1
