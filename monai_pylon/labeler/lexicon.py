"""Find the phrases of a vocabulary in a text: a tree of words, walked once, the longest phrase at each place."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["Lexicon", "PhraseMatch", "Word", "read_words"]

_TOKEN = re.compile(r"[0-9]+(?:[.,][0-9]+)?|[^\W\d_]+|[,;:()/?]")
_ENTRIES = ""  # no word is empty, so a node keeps under this key what ends at it
_REMEMBERED = 20_000
_LONGEST_PAIR = 60  # letters: two words that grew together have no more


class Word(NamedTuple):
    """A word, number or punctuation mark, lower case, and where it stands.

    Example:
        >>> Word("nodule", 3, 9).text
        'nodule'
    """

    text: str
    start: int
    end: int


class PhraseMatch(NamedTuple):
    """A phrase of the vocabulary that was found: words ``first`` to ``last`` - 1, and what was entered under it.

    Example:
        >>> PhraseMatch(0, 2, ["lung"]).last
        2
    """

    first: int
    last: int
    entries: list[Any]


def read_words(text: str, lexicon: Lexicon | None = None) -> list[Word]:
    """Cut a text into words, numbers and the punctuation that parts phrases.

    Hyphens, quotes and other marks are passed over; a decimal number is one word.

    Args:
        text: any text.
        lexicon: where given, words that grew together ("atelectasisinfiltrate") are cut by what it knows.

    Returns:
        the words with their places in it.

    Example:
        >>> [word.text for word in read_words("A 1.2 cm Right-sided nodule, new.")]
        ['a', '1.2', 'cm', 'right', 'sided', 'nodule', ',', 'new']
    """
    words = [Word(match.group().lower(), match.start(), match.end()) for match in _TOKEN.finditer(text)]
    if lexicon is None:
        return words
    cut: list[Word] = []
    for word in words:
        at = lexicon.parted(word.text) if len(word.text) > 11 and not lexicon.knows(word.text) else 0
        cut += (
            [Word(word.text[:at], word.start, word.start + at), Word("/", word.start + at, word.start + at)]
            if at
            else []
        )
        cut.append(Word(word.text[at:], word.start + at, word.end))
    return cut


class Lexicon:
    """A vocabulary of phrases with entries.

    A word matches itself and its plain plural ("nodule" also "nodules", "opacity" also "opacities"); a word that ends
    in an asterisk matches any ending ("calcif*"). Words are matched whole: "rib" does not lie in "distribution".

    Example:
        >>> lexicon = Lexicon()
        >>> lexicon.add("right upper lobe", "place")
        >>> lexicon.add("calcif*", "finding")
        >>> [match.entries for match in lexicon.find(["calcified", "right", "upper", "lobes"])]
        [['finding'], ['place']]
    """

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}
        self._exact: set[str] = set()
        self._stems: list[str] = []
        self._known: dict[str, tuple[str, ...]] = {}

    def add(self, phrase: str, entry: Any) -> None:
        """Enter something under a phrase.

        Args:
            phrase: words; one that ends in an asterisk stands for any ending.
            entry: anything; several may stand under one phrase.
        """
        node = self._root
        for word in phrase.lower().split():
            if word.endswith("*"):
                if word not in self._stems:
                    self._stems.append(word)
            else:
                self._exact.add(word)
            node = node.setdefault(word, {})
        node.setdefault(_ENTRIES, []).append(entry)
        self._known.clear()

    def knows(self, word: str) -> bool:
        """Whether a word stands anywhere in the vocabulary.

        Args:
            word: one word, lower case.

        Returns:
            true too for a plain plural and for an ending that an asterisk stands for.
        """
        return bool(self._forms(word))

    def _forms(self, word: str) -> tuple[str, ...]:
        """The vocabulary's words that a written word may stand for, the exact one first."""
        forms = self._known.get(word)
        if forms is None:
            candidates = [word]
            if len(word) > 3 and word.endswith("s"):
                candidates += [word[:-1], word[:-2]] if word.endswith("es") else [word[:-1]]
                candidates += [word[:-3] + "y"] if word.endswith("ies") else []
            forms = tuple([form for form in candidates if form in self._exact])
            forms += tuple([stem for stem in self._stems if word.startswith(stem[:-1])])
            if len(self._known) < _REMEMBERED:  # a report may contain anything: what is remembered has an end
                self._known[word] = forms
        return forms

    def parted(self, word: str) -> int:
        """Where a word is two long known ones that grew together ("atelectasisinfiltrate").

        Args:
            word: one word, lower case.

        Returns:
            the number of letters of the first one; 0 where it is no such word.
        """
        for cut in range(5, len(word) - 4) if 11 < len(word) <= _LONGEST_PAIR else ():
            if self.knows(word[:cut]) and self.knows(word[cut:]):
                return cut
        return 0

    def find(self, words: Sequence[str]) -> list[PhraseMatch]:
        """The phrases in a list of words, from left to right, the longest at each place, none over another.

        Args:
            words: lower-case words.

        Returns:
            the matches; of two forms of a word the exact one's entries come first.
        """
        found: list[PhraseMatch] = []
        place, count = 0, len(words)
        while place < count:
            nodes, reach, best = [self._root], place, None
            while nodes and reach < count:
                forms = self._forms(words[reach])
                nodes = [node[form] for form in forms for node in nodes if form in node] if forms else []
                reach += 1
                entries = [entry for node in nodes for entry in node.get(_ENTRIES, ())]
                if entries:
                    best = PhraseMatch(place, reach, entries)
            if best is None:
                place += 1
            else:
                found.append(best)
                place = best.last
        return found
