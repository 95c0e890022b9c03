"""HTML pages: all text is escaped, and nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from monai_pylon.reports.html import RawHTML, html_bar, html_numbers, html_pictures, html_table, save_html

NASTY = '<script>alert("x")</script>&amp;\udcff'


class Page(HTMLParser):
    """Parser that collects tags and text and fails if a tag is closed out of order."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(folder: Path, *parts: str, title: str = "Title") -> Page:
    save_html(folder / "a.html", title, parts)
    return Page((folder / "a.html").read_text(encoding="utf-8"))


def test_escapes_all_text(tmp_path: Path) -> None:
    parts = [
        html_table([{NASTY: NASTY}]),
        html_numbers({NASTY: NASTY}),
        html_pictures([(NASTY, NASTY)]),
        NASTY,
        f"# {NASTY}",
    ]
    parsed = page(tmp_path, *parts, title=NASTY)
    assert "script" not in parsed.seen
    assert not parsed.open
    shown = 9  # title, heading, header and cell of a table, a number and its description, caption, paragraph, heading
    assert parsed.text.count('<script>alert("x")</script>&amp;') == shown


def test_parts_become_headings_paragraphs_and_html(tmp_path: Path) -> None:
    parsed = page(tmp_path, "# Part", "Words.", RawHTML("<b>bold</b>"))
    assert [tag for tag in parsed.seen if tag in ("h1", "h2", "p", "b")] == ["h1", "h2", "p", "b"]
    assert "<h2>Part</h2>\n<p>Words.</p>\n<b>bold</b>" in (tmp_path / "a.html").read_text()


def test_table_selects_columns_and_aligns_numbers() -> None:
    table = html_table([{"a": 1, "b": "x"}, {"b": "y"}], ["b", "a"])
    assert "<tr><th>b</th><th>a</th></tr>" in table
    assert "<tr><td>x</td><td class=number>1</td></tr>" in table
    assert "<tr><td>y</td><td></td></tr>" in table
    assert "<tr><th>b</th></tr>" in html_table([{"b": "x"}, {"a": 1}])
    assert html_table([]) == ""


@pytest.mark.parametrize(("share", "width"), [(-1, "0.00"), (0.25, "3.00"), (7, "12.00")])
def test_bar_is_clipped_to_the_cell(share: float, width: str) -> None:
    assert f"width:{width}rem" in html_bar(share)


def test_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    page(tmp_path, html_pictures([("a.png", "a")]))
    assert "http" not in (tmp_path / "a.html").read_text()
