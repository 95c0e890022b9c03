"""Text of a report as it was read, with its problem, if any, in words that reveal nothing of the text."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["ReportText"]

#: Most reports have a few thousand characters. A longer text is an error, such as a missing closing quote.
LONGEST_REPORT = 200_000
_LONGEST_IDENTIFIER = 200
#: Problems of an empty report and of one that is too long.
EMPTY = "the report is empty"
TOO_LONG = f"the report has more than {LONGEST_REPORT:,} characters"
#: Problem of a report without identifier.
NO_IDENTIFIER = "no identifier"
_SURROGATE = re.compile("[\ud800-\udfff]")


class ReportText(NamedTuple):
    """Report as it was read. Its ``repr`` leaves out the text, so that no log can show it.

    Attributes:
        identifier: Name of its scan; empty if it could not be read.
        text: Text of the radiologist.
        source: Line of the table ("line 3"), or file name in a folder.
        patient: Patient of the scan, from the table; may be empty.
        section: Section of the dataset that holds the scan, from the table; may be empty.
        problem: Reason why the report cannot be used; empty if it can.
        remark: Note on characters that were repaired; empty if none were.

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


def _decode_surrogate(match: re.Match[str]) -> str:
    code = ord(match.group()) - 0xDC00
    return bytes([code]).decode("cp1252", "replace") if 0x80 <= code <= 0xFF else "\ufffd"


def mend(text: str) -> tuple[str, str]:
    """Replace broken characters in a text, and return the text with a remark, which is empty if there were none.

    Python's "surrogateescape" reads a byte that is not UTF-8 as a lone surrogate. Most such bytes are Windows-1252.
    """
    remark = ""
    if not text.isascii() and _SURROGATE.search(text):
        text, remark = _SURROGATE.sub(_decode_surrogate, text), "not UTF-8: read as Windows-1252"
    if "\ufffd" in text:
        remark = "characters that cannot be read"
    return text.replace("\0", " "), remark


def report_of(identifier: str, text: str, source: str, patient: str = "", section: str = "") -> ReportText:
    """Make a report with its problem, if any. A text that is too long is dropped to save memory."""
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
