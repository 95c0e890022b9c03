"""Findings and their evidence: the numbers of the states, and what a finding is without further fields."""

from __future__ import annotations

from monai_pylon.labeler.findings import ABSENT, NOT_MENTIONED, PRESENT, UNCERTAIN, Evidence, Finding


def test_states_are_those_of_chexpert_and_one_for_no_mention() -> None:
    assert (PRESENT, ABSENT, UNCERTAIN, NOT_MENTIONED) == (1, 0, -1, -2)


def test_a_finding_is_certain_and_at_the_begin_unless_said() -> None:
    finding = Finding("mass", ("left lung",), "Left mass.")
    assert finding.uncertain is False
    assert finding.start == 0
    assert Evidence(finding, True, "", ((5, 9),), ()).state == PRESENT
