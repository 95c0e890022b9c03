"""Page of the false positives, those with most evidence in the wrong place first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

from monai_pylon.reports.html import Section, save_html

__all__ = ["save_error_review"]

_EXPLANATION = (
    "A false positive is a label that the network predicts and the report does not name. Each row says which share of "
    "its positive evidence lies outside the organ in which such a finding can be. Above one half, the map exposes the "
    "error: look at the picture before you believe the prediction. Labels come from reports, so a false positive may "
    "also be a finding that nobody wrote down."
)


def save_error_review(
    path: str | PathLike[str], rows: Sequence[Mapping[str, Any]], pictures: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Write the page.

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
    judged = [row for row in rows if row["exposed"] is not None]
    exposed = sum(row["exposed"] for row in judged)
    numbers = {"false positives": len(rows), "exposed by their map": f"{exposed} of {len(judged)}"}
    table = [
        {
            "name": row["name"],
            "label": row["label"],
            "probability": f"{row['probability']:.2f}",
            "outside": "undefined" if row["outside"] is None else f"{row['outside']:.2f}",
            "": row["outside"] or 0.0,
        }
        for row in rows
    ]
    shown = [
        (file, f"{name}, {label}")
        for row in rows
        for name, label in [(row["name"], row["label"])]
        if (file := (pictures or {}).get((name, label))) is not None
    ]
    section = Section("", [_EXPLANATION], table, bar="", pictures=shown)
    save_html(path, "Errors and their maps", [section], numbers)
