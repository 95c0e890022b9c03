"""Characters of a report in one form: line ends, spaces, invisible and look-alike characters, boxes of templates."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["unify_characters"]

_LOOK_ALIKE = str.maketrans(
    "аеорсухіјѕԁһАВЕКМНОРСТУХІЈЅοαενιρτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "aeopcyxijsdhABEKMHOPCTYXIJSoaevipruxABEZHIKMNOPTYX",
)
#: Look-alike characters beyond those that the normal form NFKC replaces.
_SAME = {
    **dict.fromkeys((0x2028, 0x2029, 0x85), "\n"),
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212), "-"),
    **dict.fromkeys((0x2018, 0x2019, 0x201B, 0x2032, 0x02BC, 0xB4), "'"),
    **dict.fromkeys((0x201C, 0x201D, 0x2033, 0xAB, 0xBB), '"'),
    **dict.fromkeys((0x25CF, 0x25AA, 0x2023, 0x2043, 0xB7), "•"),
    **{0xD7: "x", 0x2264: "<", 0x2265: ">", 0x2192: " ", 0x2044: "/", 0x2215: "/"},
}
_ODD = re.compile(r"[\r\t\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[^\x00-\x7f]")
_CHECKED = re.compile(r"\[\s*[xX✓✔√*]\s*\]|\(\s*[xX✓✔√]\s*\)|[☑☒■✓✔✅☒]")
_UNCHECKED = re.compile(r"\[[ _]{0,3}\]|[☐□◻▢❏]")
# Leaders of templates ("Pneumonia ..... negative") and questions with their answer ("Pneumonia? No").
_LEADER = re.compile(
    r"[ \t]{0,8}(?:[.]{4,60}|(?:[ \t][.]){4,60}|_{4,60})[ \t]{0,8}(?=[A-Za-z])"
    r"|[ \t]{0,8}\?[ \t]{0,8}(?=(?:no|none|nil|yes|absent|present|negative|positive)[ \t]{0,8}(?:[.,;\n]|\Z))",
    re.IGNORECASE,
)
_EMPTY_PARENTHESES = re.compile(r"\([ _]{1,3}\)")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3}|_{2,3}|`{1,3})(?=\S)([^*`\n]{1,300}?)(?<=\S)\1(?![\w*])")
_TITLE_MARK = re.compile(r"^[ \t]*#{1,6}[ \t]+|^[ \t]*>[ \t]+|^[ \t]*[=\-_*~]{4,}[ \t]*$", re.MULTILINE)
_REMOVED_NAME = re.compile(r"\[\*\*[^\]\n]{0,60}\*\*\]")


def _letters(text: str) -> str:
    """Replace look-alike letters of other scripts in a text with mostly Latin letters, and remove invisible ones."""
    text = unicodedata.normalize("NFKC", text.translate(_SAME))
    kept = [c for c in text if c.isascii() or unicodedata.category(c) not in ("Cf", "Mn", "Cc")]
    text = "".join(" " if not c.isascii() and c.isspace() else c for c in kept)
    foreign = sum(c.isalpha() and ord(c) > 0x24F for c in text)
    if foreign and 2 * foreign < sum(map(str.isalpha, text)):
        text = text.translate(_LOOK_ALIKE)
    return text


def _boxes(line: str) -> str:
    """Keep the chosen options of a line with boxes: "Effusion: [x] right [ ] left" becomes "Effusion: right"."""
    marks = sorted(
        [(m.start(), m.end(), True) for m in _CHECKED.finditer(line)]
        + [(m.start(), m.end(), False) for m in _UNCHECKED.finditer(line)]
    )
    if not marks:
        return line
    if not any(checked for _, _, checked in marks):
        return ""
    ends = [start for start, _, _ in marks[1:]] + [len(line)]
    chosen = [line[end:stop].strip(" \t,;") or "present" for (_, end, on), stop in zip(marks, ends, strict=True) if on]
    return line[: marks[0][0]] + ", ".join(chosen)


def _table_row(line: str) -> str:
    """Return a row of a written table as "name: value"; an empty text for a rule between rows."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if all(set(cell) <= set("-: ") for cell in cells):
        return ""
    return (": " if len(cells) == 2 else ", ").join(cell for cell in cells if cell)


def unify_characters(text: str) -> str:
    """Write a report in one form.

    Line ends become ``\\n``; other spaces become spaces; invisible characters vanish; look-alike letters, quotes and
    dashes become ASCII; emphasis and titles of Markdown lose their marks; a row of a written table becomes
    "name: value"; of the options with boxes only the chosen ones stay, and a line without a chosen one is left out.

    Args:
        text: The report.

    Returns:
        The same text if it was in this form.

    Example:
        >>> unify_characters("Effusion: [x] right [ ] left\\r\\n**Heart**: normal")
        'Effusion: right\\nHeart: normal'
    """
    if _ODD.search(text):
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.isascii():
            text = _letters(text)
        text = re.sub(
            r"[\x00-\x08\x0e-\x1f\x7f]", "", text.replace("\t", " ").replace("\x0b", "\n").replace("\x0c", "\n")
        )
    if "[**" in text:
        text = _REMOVED_NAME.sub(" ", text)
    if "*" in text or "_" in text or "`" in text:
        text = _EMPHASIS.sub(r"\2", text)
    if "#" in text or ">" in text or "--" in text or "==" in text or "__" in text or "**" in text or "~~" in text:
        text = _TITLE_MARK.sub("", text)
    if "|" in text:
        text = "\n".join(_table_row(line) if "|" in line else line for line in text.split("\n"))
    if "?" in text or "...." in text or "____" in text or " . ." in text:
        text = _LEADER.sub(": ", text)
    if _EMPTY_PARENTHESES.search(text) and re.search(r"\([xX✓✔]\)", text):
        text = _EMPTY_PARENTHESES.sub("[ ]", text)
    if _CHECKED.search(text) or _UNCHECKED.search(text):
        text = "\n".join(map(_boxes, text.split("\n")))
    return text
