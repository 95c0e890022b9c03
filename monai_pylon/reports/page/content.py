"""Content of a reading page, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.utils import check

__all__ = ["PageFinding", "PageText", "check_findings", "headlines", "listed", "most_probable", "percent"]


class PageFinding(NamedTuple):
    """Finding on a reading page.

    Attributes:
        name: Name of the finding.
        probability: Probability of the finding, 0 to 1.
        map: Signed map on its own grid, (x, y, z) of a scan or (rows, columns) of a radiograph; None if not computed.
        map_affine: Matrix from the map's cells to RAS mm (4, 4), or to pixels (row, column) of the radiograph (3, 3).
        scores: Scores (S,) of the slice groups; None without.
        boxes: Boxes (n, 4) of a reader, (x1, y1, x2, y2) in pixels of the radiograph.

    Example:
        >>> PageFinding("lung mass", 0.7).map is None
        True
    """

    name: str
    probability: float
    map: np.ndarray | None = None
    map_affine: np.ndarray | None = None
    scores: np.ndarray | None = None
    boxes: Sequence[Sequence[float]] = ()


class PageText(NamedTuple):
    """Text of a reading page. It is escaped.

    Attributes:
        case: Name of the case.
        notes: Headings, each with its sentences: verdict on the organ masks, audit, doubts.
        provenance: Values by name: hash of the model, versions, settings.
        remarks: Sentences for the top of the page.
        warnings: Reasons for doubt, for the top of the page.

    Example:
        >>> PageText("a").notes
        ()
    """

    case: str
    notes: Sequence[tuple[str, Sequence[str]]] = ()
    provenance: Mapping[str, Any] = {}
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()


def check_findings(findings: Sequence[PageFinding], axes: int) -> list[PageFinding]:
    """Check findings and sort them by probability, the most probable first.

    Args:
        findings: Findings in any order.
        axes: Axes of the image: 3 for a scan, 2 for a radiograph.

    Returns:
        The sorted findings; equal probabilities keep their order.

    Raises:
        ValueError: If a probability is outside 0 to 1, or a map has another number of axes, no position, or NaN.

    Example:
        >>> [finding.name for finding in check_findings([PageFinding("a", 0.1), PageFinding("b", 0.4)], 3)]
        ['b', 'a']
    """
    for finding in findings:
        about = f"the probability of {finding.name}"
        check(0 <= finding.probability <= 1, about, "between 0 and 1", finding.probability, "Apply the sigmoid.")
        if finding.map is None:
            continue
        about = f"the map of {finding.name}"
        check(np.ndim(finding.map) == axes, about, f"a map with {axes} axes", finding.map)
        check(bool(np.isfinite(finding.map).all()), about, "finite", finding.map, "Check the training of the network.")
        check(finding.map_affine is not None, f"the map_affine of {finding.name}", "the position of its map", None)
    return sorted(findings, key=lambda finding: -finding.probability)


def headlines(text: PageText) -> list[dict[str, Any]]:
    """Return the sentences for the top of a page, and which of them are warnings.

    Example:
        >>> headlines(PageText("a", warnings=["Check the outlines."]))
        [{'text': 'Check the outlines.', 'warn': True}]
    """
    remarks = [{"text": sentence, "warn": False} for sentence in text.remarks]
    return remarks + [{"text": sentence, "warn": True} for sentence in text.warnings]


def most_probable(findings: Sequence[PageFinding], place: str = "") -> str:
    """Name the most probable finding and its place, and then the others of at least 50 %.

    A reader who stops at this line misses no probable finding, and takes no improbable one for probable.

    Example:
        >>> most_probable([PageFinding("a", 0.9), PageFinding("b", 0.7), PageFinding("c", 0.2)], "It lies in the lung.")
        'Most probable of 3 findings: a, 90 %. It lies in the lung. Also probable: b, 70 %.'
        >>> most_probable([PageFinding("a", 0.15), PageFinding("b", 0.1)])
        'No finding reaches 50 %. Most probable of 2 findings: a, 15 %.'
    """
    named = [f"{finding.name}, {percent(finding.probability)}" for finding in findings]
    others = [name for name, finding in zip(named[1:], findings[1:], strict=True) if finding.probability >= 0.5]
    also = f"Also probable: {'; '.join(others)}." if others else ""
    none = "" if round(100 * findings[0].probability) >= 50 else "No finding reaches 50 %."
    which = f"Most probable of {len(findings)} findings" if len(findings) > 1 else "The one finding judged"
    return " ".join(filter(None, (none, f"{which}: {named[0]}.", place, also)))


def percent(probability: float) -> str:
    """Write a probability in percent, without claiming certainty.

    Example:
        >>> percent(0.724), percent(0.0004), percent(0.9999)
        ('72 %', 'under 1 %', 'over 99 %')
    """
    if probability < 0.01:
        return "under 1 %"
    return "over 99 %" if probability > 0.99 else f"{100 * probability:.0f} %"


def listed(findings: Sequence[PageFinding]) -> list[Mapping[str, Any]]:
    """Return what the list of findings shows of each.

    Example:
        >>> listed([PageFinding("a", 0.25)])[0]["percent"]
        '25 %'
    """
    return [
        {
            "name": finding.name,
            "probability": finding.probability,
            "percent": percent(finding.probability),
            "has_map": finding.map is not None,
            "has_scores": finding.scores is not None,
        }
        for finding in findings
    ]
