"""Organs and sides of a finding, from its places, its heading, or the organ that it implies."""

from __future__ import annotations

from typing import NamedTuple

from monai_pylon.labeler.anatomy import Place
from monai_pylon.labeler.rule_entries import FindingRule, PlaceEntry

__all__ = ["Placed", "organs_of"]


class Placed(NamedTuple):
    """Location of a finding: kinds of organ, sides ("right", "left"; empty if unknown), and the reason.

    Example:
        >>> Placed(("lung",), ("right",), "named").sides
        ('right',)
    """

    organs: tuple[str, ...]
    sides: tuple[str, ...]
    reason: str


def _sides(places: list[Place]) -> tuple[str, ...]:
    """Return the sides that places name; a plural ("lung bases") implies both only if no place names a side."""
    places = [place for place in places if not place.partial]
    named = {place.side for place in places if place.side and not (place.organ and place.side == "both")}
    named |= {place.side for place in places if place.side == "both"} if not named else set()
    return _in_order(named)


def _in_order(named: set[str]) -> tuple[str, ...]:
    """Return the sides among some names; "both" names the right and the left one."""
    return tuple(side for side in ("right", "left") if side in named or "both" in named)


def _possible_organs(rule: FindingRule, places: list[Place]) -> list[str]:
    """Return the kinds of organ that the places name and in which the finding has a label."""
    named = {place.organ if rule.labels.get(place.organ) else place.second for place in places if place.organ}
    return [organ for organ in rule.labels if rule.labels[organ] and organ in named]


def organs_of(rule: FindingRule, places: list[Place], heading: PlaceEntry) -> Placed:
    """Locate a finding by its places, by its heading, or by the organ that it implies.

    Args:
        rule: The finding.
        places: Its places; may be empty.
        heading: Place of the section heading.

    Returns:
        Organs and sides; no organ if the finding lies elsewhere or its organ is unknown.

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> organs_of(default_rules().findings["nodule"], [], PlaceEntry("", "")).organs
        ('lung',)
    """
    sides = _sides(places) or _in_order({heading.side})
    possible = _possible_organs(rule, places)
    if possible:
        return Placed(tuple(possible), sides, "named")
    elsewhere = any(place.organ == "elsewhere" and not place.beside for place in places)
    if rule.outside and not (rule.elsewhere and elsewhere):
        return Placed((rule.unplaced,), sides, "implied by the finding")
    others = [place.organ for place in places if place.organ]
    if others:
        reason = "elsewhere" if "elsewhere" in others else f"in the {others[0]}, where it has no label"
        return Placed((), sides, reason)
    if heading.organ == "elsewhere":
        return Placed((), sides, "elsewhere, by the heading")
    if heading.organ and rule.labels[heading.organ]:
        return Placed((heading.organ,), sides, "by the heading")
    if rule.unplaced:
        return Placed((rule.unplaced,), sides, "implied by the finding")
    return Placed((), sides, "no place is named")
