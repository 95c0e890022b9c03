"""Status of each finding in a sentence, for the tests of the grammar."""

from __future__ import annotations

from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.rules import default_rules
from monai_pylon.labeler.terms import find_mentions

#: Names of statuses: absent, stated, probable, possible, other (about somebody or something else), asked (looked for).
A, S, P, M, X, Q = "absent", "stated", "probable", "possible", "other", "asked"


def statuses(sentence: str) -> dict[str, str]:
    """Return the status of each finding of a sentence."""
    parsed = parse_sentence(sentence)
    return {mention.finding: mention.status.name for mention in find_mentions(parsed, default_rules())}


def assert_statuses(cases: list[tuple[str, dict[str, str]]]) -> None:
    """Assert that each sentence gives the statuses beside it; the message lists those that do not."""
    wrong = {sentence: found for sentence, expected in cases if (found := statuses(sentence)) != expected}
    assert not wrong
