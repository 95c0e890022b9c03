"""Lexicon of phrases, stored as a tree of words, with search for the longest match at each word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from monai_pylon.labeler.text.spelling import Spelling

__all__ = ["Lexicon", "PhraseMatch", "Word", "read_words"]

# Contractions ("isn't"), numbers, "w/o" and similar shorthand, "(-)", words, and punctuation that separates phrases.
_TOKEN = re.compile(
    r"[^\W\d_]{3,}(?:(?<=[nN])'[tT]\b|(?<=(?i:there))'[sS]\b)?|[0-9]+(?:[.,][0-9]+)?"
    r"|(?<![A-Za-z])(?i:w/o\b|w/(?!o\b)|c/w\b|r/o\b|h/o\b|n/a\b|s/p\b|o/w\b|b/l\b|d/t\b|[lr]\s?>\s?[lr]\b)"
    r"|\([-+\u2212\u2013]\)|(?<=\s)[-+\u2212](?=\s*(?:[,;.]|\Z))|(?<!\w)[-+](?i:ve)\b|[^\W\d_]+|[,;:()/?]"
)
_SIDE_LETTERS = {"l", "r"}
_ENTRIES = ""  # key of a node's own entries, those of phrases with classes of words apart; no word is empty
_MAX_CACHED_WORDS = 20_000
_MAX_FUSED_LETTERS = 60  # longest word that is searched for two fused words
_MIN_FUSED_LETTERS = 10
_MIN_BESIDE_CONNECTING = 7  # letters of a known word that touches a connecting word
_MIN_PART_LETTERS = 4  # of each of two fused words


class Word(NamedTuple):
    """Word, number or punctuation mark in lower case, with its characters ``start`` to ``end`` - 1.

    Example:
        >>> Word("nodule", 3, 9).text
        'nodule'
    """

    text: str
    start: int
    end: int


class PhraseMatch(NamedTuple):
    """Phrase of the lexicon found in words ``first`` to ``last`` - 1, with its entries.

    Example:
        >>> PhraseMatch(0, 2, ["lung"]).last
        2
    """

    first: int
    last: int
    entries: list[Any]


def read_words(text: str, lexicon: Lexicon | None = None) -> list[Word]:
    """Split a text into words, numbers and the punctuation that separates phrases.

    Hyphens, quotes and other characters are skipped. A decimal number is one word.

    Args:
        text: Any text.
        lexicon: If given, two fused words ("atelectasisinfiltrate") that it knows are split, with a "/" between them.

    Returns:
        The words with their characters in the text.

    Example:
        >>> [word.text for word in read_words("A 1.2 cm Right-sided nodule, new.")]
        ['a', '1.2', 'cm', 'right', 'sided', 'nodule', ',', 'new']
    """
    words = [Word(match.group().lower(), match.start(), match.end()) for match in _TOKEN.finditer(text)]
    if lexicon is None:
        return words
    read: list[Word] = []
    for word in words:
        meant = lexicon.meant(word.text)
        if meant is None or (word.text in _SIDE_LETTERS and _beside_digit(text, word)):
            read.append(word)
            continue
        start = word.start
        for part, letters in meant:  # letters: of the written word, 0 for all
            end = start if part == "/" else start + letters if letters else word.end
            read.append(Word(part, start, end))
            start = end if letters else start
    return read


def _beside_digit(text: str, word: Word) -> bool:
    """Return whether a letter belongs to a number: "L1" is a vertebra and "2 L" a volume, not the left side."""
    return text[word.end : word.end + 1].isdigit() or text[: word.start].rstrip()[-1:].isdigit()


class Lexicon:
    """Vocabulary of phrases with entries.

    A word matches itself and its regular plural ("nodule" also "nodules", "opacity" also "opacities"). A word that ends
    in an asterisk matches any ending ("calcif*"). Only whole words match: "rib" is not found in "distribution".

    Example:
        >>> lexicon = Lexicon()
        >>> lexicon.add("right upper lobe", "place")
        >>> lexicon.add("calcif*", "finding")
        >>> [match.entries for match in lexicon.find(["calcified", "right", "upper", "lobes"])]
        [['finding'], ['place']]
    """

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self._added: list[tuple[str, Any]] = []
        self._exact: set[str] = set()
        self._stems: list[str] = []
        self._classes: dict[str, tuple[str, ...]] = {}
        self._cache: dict[str, tuple[str, ...]] = {}
        self._starting: dict[str, list[dict[str, Any]]] = {}
        self._spellings: dict[str, tuple[str, ...]] = {}
        self._spelling = Spelling(())
        self._connecting: tuple[str, ...] = ()
        self._meant: dict[str, tuple[tuple[str, int], ...] | None] = {}

    def add(self, phrase: str, entry: Any) -> None:
        """Add an entry under a phrase.

        Args:
            phrase: Words; one that ends in an asterisk matches any ending, ``<name>`` any word of a class.
            entry: Any object; a phrase may have several entries.
        """
        node = self._root
        self._added.append((phrase.lower(), entry))
        for word in phrase.lower().split():
            if word.endswith("*"):
                if word not in self._stems:
                    self._stems.append(word)
            else:
                self._exact.add(word)
            node = node.setdefault(word, {})
        node.setdefault(_ENTRIES, ([], []))["<" in phrase].append(entry)
        self._cache.clear()
        self._starting.clear()

    def set_classes(self, classes: dict[str, tuple[str, ...]]) -> None:
        """Set the classes of words: for each word the names that stand for it in phrases, such as "<be>".

        Args:
            classes: Names of the classes of each word.
        """
        self._classes = classes
        self._cache.clear()
        self._starting.clear()

    def phrases(self, entry_type: type, *kinds: str) -> list[str]:
        """Return the phrases with an entry of a type, without those with an asterisk or a class of words.

        Args:
            entry_type: Type of the entry.
            kinds: Values of its attribute ``kind``; none for all.
        """
        of_type = [(phrase, entry) for phrase, entry in self._added if isinstance(entry, entry_type)]
        kept = [phrase for phrase, entry in of_type if not kinds or getattr(entry, "kind", "") in kinds]
        return [phrase for phrase in kept if not {"*", "<"} & set(phrase)]

    def knows(self, word: str) -> bool:
        """Return whether a word occurs in a phrase of the vocabulary, also in another form.

        Args:
            word: One word in lower case.
        """
        return bool(self._forms(word)) or word in self._spellings

    def _is_exact(self, word: str) -> bool:
        """Return whether a word or its singular is in the vocabulary without an asterisk."""
        return any(not form.endswith("*") for form in self._forms(word))

    def _forms(self, word: str) -> tuple[str, ...]:
        """Return the vocabulary's words that match a written word, the exact one first."""
        forms = self._cache.get(word)
        if forms is None:
            candidates = [word]
            if len(word) > 3 and word.endswith("s"):
                candidates += [word[:-1], word[:-2]] if word.endswith("es") else [word[:-1]]
                candidates += [word[:-3] + "y"] if word.endswith("ies") else []
            forms = tuple([form for form in candidates if form in self._exact])
            forms += self._classes.get(word, ())
            forms += tuple([stem for stem in self._stems if word.startswith(stem[:-1])])
            if len(self._cache) < _MAX_CACHED_WORDS:  # reports may hold any number of different words
                self._cache[word] = forms
        return forms

    def set_spellings(
        self, spellings: dict[str, tuple[str, ...]], correct: Iterable[str], connecting: Iterable[str] = ()
    ) -> None:
        """Set what abbreviations and misspelled words mean.

        Args:
            spellings: Words that each written word means; a word that means none is never corrected.
            correct: Words to which a word that is one letter off is corrected.
            connecting: Short words that may stand without a space beside a known word ("effusionand").
        """
        self._spellings = spellings
        self._spelling = Spelling(correct)
        self._connecting = tuple(connecting)
        self._meant.clear()

    def meant(self, word: str) -> tuple[tuple[str, int], ...] | None:
        """Return the words that a written word stands for, with the number of its letters that each takes.

        These are the words of an abbreviation, two words without a space between them ("atelectasisinfiltrate", with a
        "/" between them), or the corrected word.

        Args:
            word: One word in lower case.

        Returns:
            The words, each with 0 if it stands for the whole; None if the word stands for itself.
        """
        try:
            return self._meant[word]
        except KeyError:
            meant = self._find_meant(word)
            if len(self._meant) < _MAX_CACHED_WORDS:
                self._meant[word] = meant
            return meant

    def _find_meant(self, word: str) -> tuple[tuple[str, int], ...] | None:
        means = self._spellings.get(word.replace(" ", ""))
        if means is not None:
            return tuple((part, 0) for part in means) or None
        if not word.isalpha() or self._is_exact(word):
            return None
        corrected = self._spelling.correct(word)
        if corrected:
            return ((corrected, 0),)
        letters = self._parted(word)
        if letters:
            return ((word[:letters], letters), ("/", 0), (word[letters:], len(word) - letters))
        for short in self._connecting:
            rest = len(word) - len(short)
            if rest >= _MIN_BESIDE_CONNECTING and word.endswith(short) and self._is_exact(word[:rest]):
                return ((word[:rest], rest), (short, len(short)))
            if rest >= _MIN_BESIDE_CONNECTING and word.startswith(short) and self._is_exact(word[len(short) :]):
                return ((short, len(short)), (word[len(short) :], rest))
        return None

    def _parted(self, word: str) -> int:
        """Return where to split a word that is two known words without a space, or 0."""
        if not _MIN_FUSED_LETTERS <= len(word) <= _MAX_FUSED_LETTERS:
            return 0
        for letters in range(_MIN_PART_LETTERS, len(word) - _MIN_PART_LETTERS + 1):
            if self._is_exact(word[:letters]) and self.knows(word[letters:]):
                return letters
        return 0

    def _first_nodes(self, word: str) -> list[dict[str, Any]]:
        """Return the nodes of the phrases that a word begins."""
        nodes = self._starting.get(word)
        if nodes is None:
            nodes = [self._root[form] for form in self._forms(word) if form in self._root]
            if len(self._starting) < _MAX_CACHED_WORDS:
                self._starting[word] = nodes
        return nodes

    def _is_adverb(self, word: str) -> bool:
        """Return whether a word within a phrase may be skipped: an adverb that has no meaning of its own."""
        return word.endswith("ly") and not any(_ENTRIES in node for node in self._first_nodes(word))

    def find(self, words: Sequence[str]) -> list[PhraseMatch]:
        """Find phrases from left to right, the longest at each word, without overlaps.

        An adverb that is no phrase of the vocabulary may stand within a phrase ("not convincingly seen").

        Args:
            words: Words in lower case.

        Returns:
            The matches. If two forms of a word match, the entries of the exact form come first.
        """
        found: list[PhraseMatch] = []
        forms = [self._forms(word) for word in words]
        start, count = 0, len(words)
        while start < count:
            nodes, end, longest = self._first_nodes(words[start]), start + 1, None
            while nodes:
                ending = [node[_ENTRIES] for node in nodes if _ENTRIES in node]
                if ending:  # phrases that are written out are preferred to those with classes of words
                    entries = [entry for own, _ in ending for entry in own]
                    entries = entries or [entry for _, own in ending for entry in own]
                    longest = PhraseMatch(start, end, entries)
                while end < count:
                    following = [node[form] for form in forms[end] for node in nodes if form in node]
                    end += 1  # "cannot convincingly be excluded"
                    if following or not self._is_adverb(words[end - 1]):
                        break
                else:
                    break
                nodes = following
            if longest is None:
                start += 1
            else:
                found.append(longest)
                start = longest.last
        return found
