"""HTML pages of numbers, tables and pictures, without scripts or external resources. All text is escaped."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple
from urllib.parse import quote

from monai_pylon.reports.page.template import render_page
from monai_pylon.utils.files import atomic_write

__all__ = ["Section", "save_html"]


class Section(NamedTuple):
    """Part of a page.

    Attributes:
        heading: Heading; empty for none.
        paragraphs: Paragraphs below it.
        rows: Rows of a table, values by column; a missing value gives an empty cell, numbers are aligned to the right.
        columns: Columns of the table, in order; None shows those of the first row.
        bar: Column that is drawn as bars of a length from 0 to 1.
        pictures: Pictures that link to their files: for each one its file, relative to the page, and its caption.
        code: Text in a fixed-width font, such as a command.
        links: Links to other pages: for each one its file, relative to the page, and its text.

    Example:
        >>> Section("Masks").rows
        ()
    """

    heading: str = ""
    paragraphs: Sequence[str] = ()
    rows: Sequence[Mapping[str, Any]] = ()
    columns: Sequence[str] | None = None
    bar: str | None = None
    pictures: Sequence[tuple[str, str]] = ()
    code: str = ""
    links: Sequence[tuple[str, str]] = ()


def save_html(
    path: str | PathLike[str], title: str, sections: Sequence[Section], numbers: Mapping[str, Any] | None = None
) -> None:
    """Write a page atomically.

    Args:
        path: Path of the file, ending in ``.html``.
        title: Heading of the page.
        sections: Parts of the page, in order.
        numbers: Numbers by description, for the top of the page.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_html(pathlib.Path(folder, "a.html"), "A <page>", [Section("Part", ["Some text."])])
        ...     "<h1>A &lt;page&gt;</h1>" in pathlib.Path(folder, "a.html").read_text()
        True
    """

    def addresses(files: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        return [(quote(os.fsencode(file)), text) for file, text in files]

    linked = [part._replace(pictures=addresses(part.pictures), links=addresses(part.links)) for part in sections]
    page = render_page("sections.html", title=title, numbers=numbers or {}, sections=linked)
    with atomic_write(path) as part:
        part.write_text(page, encoding="utf-8", errors="replace")
