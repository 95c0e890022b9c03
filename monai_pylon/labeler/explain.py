"""HTML page that shows a report with its evidence highlighted. All text is escaped, as a report may hold markup."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from monai_pylon.labeler.findings import Evidence

__all__ = ["evidence_page"]

_STYLE = """
body { font: 16px/1.55 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 1rem; color: #1d2329; }
.report { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid #ccd2d8; padding: 1rem; }
mark { border-radius: 3px; padding: 0 .15em; color: inherit; }
.kept { background: #ffd9a8; font-weight: 600; }
.dropped { background: #e4e7ea; text-decoration: line-through; }
.place { background: none; border-bottom: 3px solid #2f7dc4; }
.cue { background: #f3d1dc; border-bottom: 3px dotted #a33058; }
table { border-collapse: collapse; width: 100%; margin-top: 1.5rem; font-size: 14px; }
th, td { text-align: left; vertical-align: top; border-bottom: 1px solid #ccd2d8; padding: .35rem .6rem .35rem 0; }
.no td { color: #68717a; }
"""


_STATES = {1: "present", 0: "absent", -1: "uncertain", -2: "not mentioned"}


def _marked(text: str, evidence: Sequence[Evidence]) -> str:
    """Highlight the evidence in a report: kept terms before dropped ones, then places, then negations and hedges."""
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
    parts, start = [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or style[end] != style[start]:
            piece = escape(text[start:end])
            parts.append(f'<mark class="{style[start]}">{piece}</mark>' if style[start] else piece)
            start = end
    return "".join(parts)


def _row(one: Evidence) -> str:
    finding = one.finding
    cells = (
        finding.abnormality,
        ", ".join(finding.locations) if one.kept else "-",
        " ... ".join(finding.terms),
        " ... ".join(finding.places),
        _STATES[one.state],
        one.reason,
        finding.rule,
        finding.sentence,
    )
    return (
        f'<tr class="{"yes" if one.kept else "no"}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
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
    head = ("label", "locations", "terms", "places", "state", "kept or dropped by", "vocabulary", "sentence")
    rows = "\n".join(_row(one) for one in sorted(evidence, key=lambda one: not one.kept))
    nothing = "" if evidence else "<p>No term of the vocabulary was found.</p>"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{escape(title)}</h1>\n"
        '<p><mark class="kept">kept</mark> <mark class="dropped">dropped</mark> <mark class="place">place</mark> '
        '<mark class="cue">negation or hedge</mark></p>\n'
        f'<div class="report">{_marked(text, evidence)}</div>\n{nothing}\n<table><thead><tr>'
        + "".join(f"<th>{name}</th>" for name in head)
        + f"</tr></thead><tbody>\n{rows}\n</tbody></table>\n</body></html>\n"
    )
