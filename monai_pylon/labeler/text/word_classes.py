"""Classes of words in the phrases of the vocabulary: "<be> not <seen>" stands for "is not visible" and many others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

__all__ = ["expand_phrase", "members"]

_CLASS = re.compile(r"<([^<>?]+)(\??)>")


def expand_phrase(phrase: str, classes: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Return the phrases that a phrase with classes of words stands for.

    Args:
        phrase: Words and classes: ``<name>`` is one of the words of a class, ``<name?>`` one of them or nothing.
        classes: Words of each class; some may be of several words.

    Returns:
        The phrases, in which ``<name>`` remains for the single words of a class. The phrase itself if it has no class.

    Raises:
        KeyError: If there is no such class.

    Example:
        >>> expand_phrase("<be?> not seen", {"be": ("is", "are", "has been")})
        ['not seen', '<be> not seen', 'has been not seen']
    """
    choices, start = [], 0
    for match in _CLASS.finditer(phrase):
        name = match.group(1).strip()
        several = [words for words in classes[name] if " " in words]
        single = [f"<{name}>"] if len(several) < len(classes[name]) else []
        choices += [[phrase[start : match.start()]], [""] * bool(match.group(2)) + single + several]
        start = match.end()
    choices.append([phrase[start:]])
    return [" ".join("".join(parts).split()) for parts in product(*choices)]


def members(classes: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the classes of each single word.

    Args:
        classes: Words of each class.

    Returns:
        For each word the names of its classes, as they stand in phrases.

    Example:
        >>> members({"be": ("is", "has been"), "verb": ("is",)})
        {'is': ('<be>', '<verb>')}
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, words in classes.items():
        for word in words:
            if " " not in word:
                found[word] = (*found.get(word, ()), f"<{name}>")
    return found
