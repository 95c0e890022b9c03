"""A report as it was read, whatever its bytes were, with what is wrong with it in words that tell nothing of it."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ReportText"]

#: A report has some thousand characters. What is longer than this is a mistake, such as a quote that was never closed.
LONGEST_REPORT = 200_000
_LONGEST_IDENTIFIER = 200
#: What the problem of an empty report is called, and of one that is too long.
EMPTY = "the report is empty"
TOO_LONG = f"the report has more than {LONGEST_REPORT:,} characters"
#: What the problem is called where a text has no name.
NO_IDENTIFIER = "no identifier"
_BROKEN = re.compile("[\ud800-\udfff]")


class ReportText(NamedTuple):
    """A report as it was read. Its text is left out of what it prints as, so that no log can show it.

    Attributes:
        identifier: which scan it is of; empty where that could not be read.
        text: what the radiologist wrote.
        source: where it stands: "line 3", or the file's name in a folder.
        patient, section: what the table says of the scan; empty where it says nothing.
        problem: why it cannot be used; empty where it can.
        remark: what was mended.

    Example:
        >>> ReportText("scan 1", "Normal chest.", "line 2")
        ReportText('scan 1', 13 characters, 'line 2')
    """

    identifier: str
    text: str
    source: str
    patient: str = ""
    section: str = ""
    problem: str = ""
    remark: str = ""

    def __repr__(self) -> str:
        return f"ReportText({self.identifier!r}, {len(self.text)} characters, {self.source!r})"


def _of_byte(match: re.Match[str]) -> str:
    code = ord(match.group()) - 0xDC00
    return bytes([code]).decode("cp1252", "replace") if 0x80 <= code <= 0xFF else "\ufffd"


def mend(text: str) -> tuple[str, str]:
    """A text without broken characters, and a remark where there were any.

    Bytes that were no UTF-8 come as lone surrogates (Python's "surrogateescape"): most of them are Windows-1252.
    """
    remark = ""
    if not text.isascii() and _BROKEN.search(text):
        text, remark = _BROKEN.sub(_of_byte, text), "not UTF-8: read as Windows-1252"
    if "\ufffd" in text:
        remark = "characters that cannot be read"
    return text.replace("\0", " "), remark


def report_of(identifier: str, text: str, source: str, patient: str = "", section: str = "") -> ReportText:
    """A report with its problem, if it has one. The text of one that is too long is let go."""
    (name, bad_name), (text, remark) = mend(identifier.strip()), mend(text)
    problem = ""
    if not name:
        problem = NO_IDENTIFIER
    elif len(name) > _LONGEST_IDENTIFIER or "\n" in name:
        name, problem = "", "the identifier is no name but a text"
    if not text.strip():
        problem = problem or EMPTY
    elif len(text) > LONGEST_REPORT:
        text, problem = "", problem or TOO_LONG
    patient, section = mend(patient.strip())[0], mend(section.strip())[0]
    return ReportText(name, text, mend(source)[0], patient, section, problem, remark or bad_name)
