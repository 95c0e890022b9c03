"""Results of the labeler: findings, and the evidence for each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["ABSENT", "NOT_MENTIONED", "PRESENT", "UNCERTAIN", "Evidence", "Finding"]

#: States of a label in an organ.
PRESENT, ABSENT, UNCERTAIN, NOT_MENTIONED = 1, 0, -1, -2


class Finding(NamedTuple):
    """Abnormality that a report names, with its locations and the matched words and rules.

    Attributes:
        abnormality: One of the 80 labels, or a label that the rules add to them.
        locations: Organs of :data:`~monai_pylon.taxonomy.ORGANS` that hold it; empty if the side is unknown and
            ``side_unknown="unknown"``.
        sentence: Sentence that names it.
        terms: Matched words that name it.
        places: Matched words that locate it.
        rule: Lines of the vocabulary that produced it.
        section: Heading of its section.
        uncertain: Whether the report hedges it.
        start: Character of the report at which its sentence begins.

    Example:
        >>> from monai_pylon.labeler import ReportLabeler
        >>> ReportLabeler().label("Left pneumonia.")[0].locations
        ('left lung',)
    """

    abnormality: str
    locations: tuple[str, ...]
    sentence: str
    terms: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    rule: str = ""
    section: str = ""
    uncertain: bool = False
    start: int = 0


class Evidence(NamedTuple):
    """Finding that the labeler kept or dropped, with the reason.

    ``spans`` are the characters (start, end) of the report that the terms cover, ``place_spans`` those of the places,
    and ``cue_spans`` those of the negation or hedge that decided. ``state`` is 1 present, 0 absent, -1 uncertain or -2
    not mentioned, in the ``organs``. A report in a transport format is unwrapped first; then all positions refer to
    its plain text, which :meth:`~monai_pylon.labeler.ReportLabeler.explain` shows.

    Example:
        >>> from monai_pylon.labeler import ReportLabeler
        >>> ReportLabeler().trace("No pneumothorax.")[0].kept
        False
    """

    finding: Finding
    kept: bool
    reason: str
    spans: tuple[tuple[int, int], ...]
    place_spans: tuple[tuple[int, int], ...]
    state: int = 1
    organs: tuple[str, ...] = ()
    cue_spans: tuple[tuple[int, int], ...] = ()
