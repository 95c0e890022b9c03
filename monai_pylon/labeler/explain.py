"""HTML page that shows a report with its evidence highlighted. All text is escaped, as a report may hold markup."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from monai_pylon.labeler.findings import Evidence
from monai_pylon.utils.templates import render_template

__all__ = ["evidence_page"]

_ASSETS = Path(__file__).parent / "assets"
_COLUMNS = ("label", "locations", "terms", "places", "state", "kept or dropped by", "vocabulary", "sentence")
_STATES = {1: "present", 0: "absent", -1: "uncertain", -2: "not mentioned"}


def _pieces(text: str, evidence: Sequence[Evidence]) -> list[tuple[str, str]]:
    """Cut a report at its evidence: kept terms before dropped ones, then places, then negations and hedges.

    Returns:
        Pieces of the text, each with its style; the style of other text is empty.
    """
    style = [""] * len(text)
    for one in evidence:
        for start, end in one.cue_spans:
            style[start:end] = ["cue"] * (end - start)
    for one in evidence:
        for start, end in one.place_spans:
            style[start:end] = ["place" if kind != "cue" else kind for kind in style[start:end]]
    for kept, name in ((False, "dropped"), (True, "kept")):
        for one in evidence:
            for start, end in one.spans if one.kept is kept else ():
                style[start:end] = [kind if kind == "cue" else name for kind in style[start:end]]
    pieces, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or style[end] != style[start]:
            pieces.append((text[start:end], style[start]))
            start = end
    return pieces


def _cells(one: Evidence) -> tuple[str, ...]:
    """Return the cells of a row of the table."""
    finding = one.finding
    return (
        finding.abnormality,
        ", ".join(finding.locations) if one.kept else "-",
        " ... ".join(finding.terms),
        " ... ".join(finding.places),
        _STATES[one.state],
        one.reason,
        finding.rule,
        finding.sentence,
    )


def evidence_page(text: str, evidence: Sequence[Evidence], title: str = "Labels of a report") -> str:
    """Make a page with the highlighted report and a table of the labels that were kept or dropped.

    Args:
        text: The report.
        evidence: Result of :meth:`~monai_pylon.labeler.ReportLabeler.trace` for that text.
        title: Title of the page.

    Returns:
        HTML, self-contained and without scripts.

    Example:
        >>> from monai_pylon.labeler import ReportLabeler
        >>> text = "Left < effusion"
        >>> "Left</mark> &lt; <mark" in evidence_page(text, ReportLabeler().trace(text))
        True
    """
    rows = [(one.kept, _cells(one)) for one in sorted(evidence, key=lambda one: not one.kept)]
    pieces = _pieces(text, evidence)
    return render_template(_ASSETS, "evidence.html", title=title, pieces=pieces, columns=_COLUMNS, rows=rows)
