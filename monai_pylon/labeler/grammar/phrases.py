"""Phrase classification: the status of each word of a sentence (stated, hedged, negated, history).

This is the first of SARLE's three steps. SARLE drops the whole phrase that holds a negation. Here each negation has a
scope with an end, so "no pneumothorax but a small left effusion" keeps its second half.
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from monai_pylon.labeler.grammar.scopes import Scopes, Status
from monai_pylon.labeler.grammar.statements import MARKS
from monai_pylon.labeler.rule_entries import CueEntry
from monai_pylon.labeler.rules import LabelerRules, default_rules
from monai_pylon.labeler.text.lexicon import PhraseMatch, Word, read_words

__all__ = ["ParsedSentence", "Phrase", "classify_phrases", "parse_sentence", "pronouns", "refers_back"]


class Phrase(NamedTuple):
    """Run of words with the same status.

    Example:
        >>> Phrase("left pneumonia", "stated", "").abnormal
        True
    """

    text: str
    status: str
    rule: str

    @property
    def abnormal(self) -> bool:
        """Return whether the phrase asserts its findings, with or without a hedge."""
        return self.status in ("stated", "probable", "possible")


class ParsedSentence(NamedTuple):
    """Words of a sentence, the vocabulary matched in it, and the status of each word.

    ``kinds`` holds for each match the kinds of its cues, ``starts`` for each kind of cue the words at which one begins.

    Example:
        >>> [status.name for status in parse_sentence("no mass").statuses]
        ['absent', 'absent']
    """

    text: str
    words: list[Word]
    matches: list[PhraseMatch]
    kinds: list[set[str]]
    statuses: list[Status]
    starts: dict[str, list[int]]

    def has(self, match: int, *kinds: str) -> bool:
        """Return whether a match is a cue of one of some kinds.

        Args:
            match: Index of the match.
            kinds: Kinds as in cues.csv, such as "contrast".
        """
        return not self.kinds[match].isdisjoint(kinds)

    def first_words(self, *kinds: str) -> set[int]:
        """Return the indices of the words at which cues of some kinds begin.

        Args:
            kinds: Kinds as in cues.csv.
        """
        starts = self.starts
        found: set[int] = set()
        for kind in kinds:
            if kind in starts:
                found.update(starts[kind])
        return found


def refers_back(parsed: ParsedSentence, first: int) -> bool:
    """Return whether a word such as "it" refers to something before; "there" does so only at the end of a clause.

    Args:
        parsed: The sentence.
        first: Index of the word.

    Returns:
        Whether it refers back.

    Example:
        >>> refers_back(parse_sentence("Scarring there."), 1), refers_back(parse_sentence("There scarring is."), 0)
        (True, False)
    """
    if first not in parsed.first_words("refers at end"):
        return True
    return first > 0 and (first + 1 == len(parsed.words) or parsed.words[first + 1].text in ",;")


def pronouns(parsed: ParsedSentence) -> list[int]:
    """Return the indices of the words that stand for a finding: "a small one is on the left", "none on the left".

    Such a word stands before a verb or preposition, or at the end of a clause.

    Args:
        parsed: The sentence.

    Returns:
        Indices of words.

    Example:
        >>> pronouns(parse_sentence("A small one is on the left.")), pronouns(parse_sentence("One nodule."))
        ([2], [])
    """
    after = parsed.first_words("verb", "predicate", "preposition", "persists", "negates before", "normal before")
    return [
        first
        for first in parsed.starts.get("pronoun", ())
        if first + 1 == len(parsed.words) or parsed.words[first + 1].text in MARKS or first + 1 in after
    ]


def parse_sentence(sentence: str, rules: LabelerRules | None = None, always: bool = True) -> ParsedSentence:
    """Split a sentence into words, match the vocabulary, and give each word its status.

    Args:
        sentence: One sentence.
        rules: Rules from :func:`~monai_pylon.labeler.rules.read_rules`; None uses those of the package.
        always: If false, all words stay "stated" in a sentence without a finding. This saves time on most sentences.

    Returns:
        The parsed sentence.

    Example:
        >>> parsed = parse_sentence("The effusion has resolved, but a nodule is new.")
        >>> [word.text for word, status in zip(parsed.words, parsed.statuses) if status.name == "absent"]
        ['the', 'effusion', 'has', 'resolved']
    """
    rules = default_rules() if rules is None else rules
    words = read_words(sentence, rules.lexicon)
    matches = rules.lexicon.find([word.text for word in words])
    kinds = [{entry.kind for entry in match.entries if type(entry) is CueEntry} for match in matches]
    scopes = Scopes(words, matches, kinds)
    if always or scopes.terms:
        for number, match in enumerate(matches):
            for entry in match.entries:
                if isinstance(entry, CueEntry):
                    scopes.apply_cue(number, entry)
        scopes.apply_question_marks()
    starts: dict[str, list[int]] = {}
    for match, own in zip(matches, kinds, strict=True):
        for kind in own:
            starts.setdefault(kind, []).append(match.first)
    return ParsedSentence(sentence, words, matches, kinds, scopes.statuses, starts)


def classify_phrases(sentence: str, rules: LabelerRules | None = None) -> list[Phrase]:
    """Split a sentence into phrases with their statuses: the first step of SARLE.

    Args:
        sentence: One sentence.
        rules: Rules from :func:`~monai_pylon.labeler.rules.read_rules`; None uses those of the package.

    Returns:
        The phrases in their order. A "stated", "probable" or "possible" phrase is abnormal if it holds a finding.

    Example:
        >>> [phrase.text for phrase in classify_phrases("The heart is enlarged without pericardial effusion")]
        ['The heart is enlarged', 'without pericardial effusion']
    """
    parsed = parse_sentence(sentence, rules)
    phrases = []
    for (name, rule), group in groupby(range(len(parsed.words)), key=lambda index: parsed.statuses[index][:2]):
        indices = list(group)
        text = sentence[parsed.words[indices[0]].start : parsed.words[indices[-1]].end]
        phrases.append(Phrase(text, name, rule))
    return phrases
