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
    ],
)
def test_state_organs_and_reason(text: str, state: int, organs: tuple[str, ...], reason: str) -> None:
    (evidence,) = ReportLabeler().trace(text)
    assert (evidence.state, evidence.organs) == (state, organs)
    assert evidence.reason.startswith(reason)
    assert evidence.kept == (state == 1)


def test_the_words_that_decided() -> None:
    text = "The lungs show no evidence of effusion."
    (evidence,) = ReportLabeler().trace(text)
    assert [text[start:end] for start, end in evidence.cue_spans] == ["no evidence of"]
    (evidence,) = ReportLabeler().trace("Left effusion.")
    assert evidence.cue_spans == ()
