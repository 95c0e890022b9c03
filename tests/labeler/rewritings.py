"""Rewritings of a report that must not change its labels, or must exchange left and right."""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Callable

import numpy as np

from monai_pylon.labeler import ReportLabeler

_MIRRORED = {"left": "right", "lul": "rul", "lll": "rll", "lt": "rt"}
_MIRRORED |= {there: here for here, there in _MIRRORED.items()}
_WORD = re.compile(r"\b(" + "|".join(_MIRRORED) + r")\b", re.IGNORECASE)
#: Words of one side without a counterpart; reports with them are not mirrored.
_ONE_SIDED = re.compile(
    r"middle lobe|rml|lingul|intermedius|retrocardiac|minor fissure|azygo|right (clinical|setting)",
    re.IGNORECASE,
)
#: Words that refer to another sentence; reports with them are not reordered.
_REFERENCE = re.compile(
    r"\b(it|its|they|this|these|them|there|same|latter|former|surrounding|adjacent|associated|one|ones|larger|larg?est|site|"
    r"dominant|both|above|here|which|that|also|other|another|otherwise)\b",
    re.IGNORECASE,
)
NORMAL = "The bones are intact."


def mirrored(text: str) -> str:
    """Exchange left and right."""

    def other(match: re.Match[str]) -> str:
        word = _MIRRORED[match.group().lower()]
        return word.upper() if match.group().isupper() else word.title() if match.group()[0].isupper() else word

    return _WORD.sub(other, text)


def _wrapped(text: str, width: int) -> str:
    return "\n\n".join(textwrap.fill(part, width, break_long_words=False) for part in re.split(r"\n\s*\n", text))


def _with_normal_sentences(text: str) -> str:
    return "\n\n".join(f"{part.rstrip()} {NORMAL}" for part in re.split(r"\n\s*\n", text) if part.strip())


def _reordered(text: str) -> str:
    parts = []
    for part in re.split(r"\n\s*\n", text):
        heading, found, body = part.partition(": ")
        if not found or not heading.isupper():
            heading, body = "", part
        sentences = [one.strip().rstrip(".") for one in re.split(r"\.\s+", body) if one.strip(" .")]
        random.Random(len(text)).shuffle(sentences)
        parts.append((f"{heading}: " if heading else "") + ". ".join(sentences) + ".")
    return "\n\n".join(parts)


#: Rewritings under which the labels and their places stay.
SAME: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "small letters": str.lower,
    "lines of 40 characters": lambda text: _wrapped(text, 40),
    "lines of 72 characters": lambda text: _wrapped(text, 72),
    "lines of 40 characters in capitals": lambda text: _wrapped(text, 40).upper(),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "line ends of old Macs": lambda text: text.replace("\n", "\r"),
    "double spaces": lambda text: text.replace(" ", "  "),
    "tabs and spaces": lambda text: text.replace(". ", ".\t "),
    "extra normal sentences": _with_normal_sentences,
}


def changed(labeler: ReportLabeler, text: str) -> list[str]:
    """Return the names of the rewritings that change the labels of a report."""
    cells = labeler.label_matrix([text])[0]
    wrong = [name for name, rewrite in SAME.items() if (labeler.label_matrix([rewrite(text)])[0] != cells).any()]
    if not _ONE_SIDED.search(text):
        mirror = labeler.label_matrix([mirrored(text)])[0]
        wrong += ["left and right"] if (mirror[:, ::-1] != cells).any() else []
    if all(part.count(":") < 2 for part in text.split("\n\n")) and not _REFERENCE.search(text):
        wrong += ["other order"] if (labeler.label_matrix([_reordered(text)])[0] != cells).any() else []
    return wrong


def difference(labeler: ReportLabeler, text: str, rewritten: str) -> np.ndarray:
    """Return the labels and organs (K, 2) in which two texts differ."""
    return np.argwhere(labeler.label_matrix([text])[0] != labeler.label_matrix([rewritten])[0])
