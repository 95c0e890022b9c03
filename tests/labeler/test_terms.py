"""Term search: mentions of findings, patterns, replacements and exceptions."""

from __future__ import annotations

from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.terms import Mention, find_mentions


def mentions(text: str) -> list[Mention]:
    return find_mentions(parse_sentence(text), default_rules())


def test_findings() -> None:
    cases = [
        ("The heart is mildly enlarged", ["cardiomegaly"]),
        # at most seven words between the parts
        ("heart one two three four five six seven enlarged", ["cardiomegaly"]),
        ("heart one two three four five six seven eight enlarged", []),
        ("heart, enlarged", []),
        ("heart; enlarged", []),
        ("heart but enlarged", []),
        ("heart with enlarged", []),
        ("with heart enlarged", ["cardiomegaly"]),
        ("enlarged in the heart", []),
        ("heart heart enlarged", ["cardiomegaly", "cardiomegaly"]),
        ("heart enlarged enlarged", ["cardiomegaly"]),
        ("heart; heart enlarged", ["cardiomegaly"]),
        # a term may replace others or be none
        ("calcified lymph nodes", ["calcified lymph node"]),
        ("lymph nodes are calcified", ["calcified lymph node"]),
        ("calcified lymph nodes; calcified lung", ["calcified lymph node", "calcification"]),
        ("calcified lung, lymph node", ["calcification", "lymph node"]),
        ("lymph node; calcified lymph nodes", ["lymph node", "calcified lymph node"]),
        ("cystic fibrosis", []),
        # mentions are ordered by their words
        ("mass and calcified nodule", ["mass", "calcification", "nodule"]),
        ("pericardial and pleural effusion", ["pericardial effusion", "pleural effusion"]),
    ]
    for text, expected in cases:
        assert [mention.finding for mention in mentions(text)] == expected, text


def test_a_mention_knows_its_words() -> None:
    (large,) = mentions("the heart is enlarged")
    assert (large.first, large.last, large.matched) == (1, 4, (1, 3))
    (lymph,) = mentions("a ground glass")
    assert (lymph.first, lymph.last, lymph.matched) == (1, 3, (1, 2))
    assert large.rule.startswith("terms.csv line ")
    effusion, right = mentions("Left effusion has increased, the right upper lobe has resolved")
    assert right == effusion._replace(first=6, last=9, matched=(6, 7, 8), status=right.status)


def test_a_mention_takes_the_highest_status_of_its_words() -> None:
    (large,) = mentions("heart possibly enlarged")
    assert large.status.name == "possible"
    (large,) = mentions("heart never enlarged")
    assert large.status.name == "absent"


def test_exceptions() -> None:
    cases = [
        ("No fibrosis except at the left base", [("fibrosis", "absent"), ("fibrosis", "stated")]),
        (
            "No fibrosis and no fibrosis except at the left base",
            [("fibrosis", "absent")] * 2 + [("fibrosis", "stated")],
        ),
        ("No fibrosis or cyst except at the left base", [("fibrosis", "absent"), ("cyst", "absent")]),
        ("Fibrosis except at the left base", [("fibrosis", "stated")]),
        ("No fibrosis except left", [("fibrosis", "absent"), ("fibrosis", "stated")]),
        ("No fibrosis except", [("fibrosis", "absent")]),
        ("No fibrosis left except", [("fibrosis", "absent")]),
        ("No fibrosis except possibly at the left base", [("fibrosis", "absent")]),
        ("Except at the left base, no fibrosis", [("fibrosis", "absent")]),
        ("At the left base no fibrosis except", [("fibrosis", "absent")]),
        ("except", []),
    ]
    for text, expected in cases:
        assert [(mention.finding, mention.status.name) for mention in mentions(text)] == expected, text


def test_an_exception_knows_its_words_and_rules() -> None:
    negated, excepted = mentions("No fibrosis except at the left base")
    assert (excepted.first, excepted.last, excepted.matched) == (2, 3, negated.matched)
    entries = default_rules().lexicon.find(["except"])[0].entries
    assert [excepted.status.rule] == [entry.rule for entry in entries if entry.kind == "exception"]
    assert excepted.rule == negated.rule


def test_the_name_of_a_field_is_no_finding_if_its_text_names_it() -> None:
    cases = [
        ("Mass: left mass", [3]),
        ("Mass: none; left mass", [0, 5]),
        ("Mass/nodule: no mass; left mass", [2, 5, 8]),
        ("Mass: none", [0]),
        ("mass and left mass", [0, 3]),
    ]
    for text, words in cases:
        assert [mention.first for mention in mentions(text)] == words, text


def test_statements_that_leave_out_their_finding() -> None:
    cases = [
        ("In the right lung, a nodule; in the left, one of 14 mm", ["nodule", "nodule"]),
        ("No nodule, however a calcified one lies in the right lung", ["nodule", "calcification", "nodule"]),
        ("No nodule, however calcified pleura lies in the right lung", ["nodule", "calcification"]),
        ("Left effusion has resolved, right lower lobe persists", ["pleural effusion"] * 2),
        ("Effusion, heart left persists", ["pleural effusion"] * 2),
        ("Left effusion, left heart persists", ["pleural effusion"]),
        ("Left effusion, liver persists", ["pleural effusion"]),
        ("Right nodule, left lung is now clear", ["nodule"]),
        ("Nodules; in the left one", ["nodule"] * 2),
        ("None of the nodules has grown; all are in the right lung", ["nodule"] * 2),
        ("Nodules, both in the left lung", ["nodule"] * 2),
        ("Nodules, seen in the left lung", ["nodule"]),
        ("Effusion, in the left lung, one is seen", ["pleural effusion"] * 2),
        ("Effusion, in the left upper lobe, one of 14 mm", ["pleural effusion"]),  # five words of a place
    ]
    for text, expected in cases:
        assert [mention.finding for mention in mentions(text)] == expected, text
