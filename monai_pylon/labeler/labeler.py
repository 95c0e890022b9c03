"""Labels and locations of a report, with the evidence for each."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike

import numpy as np

from monai_pylon.labeler.candidates import find_candidates
from monai_pylon.labeler.decisions import DROPPED, decide, reason_to_drop
from monai_pylon.labeler.explain import evidence_page
from monai_pylon.labeler.findings import Evidence, Finding
from monai_pylon.labeler.report_checks import PlainReport, plain_report, report_problems
from monai_pylon.labeler.report_text import LONGEST_REPORT
from monai_pylon.labeler.rules import LabelerRules, default_rules, read_rules
from monai_pylon.labeler.sides import resolve_sides
from monai_pylon.labeler.states import report_states
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.taxonomy.label_sets import LabelSet, label_set, merge_states, organs_of_labels
from monai_pylon.utils import check_choice, check_type

__all__ = ["ReportLabeler"]

SIDE_UNKNOWN = ("both", "none", "unknown")


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
        check_choice(uncertain, DROPPED, "uncertain")
        loaded = default_rules() if rules is None else rules
        self.rules = loaded if isinstance(loaded, LabelerRules) else read_rules(loaded)
        self.side_unknown, self.uncertain = side_unknown, uncertain
        self.labels: tuple[str, ...] = (*CHEST_CT_LABELS, *self.rules.own_labels)
        self._index = {label: number for number, label in enumerate(self.labels)}
        self._last: tuple[str, PlainReport, list[Evidence]] | None = None
        self._hidden = {label for label in organs_of_labels() if label not in self._index}
        self._concepts = (*self.labels, *sorted(self._hidden))

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
        return np.stack(rows) if rows else np.zeros((0, len(self.labels), len(ORGANS)), dtype=bool)

    def matrix(self, findings: Iterable[Finding]) -> np.ndarray:
        """Convert the findings of one report to a label matrix.

        Args:
            findings: Findings from :meth:`label`.

        Returns:
            Bool array (80, 3): label present in right lung, mediastinum, left lung.
        """
        matrix = np.zeros((len(self.labels), len(ORGANS)), dtype=bool)
        for finding in findings:
            for location in finding.locations:
                matrix[self._index[finding.abnormality], ORGANS.index(location)] = True
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
        return [evidence for evidence in self.read_report(text)[1] if evidence.finding.abnormality not in self._hidden]

    def read_report(self, text: str) -> tuple[PlainReport, list[Evidence]]:
        """Return the plain form of a report and its evidence, also for concepts that are no label of this labeler.

        The last report is kept, so that its labels, states, problems and page need only one reading.

        Args:
            text: Report or sentence.

        Returns:
            The plain report, and its evidence; none if it has a problem.

        Raises:
            TypeError: If the text is not a string.
            ValueError: If the text has more than 200,000 characters.
        """
        check_type(text, str, "text", "Decode bytes first; an empty report is ''.")
        if len(text) > LONGEST_REPORT:
            limit = f"text has {len(text):,} characters, but a report may have at most {LONGEST_REPORT:,}."
            raise ValueError(f"{limit} Pass each report on its own.")
        last = self._last
        if last is None or last[0] != text:
            plain = plain_report(text, self.rules)
            last = self._last = (text, plain, [] if plain.problem else self._evidence(plain.text))
        return last[1], last[2]

    def _evidence(self, text: str) -> list[Evidence]:
        """Return the evidence for all concepts in a plain report."""
        found = find_candidates(text, self.rules)
        reasons = [reason_to_drop(candidate, self.rules, self.uncertain) for candidate in found]
        sides = resolve_sides(found, [not reason for reason in reasons], self.rules)
        return [
            decide(candidate, reason, own, self.side_unknown, self.rules)
            for candidate, reason, own in zip(found, reasons, sides, strict=True)
        ]

    def states(self, texts: Iterable[str], labels: str | LabelSet = "") -> np.ndarray:
        """Label reports with four states.

        Args:
            texts: N reports.
            labels: Label set: "RAD-ChestCT-80", "CT-RATE-18", "CheXpert-14", "ChestX-ray14", or a set of your own;
                empty for the labels of this labeler, which are the first one and those that the rules add.

        Returns:
            int8 (N, M, 3) for right lung, mediastinum, left lung: 1 present, 0 absent, -1 uncertain (probable or
            possible), -2 not mentioned. A report that cannot be read (see :meth:`problems`) is -2 everywhere. The
            option ``uncertain`` has no effect.

        Raises:
            ValueError: If there is no such label set.

        Example:
            >>> found = ReportLabeler().states(["Possible pneumonia. No effusion."], "ChestX-ray14")
            >>> found[0, [2, 6, 7]].tolist()  # effusion, pneumonia, pneumothorax
            [[0, -2, 0], [-1, -2, -1], [-2, -2, -2]]
        """
        target = labels if isinstance(labels, LabelSet) else label_set(labels) if labels else None
        known = self.labels if target is None else self._concepts
        rows = [report_states(self.read_report(text)[1], known) for text in checked_texts(texts)]
        states = np.stack(rows) if rows else np.zeros((0, len(known), len(ORGANS)), dtype=np.int8)
        return states if target is None else merge_states(states, known, target)

    def explain(self, text: str, title: str = "Labels of a report") -> str:
        """Make an HTML page that shows a report with its evidence highlighted, for review by people.

        Args:
            text: Report or sentence; any markup in it is escaped.
            title: Title of the page.

        Returns:
            The page, self-contained and without scripts. It holds the report: store it only where reports may be.
        """
        return evidence_page(self.read_report(text)[0].text, self.trace(text), title)

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
        return np.stack(rows) if rows else np.zeros((0, len(self.labels)), dtype=bool)

    def presence(self, findings: Iterable[Finding]) -> np.ndarray:
        """Convert the findings of one report to a label vector.

        Args:
            findings: Findings from :meth:`label`.

        Returns:
            Bool array (80,): label present.
        """
        present = np.zeros(len(self.labels), dtype=bool)
        present[[self._index[finding.abnormality] for finding in findings]] = True
        return present


def checked_texts(texts: Iterable[str]) -> Iterable[str]:
    """Return the texts, or raise a TypeError if they are a single string, over whose letters Python would iterate."""
    check_type(texts, Iterable, "texts")
    if isinstance(texts, str):
        check_type(texts, list, "texts", "Put the report into a list.")
    return texts
