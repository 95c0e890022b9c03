"""Decisions: why a candidate is dropped, its state, its locations."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import ReportLabeler


@pytest.mark.parametrize(
    ("text", "state", "organs", "reason"),
    [
        ("Left effusion.", 1, ("left lung",), "kept: implied by the finding"),
        ("No left effusion.", 0, ("left lung",), "negated by cues.csv"),
        ("No effusion.", 0, ("right lung", "left lung"), "negated by cues.csv"),
        ("Possible left effusion.", -1, ("left lung",), "only possible by cues.csv"),
        ("Mother with left effusion.", -2, ("left lung",), "about somebody or something else: cues.csv"),
        ("Evaluate for left effusion.", -2, ("left lung",), "only looked for: cues.csv"),
        ("Heart size is normal.", 0, ("mediastinum",), "absent by terms.csv"),
        ("Renal cyst.", -2, (), "elsewhere"),
        # a device that looks normal is there, and an operation of the past has left its traces
        ("The left staple line is unremarkable.", 1, ("left lung",), "kept: implied by the finding"),
        ("The left effusion is unremarkable.", 0, ("left lung",), "negated by cues.csv"),
        ("History of left lobectomy.", 1, ("left lung",), "kept: implied by the finding"),
        ("History of left pneumonia.", -2, ("left lung",), "history: cues.csv"),
    ],
)
def test_state_organs_and_reason(text: str, state: int, organs: tuple[str, ...], reason: str) -> None:
    (evidence,) = ReportLabeler().trace(text)
    assert (evidence.state, evidence.organs) == (state, organs)
    assert evidence.reason.startswith(reason)
    assert evidence.kept == (state == 1)


@pytest.mark.parametrize(
    ("side_unknown", "kept", "organs", "reason"),
    [
        ("both", True, ("right lung", "left lung"), "kept: implied by the finding, side unknown: both"),
        ("unknown", True, (), "kept: implied by the finding, side unknown: unknown"),
        ("none", False, (), "the side is unknown"),
    ],
)
def test_an_unknown_side(side_unknown: str, kept: bool, organs: tuple[str, ...], reason: str) -> None:
    labeler = ReportLabeler(side_unknown=side_unknown)
    (evidence,) = labeler.trace("There is an effusion.")
    assert (evidence.kept, evidence.organs, evidence.finding.locations) == (kept, organs, organs)
    assert evidence.reason == reason
    (negated,) = labeler.trace("No effusion.")
    assert negated.organs == ("right lung", "left lung"), "a negation without a side denies both"


def test_a_side_of_another_sentence() -> None:
    _, again = ReportLabeler().trace("Small left effusion. Impression: Effusion.")
    assert again.finding.locations == ("left lung",)
    assert again.reason == "kept: implied by the finding, side from another sentence"
    _, negated = ReportLabeler().trace("Small left effusion. No effusion.")
    assert negated.organs == ("right lung", "left lung")


def test_hedges_and_words_of_a_finding() -> None:
    texts = ("Clear. Left pleural effusion.", "Clear. Probable effusion.", "Clear. The heart is mildly enlarged.")
    findings = [ReportLabeler().label(text)[0] for text in texts]
    assert [finding.uncertain for finding in findings] == [False, True, False]
    assert [finding.terms for finding in findings] == [("pleural effusion",), ("effusion",), ("heart", "enlarged")]
    assert [finding.places for finding in findings] == [("Left",), (), ("heart",)]


def test_the_words_that_decided() -> None:
    text = "The lungs show no evidence of effusion."
    (evidence,) = ReportLabeler().trace(text)
    assert [text[start:end] for start, end in evidence.cue_spans] == ["no evidence of"]
    (evidence,) = ReportLabeler().trace("Left effusion.")
    assert evidence.cue_spans == ()
