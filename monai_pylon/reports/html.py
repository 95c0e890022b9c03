"""HTML pages in one file, without scripts or external resources.

All text is escaped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from os import PathLike
from typing import Any
from urllib.parse import quote

from monai_pylon.reports.figure_style import BACKGROUND, FAINT, TEXT
from monai_pylon.utils.files import atomic_write

__all__ = ["RawHTML", "html_bar", "html_numbers", "html_pictures", "html_table", "save_html"]

_STYLE = f"""
:root {{ color-scheme: dark; }}
body {{ background: {BACKGROUND}; color: {TEXT}; font: 16px/1.45 system-ui, sans-serif; max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }}
h1 {{ font-size: 1.7rem; }} h2 {{ font-size: 1.25rem; margin-top: 2.2rem; }}
p.faint, figcaption, th {{ color: {FAINT}; }}
table {{ border-collapse: collapse; margin: .6rem 0; }}
th {{ text-align: left; font-weight: normal; }}
th, td {{ padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #2a3036; vertical-align: top;
  overflow-wrap: anywhere; }}
td.number {{ text-align: right; font-variant-numeric: tabular-nums; }}
.numbers {{ display: flex; flex-wrap: wrap; gap: 1rem; }}
.numbers div {{ background: #1a2026; border-radius: .5rem; padding: .6rem 1rem; min-width: 8rem; }}
.numbers b {{ display: block; font-size: 1.7rem; }}
.bar {{ display: inline-block; height: .7rem; background: #56b4e9; border-radius: .2rem; }}
.pictures {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(21rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; }} img {{ width: 100%; border-radius: .3rem; }}
pre {{ background: #1a2026; border-radius: .5rem; padding: .8rem; overflow-x: auto; }}
"""


class RawHTML(str):
    """Text that is already HTML and is not escaped again.

    Example:
        >>> html_table([{"a": RawHTML("<b>1</b>"), "b": "<b>"}]).count("&lt;b&gt;")
        1
    """


def _text(value: Any) -> str:
    return value if isinstance(value, RawHTML) else escape(str(value))


def html_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> RawHTML:
    """Build a table with numbers aligned to the right.

    Args:
        rows: Values by column; a missing value gives an empty cell.
        columns: Columns to show, in order; None shows those of the first row.

    Returns:
        The table, or an empty text without rows.

    Example:
        >>> "<td class=number>3</td>" in html_table([{"label": "lung mass", "scans": 3}])
        True
    """
    if not rows:
        return RawHTML("")
    columns = list(rows[0]) if columns is None else columns
    lines = ["<table>", "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in columns) + "</tr>"]
    for row in rows:
        cells = [row.get(name, "") for name in columns]
        classes = [" class=number" if isinstance(cell, int | float) else "" for cell in cells]
        data = [f"<td{name}>{_text(cell)}</td>" for name, cell in zip(classes, cells, strict=True)]
        lines.append("<tr>" + "".join(data) + "</tr>")
    return RawHTML("\n".join([*lines, "</table>"]))


def html_numbers(numbers: Mapping[str, Any]) -> RawHTML:
    """Build a row of numbers, each with its description.

    Args:
        numbers: Numbers by description.

    Returns:
        The HTML.

    Example:
        >>> "<b>12</b> scans" in html_numbers({"scans": 12})
        True
    """
    tiles = "".join(f"<div><b>{_text(value)}</b> {escape(text)}</div>" for text, value in numbers.items())
    return RawHTML(f"<div class=numbers>{tiles}</div>")


def html_bar(share: float) -> RawHTML:
    """Build a bar for a table cell.

    Args:
        share: Length of the bar, 0 to 1; other values are clipped.

    Returns:
        The HTML.

    Example:
        >>> "width:6.00rem" in html_bar(0.5)
        True
    """
    return RawHTML(f'<span class=bar style="width:{12 * min(max(share, 0), 1):.2f}rem"></span>')


def html_pictures(pictures: Iterable[tuple[str, str]]) -> RawHTML:
    """Build a grid of pictures that link to their files and load when they come into view.

    Args:
        pictures: For each picture its file, relative to the page, and its caption.

    Returns:
        The HTML.

    Example:
        >>> 'src="a%20b.png"' in html_pictures([("a b.png", "scan a b")])
        True
    """
    escaped = ((quote(os.fsencode(file)), escape(caption)) for file, caption in pictures)
    figures = (
        f'<figure><a href="{url}"><img loading=lazy src="{url}" alt="{caption}"></a>'
        f"<figcaption>{caption}</figcaption></figure>"
        for url, caption in escaped
    )
    return RawHTML("<div class=pictures>\n" + "\n".join(figures) + "\n</div>")


def save_html(path: str | PathLike[str], title: str, parts: Iterable[str]) -> None:
    """Write a page atomically.

    Args:
        path: Path of the file, ending in ``.html``.
        title: Heading of the page.
        parts: Content in order: `RawHTML` is inserted unchanged, a text that starts with "# " becomes a heading and
            any other text a paragraph.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_html(pathlib.Path(folder, "a.html"), "A <page>", ["# Part", "Some text."])
        ...     "<h1>A &lt;page&gt;</h1>" in pathlib.Path(folder, "a.html").read_text()
        True
    """
    body: list[str] = []
    for part in parts:
        if isinstance(part, RawHTML):
            body.append(part)
        elif part.startswith("# "):
            body.append(f"<h2>{escape(part[2:])}</h2>")
        else:
            body.append(f"<p>{escape(part)}</p>")
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    page = (
        f'<!DOCTYPE html>\n<html lang="en"><head>{head}<title>{escape(title)}</title>\n<style>{_STYLE}</style></head>\n'
    )
    page += f"<body><h1>{escape(title)}</h1>\n" + "\n".join(body) + "\n</body></html>\n"
    with atomic_write(path) as part_file:
        part_file.write_text(page, encoding="utf-8", errors="replace")
