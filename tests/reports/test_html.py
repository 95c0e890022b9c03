"""Pages: whatever a cell holds, it is shown as text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from monai_pylon.reports import RawHTML, html_bar, html_numbers, html_pictures, html_table, save_html

NASTY = '<script>alert("x")</script>&amp;\udcff'


class Page(HTMLParser):
    """The tags that are open at each moment, which must close in order."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def page(folder: Path, *parts: str, title: str = "Title") -> Page:
    save_html(folder / "a.html", title, parts)
    return Page((folder / "a.html").read_text(encoding="utf-8"))


def test_nothing_that_a_text_says_becomes_a_tag(tmp_path: Path) -> None:
    parts = [
        html_table([{NASTY: NASTY}]),
        html_numbers({NASTY: NASTY}),
        html_pictures([(NASTY, NASTY)]),
        NASTY,
        f"# {NASTY}",
    ]
    found = page(tmp_path, *parts, title=NASTY)
    assert "script" not in found.seen
    assert not found.open
    shown = 9  # title, heading, a table's head and cell, a number and its words, a caption, a paragraph, a heading
    assert found.words.count('<script>alert("x")</script>&amp;') == shown


def test_parts_are_headings_paragraphs_and_html(tmp_path: Path) -> None:
    found = page(tmp_path, "# Part", "Words.", RawHTML("<b>bold</b>"))
    assert [tag for tag in found.seen if tag in ("h1", "h2", "p", "b")] == ["h1", "h2", "p", "b"]


def test_a_table_has_the_columns_asked_for_and_numbers_to_the_right() -> None:
    table = html_table([{"a": 1, "b": "x"}, {"b": "y"}], ["b", "a"])
    assert table.index("<th>b</th>") < table.index("<th>a</th>")
    assert table.count("class=number") == 1
    assert html_table([]) == ""


@pytest.mark.parametrize(("share", "width"), [(-1, "0.00"), (0.25, "3.00"), (7, "12.00")])
def test_a_bar_keeps_within_its_cell(share: float, width: str) -> None:
    assert f"width:{width}rem" in html_bar(share)


def test_nothing_is_loaded_from_elsewhere(tmp_path: Path) -> None:
    page(tmp_path, html_pictures([("a.png", "a")]))
    assert "http" not in (tmp_path / "a.html").read_text()
