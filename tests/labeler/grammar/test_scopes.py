"""Scopes of negations and hedges."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import find_mentions
from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.grammar.scopes import STATUSES, Scopes, Status
from monai_pylon.labeler.rules import default_rules

A, S, P, M, X, Q = "absent", "stated", "probable", "possible", "other", "asked"


def statuses(sentence: str) -> dict[str, str]:
    """Return the status of each finding of a sentence."""
    parsed = parse_sentence(sentence)
    return {mention.finding: mention.status.name for mention in find_mentions(parsed, default_rules())}


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        # only the change is negated
        ("No interval increase in size of the pneumothorax", {"pneumothorax": S}),
        ("No convincing change in the mass", {"mass": S}),
        ("No evidence of progression of the mass", {"mass": S}),
        ("Without appreciable growth of the nodule", {"nodule": S}),
        ("No increase or decrease in the effusion", {"pleural effusion": S}),
        ("No resolution of the pneumonia", {"pneumonia": S}),
        ("No improvement in the fibrosis, and no mass", {"fibrosis": S, "mass": A}),
        ("No new mass", {"mass": A}),
        ("No enlargement of the lymph nodes", {"lymphadenopathy": A, "lymph node": S}),
        ("No recurrence of the mass", {"mass": A}),
        # a negation that is cancelled
        ("The mass has almost entirely disappeared", {"mass": S}),
        ("The effusion has nearly completely cleared", {"pleural effusion": S}),
        ("The effusion has cleared", {"pleural effusion": A}),
        ("The nodules have gone", {"nodule": A}),
        ("No doubt there is a mass", {"mass": S}),
        # lists
        ("Consolidation, mass and effusion: not seen", {"consolidation": A, "mass": A, "pleural effusion": A}),
        (
            "The lung is consolidated, mass and effusion are not seen",
            {"consolidation": S, "mass": A, "pleural effusion": A},
        ),
        ("The study is negative for consolidation/effusion", {"consolidation": A, "pleural effusion": A}),
        ("No mass, scattered cysts, no effusion", {"mass": A, "cyst": S, "pleural effusion": A}),
        ("None of the nodules is calcified", {"nodule": S, "calcification": A}),
        # hedges reach across causes, negations do not
        ("Opacity may be secondary to pneumonia", {"opacity": S, "pneumonia": M}),
        ("May represent atelectasis due to effusion", {"atelectasis": M, "pleural effusion": M}),
        ("No pneumothorax after resection", {"pneumothorax": A, "resection": S}),
        ("Pneumonia is felt less likely", {"pneumonia": M}),
        ("Edema, less likely pneumonia", {"edema": S, "pneumonia": M}),
        ("Consider pneumonia", {"pneumonia": M}),
        ("If there is consolidation, repeat", {"consolidation": M}),
        ("CT to determine if there is a mass", {"mass": Q}),
        ("Concern is raised for cancer", {"cancer": M}),
        # a state that is taken as known
        ("Cannot exclude a mass in the collapsed lobe", {"mass": M, "atelectasis": S}),
        ("No mass in the emphysematous lungs", {"mass": A, "emphysema": S}),
        ("No mass in a collapsed lobe", {"mass": A, "atelectasis": A}),
        # somebody or something else
        ("Mother with lung cancer", {"lung cancer": X}),
        ("Motion artifact mimics a nodule", {"nodule": X}),
        # shorthand
        ("Nodule w/o effusion", {"nodule": S, "pleural effusion": A}),
        ("Effusion (-), pneumothorax (+)", {"pleural effusion": A, "pneumothorax": S}),
        ("Effusion: nil", {"pleural effusion": A}),
    ],
)
def test_status_of_each_finding(sentence: str, expected: dict[str, str]) -> None:
    assert statuses(sentence) == expected


def test_a_status_knows_its_cue() -> None:
    parsed = parse_sentence("The heart is large without any effusion")
    status = parsed.statuses[-1]
    assert (status.name, status.first, status.last) == ("absent", 4, 5)
    assert parsed.statuses[0] == Status("stated", "")
    assert STATUSES[0] == "stated"
    assert STATUSES[-1] == "absent"


def test_the_higher_status_wins() -> None:
    scopes = Scopes(parse_sentence("mass seen").words, [], [])
    for name in ("possible", "absent", "probable"):
        scopes.set_status(0, 1, Status(name, ""))
    assert [status.name for status in scopes.statuses] == ["absent", "stated"]


def test_negations_that_leave_out_their_subject_or_begin_a_field() -> None:
    cases = [
        ("A mass had been suspected but is not confirmed", "absent"),
        ("Mass, otherwise negative", "stated"),
        ("Not seen: mass", "absent"),
        ("Ruled out: mass", "absent"),
    ]
    for text, expected in cases:
        parsed = parse_sentence(text)
        index = [word.text for word in parsed.words].index("mass")
        assert parsed.statuses[index].name == expected, text
