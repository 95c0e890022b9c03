"""What the labeler gives back: findings, and the evidence for and against each."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Evidence", "Finding"]


class Finding(NamedTuple):
    """An abnormality of a report, where it lies, and why.

    ``locations`` are the organs of :data:`~monai_pylon.taxonomy.ORGANS` in which it lies (none where the side is
    unknown and was to stay so), ``terms`` and ``places`` the words that were matched, ``rule`` the lines of the
    vocabulary that made it, ``uncertain`` whether the report doubts it, ``start`` where its sentence begins.

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
    """What was found in a report and what became of it: kept as a label, or dropped, and by which rule.

    ``spans`` are the characters (start, end) of the report that the terms cover, ``place_spans`` those of the places.

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
