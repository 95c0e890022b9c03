"""Rewriting a report must not change its labels."""

from __future__ import annotations

import pytest

from monai_pylon.labeler import ReportLabeler
from tests.experiments.labeler_figures import DATA, openi_reports
from tests.labeler.rewritings import SAME, changed, mirrored
from tests.labeler.sentences import own_sentences


@pytest.fixture(scope="module")
def labeler() -> ReportLabeler:
    return ReportLabeler()


@pytest.mark.parametrize("written", ["second", "third", "fifth"])
def test_no_rewriting_changes_a_label(labeler: ReportLabeler, written: str) -> None:
    wrong = {sentence.text: names for sentence in own_sentences(written) if (names := changed(labeler, sentence.text))}
    assert not wrong


def test_rewritings_change_the_text() -> None:
    text = "FINDINGS: Left lower lobe atelectasis, a small effusion on that side.\n\nIMPRESSION: LLL scar. No mass. "
    text += "The heart is not enlarged, and there is no focal consolidation in the left upper lobe."
    assert mirrored(text).startswith("FINDINGS: Right lower lobe")
    assert "RLL" in mirrored(text)
    for name, rewrite in SAME.items():
        assert rewrite(text) != text, name


@pytest.mark.slow
@pytest.mark.parametrize("written", ["first", "fourth"])
def test_no_rewriting_changes_a_label_of_the_other_sets(labeler: ReportLabeler, written: str) -> None:
    wrong = {sentence.text: names for sentence in own_sentences(written) if (names := changed(labeler, sentence.text))}
    assert not wrong


@pytest.mark.slow
@pytest.mark.real
def test_no_rewriting_changes_a_label_of_a_dev_report(labeler: ReportLabeler) -> None:
    if not DATA.is_dir():
        pytest.skip("needs OpenI's sentences in MONAI_PYLON_DATA/reports")
    wrong = {name: names for name, text in openi_reports("dev").items() if (names := changed(labeler, text))}
    assert not wrong
