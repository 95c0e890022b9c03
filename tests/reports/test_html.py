"""HTML pages: all text is escaped, and nothing is loaded from elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from monai_pylon.reports.html import Section, save_html

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


def written(folder: Path, *sections: Section, title: str = "Title", **numbers: int) -> str:
    save_html(folder / "a.html", title, sections, numbers)
    return (folder / "a.html").read_text(encoding="utf-8")


def test_escapes_all_text(tmp_path: Path) -> None:
    section = Section(NASTY, [NASTY], [{NASTY: NASTY}], pictures=[(NASTY, NASTY)], code=NASTY, links=[(NASTY, NASTY)])
    parsed = Page(written(tmp_path, section, title=NASTY, **{NASTY: 7}))
    assert "script" not in parsed.seen
    assert not parsed.open
    # title, two headings, paragraph, header and cell of a table, description of a number, caption, code, link
    shown = 10
    assert parsed.text.count('<script>alert("x")</script>&amp;') == shown


def test_sections_become_headings_and_paragraphs_in_order(tmp_path: Path) -> None:
    parsed = Page(written(tmp_path, Section("Part", ["Words.", "More."]), Section(code="run")))
    assert [tag for tag in parsed.seen if tag in ("h1", "h2", "p", "pre")] == ["h1", "h2", "p", "p", "pre"]


def test_table_selects_columns_and_aligns_numbers(tmp_path: Path) -> None:
    table = written(tmp_path, Section(rows=[{"a": 1, "b": "x"}, {"b": "y"}], columns=["b", "a"]))
    assert "<tr><th>b</th><th>a</th></tr>" in table
    assert '<tr><td>x</td><td class="number">1</td></tr>' in table
    assert "<tr><td>y</td><td></td></tr>" in table
    assert "<tr><th>b</th></tr>" in written(tmp_path, Section(rows=[{"b": "x"}, {"a": 1}]))
    assert "<table" not in written(tmp_path, Section("Nothing"))


@pytest.mark.parametrize(("share", "width"), [(-1, "0.00"), (0.25, "3.00"), (7, "12.00")])
def test_bar_is_clipped_to_the_cell(share: float, width: str, tmp_path: Path) -> None:
    assert f"width:{width}rem" in written(tmp_path, Section(rows=[{"scans": 3, "share": share}], bar="share"))


def test_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    html = written(tmp_path, Section(pictures=[("a b.png", "a")], links=[("c d.html", "c")]))
    assert "http" not in html
    assert '<a href="c%20d.html">c</a>' in html
    assert 'src="a%20b.png"' in html
