"""Entries of the vocabulary: what a line of a rule file says of a phrase."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["FindingRule", "SizeRule"]


class FindingRule(NamedTuple):
    """Labels of a finding in each kind of organ: a row of findings.csv.

    Attributes:
        labels: Labels of the finding in each kind of organ; may be empty.
        unplaced: Kind of organ of a finding without a place; if empty, such a finding is dropped.
        in_history: Whether the finding is kept although the report mentions it as history (surgery, devices).
        outside: Whether the finding implies its organ, so that other places beside it are ignored.
        denies: Whether the finding says that its labels are absent ("normal heart size").
        elsewhere: Whether a place outside lungs and mediastinum drops the finding ("edema of the legs").

    Example:
        >>> from monai_pylon.labeler.rules import default_rules
        >>> default_rules().findings["mass"].labels["mediastinum"]
        ('mediastinum mass',)
    """

    labels: dict[str, tuple[str, ...]]
    unplaced: str
    in_history: bool
    outside: bool
    elsewhere: bool
    denies: bool


class TermEntry(NamedTuple):
    """Term for a finding, with the findings whose mentions it replaces and the line that defines it."""

    finding: str
    replaces: tuple[str, ...]
    rule: str


class PartEntry(NamedTuple):
    """Part of a pattern, given by the indices of both."""

    pattern: int
    part: int


class PlaceEntry(NamedTuple):
    """Kind of organ and side ("right", "left", "both") that a place names; each may be empty."""

    organ: str
    side: str
    second: str = ""  # kind of organ for a finding that has no label in the first


class CueEntry(NamedTuple):
    """Cue that negates, hedges, joins or separates; ``value`` is the length of a unit in mm."""

    kind: str
    rule: str
    value: float


class Pattern(NamedTuple):
    """Term of several parts that may have other words between them."""

    finding: str
    replaces: tuple[str, ...]
    rule: str
    parts: int


class SizeRule(NamedTuple):
    """Second finding that a size adds to a finding: a row of sizes.csv.

    Example:
        >>> SizeRule("nodule", "longest", 10.0, "nodule over 1 cm", "sizes.csv line 2").above_mm
        10.0
    """

    finding: str
    measure: str
    above_mm: float
    gives: str
    rule: str
