"""Page of the false positives, those with most evidence in the wrong place first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from monai_pylon.reports.html import Section, save_html

__all__ = ["error_section", "save_error_review"]

_EXPLANATION = (
    "A false positive is a label that the network predicts and the report does not name. Each row says which share of "
    "its positive evidence lies outside the organ in which such a finding can be. Above one half, the map exposes the "
    "error: look at the picture before you believe the prediction. Labels come from reports, so a false positive may "
    "also be a finding that nobody wrote down."
)


#: Rows of the table; a cohort of thousands has too many to read.
_MOST_ROWS = 100


def _exposed(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return how many of the errors with a defined share of evidence outside are exposed."""
    judged = [row["exposed"] for row in rows if row["exposed"] is not None]
    return f"{sum(judged)} of {len(judged)}"


def error_section(rows: Sequence[Mapping[str, Any]], pictures: Mapping[tuple[str, str], str] | None = None) -> Section:
    """Arrange false positives as part of a page: their number, a table of at most 100, and pictures.

    Args:
        rows: Rows of :func:`~monai_pylon.metrics.error_review.error_review`.
        pictures: Files with maps, relative to the page, by (name, label).

    Returns:
        The part of the page.

    Example:
        >>> row = {"name": "a", "label": "nodule", "probability": 0.8, "outside": 0.6, "exposed": True}
        >>> error_section([row]).rows[0]["outside"]
        '0.60'
    """
    count = f"{len(rows)} false positives; {_exposed(rows)} exposed by their map."
    count += f" The table lists the first {_MOST_ROWS}." if len(rows) > _MOST_ROWS else ""
    table = [
        {
            "name": row["name"],
            "label": row["label"],
            "probability": f"{row['probability']:.2f}",
            "outside": "undefined" if row["outside"] is None else f"{row['outside']:.2f}",
            "": row["outside"] or 0.0,
        }
        for row in rows[:_MOST_ROWS]
    ]
    shown = [
        (file, f"{name}, {label}")
        for row in rows
        for name, label in [(row["name"], row["label"])]
        if (file := (pictures or {}).get((name, label))) is not None
    ]
    return Section("", [_EXPLANATION, count], table, bar="", pictures=shown)


def save_error_review(
    path: str | PathLike[str], rows: Sequence[Mapping[str, Any]], pictures: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Write a page of false positives.

    Args:
        path: Path of the page, ending in ``.html``.
        rows: Rows of :func:`~monai_pylon.metrics.error_review.error_review`.
        pictures: Files with maps, relative to the page, by (name, label).

    Example:
        >>> import tempfile, pathlib
        >>> row = {"name": "a", "label": "nodule", "probability": 0.8, "outside": 0.6, "exposed": True}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_error_review(pathlib.Path(folder, "errors.html"), [row])
        ...     "<b>1 of 1</b>" in pathlib.Path(folder, "errors.html").read_text()
        True
    """
    numbers = {"false positives": len(rows), "exposed by their map": _exposed(rows)}
    save_html(path, "Errors and their maps", [error_section(rows, pictures)], numbers)
