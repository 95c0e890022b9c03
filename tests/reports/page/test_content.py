"""Tests of the content of a page."""

from __future__ import annotations

import numpy as np
import pytest

from monai_pylon.reports.page.content import PageFinding, check_findings, most_probable, percent


def test_findings_are_sorted_and_equal_ones_keep_their_order() -> None:
    given = [PageFinding("a", 0.2), PageFinding("b", 0.5), PageFinding("c", 0.2)]
    assert [finding.name for finding in check_findings(given, 3)] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (PageFinding("a", 1.2), "probability of a"),
        (PageFinding("a", float("nan")), "probability of a"),
        (PageFinding("a", 0.5, np.zeros((2, 2)), np.eye(4)), "a map with 3 axes"),
        (PageFinding("a", 0.5, np.full((2, 2, 2), np.nan), np.eye(4)), "finite"),
        (PageFinding("a", 0.5, np.zeros((2, 2, 2))), "map_affine of a"),
    ],
)
def test_broken_findings_are_refused(finding: PageFinding, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_findings([finding], 3)


def test_improbable_findings_are_not_announced_as_probable() -> None:
    assert most_probable([PageFinding("a", 0.494)]) == "No finding reaches 50 %. The one finding judged: a, 49 %."
    assert most_probable([PageFinding("a", 0.499)]) == "The one finding judged: a, 50 %."


def test_percent_claims_no_certainty() -> None:
    assert [percent(p) for p in (0.0, 0.01, 0.495, 0.99, 1.0)] == ["under 1 %", "1 %", "50 %", "99 %", "over 99 %"]
