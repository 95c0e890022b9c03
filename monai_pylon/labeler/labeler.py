"""From the text of a report to labels with places, each with the evidence for it."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike
from typing import NamedTuple

import numpy as np

from monai_pylon.labeler.explain import evidence_page
from monai_pylon.labeler.findings import Evidence, Finding
from monai_pylon.labeler.locations import Placed, organs_of, pair_places
from monai_pylon.labeler.phrases import ParsedSentence, parse_sentence
from monai_pylon.labeler.places import Place
from monai_pylon.labeler.report_text import LONGEST_REPORT
from monai_pylon.labeler.rules import LabelerRules, default_rules, read_rules
from monai_pylon.labeler.sections import ReportSentence, split_report
from monai_pylon.labeler.sizes import find_sizes, places_of, sizes_of
from monai_pylon.labeler.terms import Mention, find_mentions
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.utils import check, check_choice, check_type

__all__ = ["ReportLabeler"]

SIDE_UNKNOWN = ("both", "none", "unknown")
UNCERTAIN = ("probable", "present", "absent")
_DOUBTS = {"present": (), "probable": ("possible",), "absent": ("possible", "probable")}
_INDEX = {label: number for number, label in enumerate(CHEST_CT_LABELS)}
_SIDE_ORGAN = {"right": ORGANS[0], "left": ORGANS[2]}


class _Candidate(NamedTuple):
    label: str
    organ: str
    placed: Placed
    mention: Mention
    places: list[Place]
    rule: str


class ReportLabeler:
    """Labels the 80 abnormalities of RAD-ChestCT and their places in free-text radiology reports.

    The method is SARLE's (phrases, terms, locations; PARTITION's paper, section 12.1) with scopes for negations and
    places dealt out within the clause. Nothing is learnt: words and rules are the CSV files of a folder.

    The time that a text takes grows with its length, whatever it holds; a text has 200,000 characters at most.

    Args:
        rules: a folder of rules, or rules from :func:`~monai_pylon.labeler.read_rules`; None for those that come with
            the package.
        side_unknown: what to do with a lung finding whose side the report does not tell: "both" lungs, "none" (leave it
            out, as the paper's authors do), or "unknown" (a finding without locations).
        uncertain: what counts of that which the report does not state for certain: "probable" keeps the probable and
            leaves out what merely may be, "present" keeps both, "absent" neither.

    Raises:
        ValueError: where a choice is none, or a line of the rules is wrong.

    Example:
        >>> labeler = ReportLabeler()
        >>> [(f.abnormality, f.locations) for f in labeler.label("No pneumothorax but a small left pleural effusion.")]
        [('pleural effusion', ('left lung',))]
        >>> labeler.label_matrix(["The heart is enlarged.", "Normal chest."]).any(axis=(1, 2)).tolist()
        [True, False]
    """

    def __init__(
        self,
        rules: LabelerRules | str | PathLike[str] | None = None,
        side_unknown: str = "both",
        uncertain: str = "probable",
    ) -> None:
        check_choice(side_unknown, SIDE_UNKNOWN, "side_unknown")
        check_choice(uncertain, UNCERTAIN, "uncertain")
        loaded = default_rules() if rules is None else rules
        self.rules = loaded if isinstance(loaded, LabelerRules) else read_rules(loaded)
        self.side_unknown, self.uncertain = side_unknown, uncertain

    def label(self, text: str) -> list[Finding]:
        """The abnormalities of a report with their places, one :class:`Finding` a mention.

        Args:
            text: a report or a sentence, at most 200,000 characters.

        Returns:
            the findings in the order of the text; the same abnormality may come from several sentences.
        """
        return [evidence.finding for evidence in self.trace(text) if evidence.kept]

    def label_matrix(self, texts: Iterable[str]) -> np.ndarray:
        """The label matrix of reports, as :func:`~monai_pylon.transforms.allowed_regions` takes each row.

        Args:
            texts: N reports.

        Returns:
            bool (N, 80, 3): label present in right lung, mediastinum, left lung.
        """
        rows = [self.matrix(self.label(text)) for text in checked_texts(texts)]
        return np.stack(rows) if rows else np.zeros((0, len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)

    @staticmethod
    def matrix(findings: Iterable[Finding]) -> np.ndarray:
        """The label matrix of the findings of one report.

        Args:
            findings: from :meth:`label`.

        Returns:
            bool (80, 3): label present in right lung, mediastinum, left lung.
        """
        cells = np.zeros((len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)
        for finding in findings:
            for location in finding.locations:
                cells[_INDEX[finding.abnormality], ORGANS.index(location)] = True
        return cells

    def trace(self, text: str) -> list[Evidence]:
        """Everything that was found in a report, also what was dropped, with the reasons: what ``explain`` shows.

        Args:
            text: a report or a sentence.

        Returns:
            the evidence in the order of the text.

        Raises:
            TypeError: where it is no text.
            ValueError: where it has more than 200,000 characters.
        """
        check_type(text, str, "text", "Decode bytes first; an empty report is ''.")
        wanted = f"a report of at most {LONGEST_REPORT:,} characters"
        check(len(text) <= LONGEST_REPORT, "text", wanted, f"{len(text):,}", "Give each report alone.")
        found: list[tuple[ReportSentence, ParsedSentence, _Candidate]] = []
        for sentence in split_report(text, self.rules):
            parsed = parse_sentence(sentence.text, self.rules, always=False)
            mentions = find_mentions(parsed, self.rules)
            if mentions:
                found += [(sentence, parsed, one) for one in self._candidates(sentence, parsed, mentions)]
        known = self._known_sides(found)
        return [self._decide(sentence, parsed, candidate, known) for sentence, parsed, candidate in found]

    def explain(self, text: str, title: str = "Labels of a report") -> str:
        """An HTML page that shows a report with its evidence marked, for people to check.

        Args:
            text: a report or a sentence; whatever it contains is escaped.
            title: the page's title.

        Returns:
            the page, complete in itself (no script, nothing is loaded). It holds the report: keep it where that may be.
        """
        return evidence_page(text, self.trace(text), title)

    def label_presence(self, texts: Iterable[str]) -> np.ndarray:
        """Which labels reports have, wherever they lie: also those whose side stays unknown.

        Args:
            texts: N reports.

        Returns:
            bool (N, 80).
        """
        rows = [self.presence(self.label(text)) for text in checked_texts(texts)]
        return np.stack(rows) if rows else np.zeros((0, len(CHEST_CT_LABELS)), dtype=bool)

    @staticmethod
    def presence(findings: Iterable[Finding]) -> np.ndarray:
        """Which labels the findings of one report have.

        Args:
            findings: from :meth:`label`.

        Returns:
            bool (80,).
        """
        present = np.zeros(len(CHEST_CT_LABELS), dtype=bool)
        present[[_INDEX[finding.abnormality] for finding in findings]] = True
        return present

    def _candidates(
        self, sentence: ReportSentence, parsed: ParsedSentence, mentions: list[Mention]
    ) -> list[_Candidate]:
        """Every label that the mentions of a sentence could mean, one entry a label and organ."""
        places = pair_places(parsed, mentions, self.rules, sentence.skip)
        sizes = find_sizes(parsed)
        made = []
        for number, mention in enumerate(mentions):
            names = [(mention.finding, mention.rule, places[number])]
            for rule in self.rules.sizes.get(mention.finding, ()):
                measure = max if rule.measure == "longest" else min
                told = sizes_of(number, mentions, sizes, parsed)
                large = [size for size in told if measure(size.diameters_mm) > rule.above_mm]
                if large:
                    where = places_of(large, places[number], parsed)
                    names.append((rule.gives, f"{mention.rule}, {rule.rule}", where))
            for name, why, there in names:
                finding = self.rules.findings[name]
                if not any(finding.labels.values()):
                    continue
                placed = organs_of(finding, there, sentence.place)
                pairs = [(label, organ) for organ in placed.organs for label in finding.labels[organ]]
                for label, organ in pairs or [("", "")]:
                    made.append(_Candidate(label or name, organ, placed, mention, there, why))
        return made

    def _dropped(self, sentence: ReportSentence, candidate: _Candidate) -> str:
        """Why a candidate is no label, or an empty text."""
        status = candidate.mention.status
        if not sentence.read:
            return f"the section {sentence.section!r} is not read"
        told_of_the_past = self.rules.findings[candidate.mention.finding].in_history
        if status.name == "absent" or (status.name == "normal" and not told_of_the_past):
            return f"negated by {status.rule}"  # a staple line that is normal is there
        if status.name == "asked":
            return f"only looked for: {status.rule}"
        if status.name == "history" and not told_of_the_past:
            return f"history: {status.rule}"
        if status.name in _DOUBTS[self.uncertain]:
            return f"only {status.name} by {status.rule}"
        if not candidate.organ:
            return candidate.placed.reason
        return ""

    def _known_sides(self, found: list[tuple[ReportSentence, ParsedSentence, _Candidate]]) -> dict[str, set[str]]:
        """The sides that the report tells of each lung label anywhere: they hold where another sentence tells none."""
        known: dict[str, set[str]] = {}
        for sentence, _, candidate in found:
            if candidate.organ == "lung" and candidate.placed.sides and not self._dropped(sentence, candidate):
                known.setdefault(candidate.label, set()).update(candidate.placed.sides)
        return known

    def _decide(
        self,
        sentence: ReportSentence,
        parsed: ParsedSentence,
        candidate: _Candidate,
        known: dict[str, set[str]],
    ) -> Evidence:
        reason = self._dropped(sentence, candidate)
        locations: tuple[str, ...] = ()
        why = candidate.placed.reason
        if candidate.organ == "lung":
            sides = set(candidate.placed.sides)
            if not sides and known.get(candidate.label):
                sides, why = known[candidate.label], why + ", side from another sentence"
            elif not sides:
                why += f", side unknown: {self.side_unknown}"
                sides = {"right", "left"} if self.side_unknown == "both" else set()
                reason = reason or ("the side is unknown" if self.side_unknown == "none" else "")
            locations = tuple(_SIDE_ORGAN[side] for side in ("right", "left") if side in sides)
        elif candidate.organ:
            locations = (ORGANS[1],)
        spans = _spans(sentence, parsed, candidate.mention.matched)
        place_words = tuple(word for place in candidate.places for word in range(place.first, place.last))
        place_spans = _spans(sentence, parsed, place_words)
        finding = Finding(
            candidate.label,
            () if reason else locations,
            sentence.text,
            tuple(sentence.text[a - sentence.start : b - sentence.start] for a, b in spans),
            tuple(sentence.text[a - sentence.start : b - sentence.start] for a, b in place_spans),
            candidate.rule,
            sentence.section,
            candidate.mention.status.name in ("probable", "possible"),
            sentence.start,
        )
        return Evidence(finding, not reason, reason or f"kept: {why}", spans, place_spans)


def checked_texts(texts: Iterable[str]) -> Iterable[str]:
    """The texts, unless they are one: a text is a list of letters to Python."""
    check_type(texts, Iterable, "texts")
    if isinstance(texts, str):
        check_type(texts, list, "texts", "Put the report into a list.")
    return texts


def _spans(sentence: ReportSentence, parsed: ParsedSentence, words: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """The characters of the report that some words cover, neighbours joined."""
    spans: list[tuple[int, int]] = []
    last = -2
    for word in words:
        start, end = sentence.start + parsed.words[word].start, sentence.start + parsed.words[word].end
        if word == last + 1 and spans:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        last = word
    return tuple(spans)
