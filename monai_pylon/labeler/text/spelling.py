"""Spelling correction by one letter: a missing, additional, wrong or exchanged letter in a word of the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["Spelling"]

_FEWEST_LETTERS = 6  # of a word that is corrected


def _without_one(word: str) -> set[str]:
    return {word[:index] + word[index + 1 :] for index in range(len(word))}


def _one_edit_apart(first: str, second: str) -> bool:
    """Return whether one insertion, deletion, substitution or exchange of neighbors turns one word into the other."""
    if len(first) > len(second):
        first, second = second, first
    start = 0
    while start < len(first) and first[start] == second[start]:
        start += 1
    if len(first) < len(second):
        return first[start:] == second[start + 1 :]
    exchanged = (
        first[start : start + 2] == second[start : start + 2][::-1] and first[start + 2 :] == second[start + 2 :]
    )
    return first[start + 1 :] == second[start + 1 :] or exchanged


class Spelling:
    """Index of correctly spelled words that finds the one that a misspelled word means.

    A word is corrected only if exactly one word is one edit apart and starts with the same letter.

    Args:
        words: Words with at least six letters; shorter ones are ignored.

    Example:
        >>> spelling = Spelling(["consolidation", "pneumothorax"])
        >>> spelling.correct("consoldiation"), spelling.correct("consideration")
        ('consolidation', '')
    """

    def __init__(self, words: Iterable[str]) -> None:
        self._near: dict[str, list[str]] = {}
        for word in {word for word in words if len(word) >= _FEWEST_LETTERS}:
            for key in {word} | _without_one(word):
                self._near.setdefault(key, []).append(word)

    def correct(self, word: str) -> str:
        """Return the word that a misspelled word means, or an empty text.

        Args:
            word: One word in lower case.
        """
        if len(word) < _FEWEST_LETTERS:
            return ""
        candidates = {near for key in {word} | _without_one(word) for near in self._near.get(key, ())}
        meant = [near for near in candidates if near[0] == word[0] and _one_edit_apart(word, near)]
        return meant[0] if len(meant) == 1 else ""
