"""Confidence in the labels of a report, and the sentences that a language model may read instead of the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.labeler.candidates import Candidate, find_candidates
from monai_pylon.labeler.findings import Finding
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.other_labelers.json_files import labels_of_phrase
from monai_pylon.labeler.other_labelers.language_model import checked_finding, checked_keys
from monai_pylon.labeler.report_checks import plain_report
from monai_pylon.taxonomy import ORGANS
from monai_pylon.utils import check_choice, check_type

__all__ = ["AmbiguousSentence", "ReportReview", "RoutedReport", "RoutedSentence", "label_with_model", "review_report"]

_LEAST_COVERAGE = 0.5  # of a sentence whose words are known well enough
_PREFERRED = ("model", "rules", "agreement")


class AmbiguousSentence(NamedTuple):
    """Sentence of which the rules may have misread the scope or the places.

    Example:
        >>> AmbiguousSentence("Left nodule.", 0, "few known words").start
        0
    """

    sentence: str
    start: int
    reason: str


class ReportReview(NamedTuple):
    """Confidence in the labels of a report.

    Attributes:
        coverage: Share of the words in sentences with findings that the vocabulary knows; NaN without such a sentence.
        ambiguous: Sentences that may have been misread, with the reasons.
        problems: Reasons why the report has no labels (see :meth:`ReportLabeler.problems`).

    Example:
        >>> review_report(ReportLabeler(), "Left pleural effusion.")
        ReportReview(coverage=1.0, ambiguous=[], problems=[])
    """

    coverage: float
    ambiguous: list[AmbiguousSentence]
    problems: list[str]


class RoutedSentence(NamedTuple):
    """Answers of the rules and of the model for a sentence.

    Attributes:
        sentence: The sentence, with the reason why it was handed to the model.
        rules: Findings by the rules.
        model: Findings by the model; None if it gave no valid answer.
        decided_by: "rules" or "model".
        decision: Why.

    Example:
        >>> RoutedSentence(AmbiguousSentence("x", 0, ""), [], None, "rules", "the model failed: KeyError").decided_by
        'rules'
    """

    sentence: AmbiguousSentence
    rules: list[Finding]
    model: list[Finding] | None
    decided_by: str
    decision: str


class RoutedReport(NamedTuple):
    """Findings of a report, and the sentences that the model read.

    Example:
        >>> RoutedReport([], []).findings
        []
    """

    findings: list[Finding]
    sentences: list[RoutedSentence]


def _coverage(candidates: list[Candidate], labeler: ReportLabeler) -> tuple[int, int]:
    """Return the number of known words of a sentence and of all its words."""
    parsed = candidates[0].parsed
    matched = {index for match in parsed.matches for index in range(match.first, match.last)}
    words = [(index, word.text) for index, word in enumerate(parsed.words) if word.text[0].isalpha()]
    known = sum(index in matched or labeler.rules.lexicon.knows(text) for index, text in words)
    return known, len(words)


def _reason(candidates: list[Candidate], labeler: ReportLabeler) -> str:
    """Return why the findings of a sentence may be misread, or an empty text."""
    parsed = candidates[0].parsed
    by_words = {one.mention.matched: one for one in candidates}
    mentions = sorted((one.mention for one in by_words.values()), key=lambda mention: mention.first)
    barriers = parsed.first_words("contrast") | {n for n, word in enumerate(parsed.words) if word.text in ";?"}
    for one, other in pairwise(mentions):
        different = (one.status.name in ("absent", "normal")) != (other.status.name in ("absent", "normal"))
        if different and not barriers & set(range(one.last, other.first)):
            return "a negation covers only some of its findings"
    sides = {place.side for one in candidates for place in one.places if place.side}
    if len(mentions) > 1 and len(sides) > 1 and len({one.placed.sides for one in candidates}) > 1:
        return "several findings and several sides"
    if any(parsed.has(number, "exception") for number in range(len(parsed.matches))):
        return "an exception"
    known, count = _coverage(candidates, labeler)
    return "few known words" if known < _LEAST_COVERAGE * count else ""


def _finding_sentences(labeler: ReportLabeler, text: str) -> list[list[Candidate]]:
    plain = plain_report(text, labeler.rules)
    found = [] if plain.problem else [one for one in find_candidates(plain.text, labeler.rules) if one.sentence.read]
    return [list(group) for _, group in groupby(found, key=lambda one: one.number)]


def review_report(labeler: ReportLabeler, text: str) -> ReportReview:
    """Measure the confidence in the labels of a report.

    A sentence is ambiguous if a negation covers only some of its findings without "but" between them, if it has several
    findings and several sides, if it has an exception ("except in the lingula"), or if fewer than half of its words are
    known.

    Args:
        labeler: The labeler.
        text: The report.

    Returns:
        The review.

    Example:
        >>> review = review_report(ReportLabeler(), "No effusion, left lower lobe opacity, right nodule.")
        >>> [sentence.reason for sentence in review.ambiguous]
        ['a negation covers only some of its findings']
    """
    ambiguous = []
    known = count = 0
    for candidates in _finding_sentences(labeler, text):
        own_known, own_count = _coverage(candidates, labeler)
        known, count = known + own_known, count + own_count
        if reason := _reason(candidates, labeler):
            sentence = candidates[0].sentence
            ambiguous.append(AmbiguousSentence(sentence.text, sentence.start, reason))
    return ReportReview(known / count if count else float("nan"), ambiguous, labeler.problems(text))


def _model_findings(labeler: ReportLabeler, sentence: AmbiguousSentence, answer: Any) -> list[Finding]:
    """Read the answer of a model, or raise a ValueError."""
    check_type(answer, Mapping, "answer")
    checked_keys(dict(answer), ("findings",), "the answer")
    findings = []
    for number, item in enumerate(answer["findings"]):
        name, places, present = checked_finding(item, f"finding {number}")
        cells = labels_of_phrase(labeler, name, places)
        if not cells.any():
            raise ValueError(f"finding {number} is none of the labels.")
        for label in np.flatnonzero(cells.any(axis=1)) if present else ():
            where = tuple(organ for organ, here in zip(ORGANS, cells[label], strict=True) if here)
            one = Finding(labeler.labels[label], where, sentence.sentence, rule="the model", start=sentence.start)
            findings.append(one)
    return findings


def _key(findings: list[Finding]) -> set[tuple[str, str]]:
    return {(finding.abnormality, organ) for finding in findings for organ in finding.locations}


def label_with_model(
    labeler: ReportLabeler, text: str, model: Callable[[str], Any], prefer: str = "model"
) -> RoutedReport:
    """Label a report by the rules, and hand only its ambiguous sentences to a model of your choice.

    Args:
        labeler: The labeler.
        text: The report.
        model: Function from a sentence to an answer of the form ``{"findings": [{"abnormality": "lung nodule",
            "locations": ["right lung"], "present": true}]}`` (see :func:`~monai_pylon.labeler.language_model_labels`).
            It runs where you run it: a local model keeps the reports on your computer.
        prefer: "model" takes its answer, "rules" that of the rules, "agreement" the findings that both give. An invalid
            answer or an error of the model leaves that of the rules.

    Returns:
        All findings in the order of the text, and both answers for each sentence that the model read.

    Raises:
        TypeError: If the model is no function.
        ValueError: If ``prefer`` is none of these.

    Example:
        >>> def model(sentence):
        ...     return {"findings": [{"abnormality": "lung nodule", "locations": ["right lung"]}]}
        >>> routed = label_with_model(ReportLabeler(), "No effusion, left opacity, right nodule. Large heart.", model)
        >>> [(finding.abnormality, finding.rule == "the model") for finding in routed.findings]
        [('lung nodule', True), ('cardiomegaly', False)]
    """
    check_choice(prefer, _PREFERRED, "prefer")
    check_type(model, Callable, "model")  # type: ignore[arg-type]
    findings = labeler.label(text)
    routed: list[RoutedSentence] = []
    kept = findings
    for sentence in review_report(labeler, text).ambiguous:
        own = [finding for finding in findings if finding.start == sentence.start]
        try:
            answer: list[Finding] | None = _model_findings(labeler, sentence, model(sentence.sentence))
            decided_by, decision = ("rules" if prefer == "rules" else "model"), f"prefer={prefer!r}"
        except Exception as error:  # the message may quote the report, so only the type is kept
            answer, decided_by, decision = None, "rules", f"the model failed: {type(error).__name__}"
        routed.append(RoutedSentence(sentence, own, answer, decided_by, decision))
        if answer is not None and prefer != "rules":
            both = _key(own) & _key(answer)
            chosen = (
                answer
                if prefer == "model"
                else [
                    one._replace(locations=tuple(o for o in one.locations if (one.abnormality, o) in both))
                    for one in own
                ]
            )
            kept = [one for one in kept if one.start != sentence.start] + [one for one in chosen if one.locations]
    return RoutedReport(sorted(kept, key=lambda finding: finding.start), routed)
