"""Confidence in labels, and sentences that a model reads."""

from __future__ import annotations

import math

import pytest

from monai_pylon.labeler import ReportLabeler, label_with_model
from monai_pylon.labeler.routing import review_report

LABELER = ReportLabeler()
TEXT = "The heart is enlarged. No effusion, left opacity, right nodule."


def test_coverage() -> None:
    assert review_report(LABELER, "Left effusion.").coverage == 1
    assert review_report(LABELER, "Left xyzzy effusion qwert.").coverage == 0.5
    without, adverb = "A left nodule cannot be excluded.", "A left nodule cannot convincingly be excluded."
    assert review_report(LABELER, adverb).coverage == review_report(LABELER, without).coverage == 1
    assert math.isnan(review_report(LABELER, "Normal chest.").coverage)
    assert review_report(LABELER, "Geen pneumothorax.").problems == ["not English, it seems: Dutch"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("No effusion, left opacity.", "a negation covers only some of its findings"),
        ("No effusion but left opacity.", ""),
        ("Right effusion with left mass and nodule.", "several findings and several sides"),
        ("Bilateral effusions and atelectasis.", ""),
        ("Bilateral effusion and right nodule.", "several findings and several sides"),
        ("Right effusion and right nodule.", ""),
        ("Effusion and atelectasis in the right and in the left lung.", ""),
        ("Nodules: RUL 4 mm, LLL 12 mm.", ""),  # one finding
        ("No edema except in the lingula.", "an exception"),
        ("Frobnicated qwertish wibbly nodule wobbling.", "few known words"),
        ("Left xyzzy effusion qwert.", ""),  # half of the words are known
        ("HISTORY: No effusion, left opacity.", ""),
    ],
)
def test_ambiguous_sentences(text: str, reason: str) -> None:
    assert [sentence.reason for sentence in review_report(LABELER, text).ambiguous] == ([reason] if reason else [])


def answer(_: str) -> dict:
    return {
        "findings": [
            {"abnormality": "lung nodule", "locations": ["right lung"]},
            {"abnormality": "pneumonia", "present": False},
            {"abnormality": "lung mass", "locations": ["left lung"]},
        ]
    }


def test_only_ambiguous_sentences_reach_the_model() -> None:
    asked: list[str] = []

    def model(sentence: str) -> dict:
        asked.append(sentence)
        return answer(sentence)

    routed = label_with_model(LABELER, TEXT, model)
    assert asked == ["No effusion, left opacity, right nodule"]
    assert [f.abnormality for f in routed.findings] == ["cardiomegaly", "lung nodule", "lung mass"]
    (sentence,) = routed.sentences
    assert {f.abnormality for f in sentence.rules} == {"lung opacity", "lung nodule"}
    assert {f.abnormality for f in sentence.model or []} == {"lung nodule", "lung mass"}
    assert (sentence.decided_by, sentence.sentence.start) == ("model", TEXT.index("No"))


def test_preferences() -> None:
    def found(prefer: str) -> list[str]:
        return [f.abnormality for f in label_with_model(LABELER, TEXT, answer, prefer).findings]

    assert found("rules") == ["cardiomegaly", "lung opacity", "lung nodule"]
    assert found("agreement") == ["cardiomegaly", "lung nodule"]
    with pytest.raises(ValueError, match="prefer"):
        label_with_model(LABELER, TEXT, answer, "both")


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        {"findings": [{"abnormality": "flux"}]},
        {"findings": [], "note": ""},
        {"findings": [{"abnormality": "lung nodule", "present": "false"}]},
    ],
)
def test_an_invalid_answer_leaves_that_of_the_rules(wrong: object) -> None:
    routed = label_with_model(LABELER, TEXT, lambda sentence: wrong)
    assert routed.findings == LABELER.label(TEXT)
    assert routed.sentences[0].model is None
    assert routed.sentences[0].decision.startswith("the model failed: ")
    assert "nodule" not in routed.sentences[0].decision
