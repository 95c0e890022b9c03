"""Evidence page: highlights, table, and escaped text."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from monai_pylon.labeler import ReportLabeler


class Tags(HTMLParser):
    """Parser that collects the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def test_the_evidence_is_highlighted() -> None:
    page = ReportLabeler().explain("No pneumothorax. A nodule in the right upper lobe.", "Check")
    assert "<title>Check</title>" in page
    assert '<mark class="cue">No</mark> <mark class="dropped">pneumothorax</mark>' in page
    assert 'A <mark class="kept">nodule</mark> in the <mark class="place">right upper lobe</mark>' in page
    assert "negated by cues.csv line" in page
    assert page.index('<tr class="yes">') < page.index('<tr class="no">')
    assert re.search(r"<tr class=\"yes\"><td>lung nodule</td><td>right lung</td>", page)


def test_a_negation_that_does_not_begin_the_report_is_highlighted() -> None:
    page = ReportLabeler().explain("Clear lungs without effusion or mass. Left nodule.")
    assert '<mark class="cue">without</mark> <mark class="dropped">effusion</mark> or <mark' in page
    assert '<mark class="place">Left</mark> <mark class="kept">nodule</mark>.</div>' in page


def test_every_state_has_a_word() -> None:
    page = ReportLabeler().explain("Possible effusion. No mass. Left nodule. HISTORY: pneumonia.")
    for label, state in (
        ("pleural effusion", "uncertain"),
        ("lung mass", "absent"),
        ("lung nodule", "present"),
        ("pneumonia", "not mentioned"),
    ):
        (row,) = (row for row in page.split("<tr ") if f"<td>{label}</td>" in row)
        assert f"<td>{state}</td>" in row


def test_markup_in_a_report_is_escaped() -> None:
    markup = "<script>alert('x')</script> Left <b onclick=\"y\">effusion</b> & 'mass' \" </td></style> in the lingula"
    page = ReportLabeler().explain(markup, "<i>title</i>")
    plain = ReportLabeler().explain("Left effusion and mass in the lingula")
    assert set(Tags(page).tags) == set(Tags(plain).tags)
    assert not {"script", "b", "i"} & set(Tags(page).tags)
    shown = page.split('<div class="report">')[1].split("</div>")[0]
    assert "alert" not in shown
    assert unescape(re.sub(r"<[^>]*>", "", shown)).split()[:3] == ["Left", "effusion", "&"]
    shown = ReportLabeler().explain("Left effusion < 5 mm & mass > 3 cm").split('<div class="report">')[1]
    assert "&lt; 5 mm &amp; " in shown
    assert "&gt; 3 cm" in shown


def test_a_single_character_is_shown() -> None:
    assert '<div class="report">x</div>' in ReportLabeler().explain("x")


def test_a_page_without_terms() -> None:
    for text in ("", "Unremarkable study."):
        assert "No term of the vocabulary was found." in ReportLabeler().explain(text)


def test_the_page_loads_no_other_file() -> None:
    assert not re.search(r"(?:src|href|url\()", ReportLabeler().explain("Left effusion"))
