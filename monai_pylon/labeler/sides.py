"""Sides of lung findings that name none: from an extent, an operation, or another sentence of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from monai_pylon.labeler.candidates import Candidate
from monai_pylon.labeler.rules import LabelerRules

__all__ = ["Sides", "resolve_sides"]

_BOTH = ("right", "left")


class Sides(NamedTuple):
    """Sides of a lung finding ("right", "left"), empty if unknown, with the reason.

    Example:
        >>> Sides(("left",), "").names
        ('left',)
    """

    names: tuple[str, ...]
    reason: str


def _ordered(sides: set[str]) -> tuple[str, ...]:
    return tuple(side for side in _BOTH if side in sides)


def resolve_sides(candidates: Sequence[Candidate], kept: Sequence[bool], rules: LabelerRules) -> list[Sides]:
    """Find the sides of each candidate in the lung.

    A candidate with a side keeps it. Otherwise, in this order: a word of extent ("diffuse") means both lungs; "at the
    resection site" means the side of the operation; a label that a size derives has the sides of its finding; "it
    contains" means the side in the sentence before; and any finding takes the sides that other sentences give for the
    same label, except from those about a part of it ("the largest nodule", "worst in the right upper lobe").

    Args:
        candidates: Candidates of one report.
        kept: Whether each gives its label.
        rules: The vocabulary.

    Returns:
        The sides of each candidate; empty if it is not in the lung.

    Example:
        >>> from monai_pylon.labeler.candidates import find_candidates
        >>> from monai_pylon.labeler.rules import default_rules
        >>> found = find_candidates("Left effusion. It contains a nodule.", default_rules())
        >>> [sides.names for sides in resolve_sides(found, [True, True], default_rules())]
        [('left',), ('left',)]
    """
    known: dict[str, set[str]] = {}
    operated: set[str] = set()
    extent: set[str] = set()
    for one, keep in zip(candidates, kept, strict=True):
        if one.organ != "lung" or not keep:
            continue
        if one.placed.sides and "narrows" not in one.hints:
            known.setdefault(one.label, set()).update(one.placed.sides)
        if rules.findings[one.mention.finding].in_history:
            operated.update(one.placed.sides)
        if not one.placed.sides and "extent" in one.hints:
            extent.add(one.label)
    found: list[Sides] = []
    before: dict[int, set[str]] = {}  # sides in each sentence
    for one in candidates:
        sides = _of_one(one, known, operated, extent, before, found) if one.organ == "lung" else Sides((), "")
        found.append(sides)
        if sides.names and one.sentence.read:
            before.setdefault(one.number, set()).update(sides.names)
    return found


def _of_one(
    one: Candidate,
    known: dict[str, set[str]],
    operated: set[str],
    extent: set[str],
    before: dict[int, set[str]],
    found: list[Sides],
) -> Sides:
    if one.placed.sides:
        return Sides(one.placed.sides, "")
    if "extent" in one.hints:
        return Sides(_BOTH, "in both lungs by its extent")
    if "site" in one.hints:
        return Sides(_ordered(operated), "side of the operation") if operated else Sides((), "")
    if one.parent >= 0 and found[one.parent].names:
        return Sides(found[one.parent].names, "side of the finding with this size")
    if "refers" in one.hints and before.get(one.number - 1):
        return Sides(_ordered(before[one.number - 1]), "side from the sentence before")
    if known.get(one.label) and one.label not in extent:
        return Sides(_ordered(known[one.label]), "side from another sentence")
    return Sides((), "")
