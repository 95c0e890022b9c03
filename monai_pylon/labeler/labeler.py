"""Labels and locations of a report, with the evidence for each."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import numpy as np

from monai_pylon.labeler.candidates import Candidate, find_candidates
from monai_pylon.labeler.explain import evidence_page
from monai_pylon.labeler.findings import Evidence, Finding
from monai_pylon.labeler.phrases import ParsedSentence
from monai_pylon.labeler.report_checks import plain_report, report_problems
from monai_pylon.labeler.report_text import LONGEST_REPORT
from monai_pylon.labeler.rules import LabelerRules, default_rules, read_rules
from monai_pylon.labeler.sides import Sides, resolve_sides
from monai_pylon.labeler.text.sections import ReportSentence
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.utils import check_choice, check_type

__all__ = ["ReportLabeler"]

SIDE_UNKNOWN = ("both", "none", "unknown")
#: Choices of ``uncertain`` with the hedged statuses that each drops.
UNCERTAIN = {"probable": ("possible",), "present": (), "absent": ("possible", "probable")}
_INDEX = {label: number for number, label in enumerate(CHEST_CT_LABELS)}
_SIDE_ORGAN = {"right": ORGANS[0], "left": ORGANS[2]}


class ReportLabeler:
    """Labeler for the 80 abnormalities of RAD-ChestCT and their locations in free-text radiology reports.

    The method is SARLE's (phrases, terms, locations; PARTITION's paper, section 12.1), with negation scopes, and with
    places assigned within the clause. Nothing is learned: the vocabulary and the rules are CSV files in a folder.

    The time for a text grows in proportion to its length, regardless of its content. A text may have at most 200,000
    characters.

    Args:
        rules: Folder of rules, or rules from `read_rules`; None uses those of the package.
        side_unknown: Location of a lung finding without a side: "both" lungs, "none" (drop the finding, as the paper's
            authors do), or "unknown" (keep it without locations).
        uncertain: Handling of hedged findings: "probable" keeps probable ones and drops possible ones, "present" keeps
            both, "absent" drops both.

    Raises:
        ValueError: If ``side_unknown`` or ``uncertain`` is none of these, or a line of the rules is wrong.

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
        """Find the abnormalities of a report and their locations.

        Args:
            text: Report or sentence, at most 200,000 characters.

        Returns:
            One :class:`Finding` for each mention, in the order of the text. An abnormality that several sentences
            mention occurs several times.
        """
        return [evidence.finding for evidence in self.trace(text) if evidence.kept]

    def label_matrix(self, texts: Iterable[str]) -> np.ndarray:
        """Label reports, in the form that :func:`~monai_pylon.transforms.allowed_regions` takes for each report.

        Args:
            texts: N reports.

        Returns:
            Bool array (N, 80, 3): label present in right lung, mediastinum, left lung.
        """
        rows = [self.matrix(self.label(text)) for text in checked_texts(texts)]
        return np.stack(rows) if rows else np.zeros((0, len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)

    @staticmethod
    def matrix(findings: Iterable[Finding]) -> np.ndarray:
        """Convert the findings of one report to a label matrix.

        Args:
            findings: Findings from :meth:`label`.

        Returns:
            Bool array (80, 3): label present in right lung, mediastinum, left lung.
        """
        matrix = np.zeros((len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)
        for finding in findings:
            for location in finding.locations:
                matrix[_INDEX[finding.abnormality], ORGANS.index(location)] = True
        return matrix

    def trace(self, text: str) -> list[Evidence]:
        """Return the findings that were kept and those that were dropped, with the reasons, as :meth:`explain` shows.

        Args:
            text: Report or sentence.

        Returns:
            The evidence in the order of the text.

        Raises:
            TypeError: If the text is not a string.
            ValueError: If the text has more than 200,000 characters.
        """
        check_type(text, str, "text", "Decode bytes first; an empty report is ''.")
        if len(text) > LONGEST_REPORT:
            limit = f"text has {len(text):,} characters, but a report may have at most {LONGEST_REPORT:,}."
            raise ValueError(f"{limit} Pass each report on its own.")
        plain = plain_report(text, self.rules)
        if plain.problem:
            return []
        found = find_candidates(plain.text, self.rules)
        reasons = [self._reason_to_drop(candidate) for candidate in found]
        sides = resolve_sides(found, [not reason for reason in reasons], self.rules)
        return [self._decide(*of_one) for of_one in zip(found, reasons, sides, strict=True)]

    def explain(self, text: str, title: str = "Labels of a report") -> str:
        """Make an HTML page that shows a report with its evidence highlighted, for review by people.

        Args:
            text: Report or sentence; any markup in it is escaped.
            title: Title of the page.

        Returns:
            The page, self-contained and without scripts. It holds the report: store it only where reports may be.
        """
        return evidence_page(plain_report(text, self.rules).text, self.trace(text), title)

    def problems(self, text: str) -> list[str]:
        """Name the problems of a report, such as another language or nothing to read.

        Args:
            text: Report or sentence.

        Returns:
            The problems (see :func:`~monai_pylon.labeler.report_checks.report_problems`). A report with any of them but
            "broken characters" has no labels, and is unknown instead of normal.
        """
        return report_problems(text, self)

    def label_presence(self, texts: Iterable[str]) -> np.ndarray:
        """Label reports without locations; this includes labels whose side is unknown.

        Args:
            texts: N reports.

        Returns:
            Bool array (N, 80): label present.
        """
        rows = [self.presence(self.label(text)) for text in checked_texts(texts)]
        return np.stack(rows) if rows else np.zeros((0, len(CHEST_CT_LABELS)), dtype=bool)

    @staticmethod
    def presence(findings: Iterable[Finding]) -> np.ndarray:
        """Convert the findings of one report to a label vector.

        Args:
            findings: Findings from :meth:`label`.

        Returns:
            Bool array (80,): label present.
        """
        present = np.zeros(len(CHEST_CT_LABELS), dtype=bool)
        present[[_INDEX[finding.abnormality] for finding in findings]] = True
        return present

    def _reason_to_drop(self, candidate: Candidate) -> str:
        """Return why a candidate gives no label, or an empty string."""
        status = candidate.mention.status
        if not candidate.sentence.read:
            return f"the section {candidate.sentence.section!r} is not read"
        kept_in_history = self.rules.findings[candidate.mention.finding].in_history
        if status.name == "absent" or (status.name == "normal" and not kept_in_history):
            return f"negated by {status.rule}"  # a staple line that looks normal is present
        if status.name == "asked":
            return f"only looked for: {status.rule}"
        if status.name == "other":
            return f"about somebody or something else: {status.rule}"
        if status.name == "history" and not kept_in_history:
            return f"history: {status.rule}"
        if status.name in UNCERTAIN[self.uncertain]:
            return f"only {status.name} by {status.rule}"
        if not candidate.organ:
            return candidate.placed.reason
        return ""

    def _decide(self, candidate: Candidate, reason: str, sides: Sides) -> Evidence:
        """Keep or drop a candidate and give it its locations."""
        sentence, parsed, status = candidate.sentence, candidate.parsed, candidate.mention.status
        locations: tuple[str, ...] = ()
        why = candidate.placed.reason
        if candidate.organ == "lung":
            names, why = sides.names, why + (f", {sides.reason}" if sides.reason else "")
            if not names:
                why += f", side unknown: {self.side_unknown}"
                names = ("right", "left") if self.side_unknown == "both" else ()
                reason = reason or ("the side is unknown" if self.side_unknown == "none" else "")
            locations = tuple(_SIDE_ORGAN[side] for side in names)
        elif candidate.organ:
            locations = (ORGANS[1],)
        spans = _spans(sentence, parsed, candidate.mention.matched)
        place_words = tuple(word for place in candidate.places for word in range(place.first, place.last))
        place_spans = _spans(sentence, parsed, place_words)
        finding = Finding(
            abnormality=candidate.label,
            locations=() if reason else locations,
            sentence=sentence.text,
            terms=_texts(sentence, spans),
            places=_texts(sentence, place_spans),
            rule=candidate.rule,
            section=sentence.section,
            uncertain=status.name in ("probable", "possible"),
            start=sentence.start,
        )
        return Evidence(finding, not reason, reason or f"kept: {why}", spans, place_spans)


def checked_texts(texts: Iterable[str]) -> Iterable[str]:
    """Return the texts, or raise a TypeError if they are a single string, over whose letters Python would iterate."""
    check_type(texts, Iterable, "texts")
    if isinstance(texts, str):
        check_type(texts, list, "texts", "Put the report into a list.")
    return texts


def _texts(sentence: ReportSentence, spans: tuple[tuple[int, int], ...]) -> tuple[str, ...]:
    return tuple(sentence.text[start - sentence.start : end - sentence.start] for start, end in spans)


def _spans(sentence: ReportSentence, parsed: ParsedSentence, words: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return the characters (start, end) of the report that words cover, with adjacent words joined."""
    spans: list[tuple[int, int]] = []
    last = -2
    for word in words:
        start, end = sentence.start + parsed.words[word].start, sentence.start + parsed.words[word].end
        if word == last + 1:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
        last = word
    return tuple(spans)
