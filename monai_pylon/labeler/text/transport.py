"""Plain text from transport formats: messages, markup and encodings in which hospitals export reports."""

from __future__ import annotations

import base64
import binascii
import email
import email.policy
import html
import json
import quopri
import re
from collections.abc import Callable
from urllib.parse import unquote

__all__ = ["unwrap", "without_markup"]

_TAG = re.compile(
    r"<(?:/?([A-Za-z][\w:.-]{0,40})(?:\s[^<>]{0,2000})?/?|!--.{0,2000}?--|[?!][A-Za-z\[][^<>]{0,500})>", re.DOTALL
)
_DROPPED = re.compile(r"<(script|style|head|title)\b[^<>]{0,500}>.{0,100000}?</\1\s*>", re.DOTALL | re.IGNORECASE)
_INLINE = {
    "b",
    "i",
    "u",
    "em",
    "strong",
    "span",
    "font",
    "sub",
    "sup",
    "a",
    "small",
    "mark",
    "content",
    "tt",
    "code",
    "big",
}
_BLOCK = {
    *(
        "br",
        "p",
        "div",
        "li",
        "ul",
        "ol",
        "tr",
        "td",
        "th",
        "table",
        "tbody",
        "thead",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ),
    *("html", "body", "pre", "hr", "section", "article", "main", "header", "footer", "dl", "dt", "dd", "blockquote"),
}
_SEGMENT = re.compile(r"^\W{0,3}(?:MSH|PID|PV1|ORC|OBR|OBX|NTE|ZDS)\|", re.MULTILINE)
_HL7_ESCAPES = {
    ".br": "\n",
    "T": "&",
    "F": "|",
    "S": "^",
    "R": "~",
    "E": "\\",
    "H": "",
    "N": "",
    ".sp": "\n",
    ".in": " ",
}
_RTF = re.compile(
    r"\\'([0-9a-fA-F]{2})|\\u(-?\d{1,6}) ?\??|\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\(.)|([{}])|[\r\n]+|[^\\{}\r\n]+",
    re.DOTALL,
)
_RTF_SKIPPED = {
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "header",
    "footer",
    "listtable",
    "generator",
    "object",
}
_RTF_BREAKS = {"par", "line", "row", "sect", "page"}
_MAIL_HEADER = re.compile(
    r"\A(?:(?:MIME-Version|Content-[A-Za-z-]+|From|To|Subject|Date|Received|Message-ID):[^\n]*\n"
    r"(?:[ \t][^\n]*\n)*)+\s*\n",
    re.IGNORECASE,
)
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{40,}={0,2}\s*")
_BINARY = ("%PDF-", "PK\x03\x04", "\x89PNG", "GIF8", "\xff\xd8\xff", "II*\x00", "MM\x00*", "\x1f\x8b", "{\\pict")


def _is_tag(match: re.Match[str], text: str) -> bool:
    """Return whether "<...>" is a tag: a known one, a comment, or one of an element that is closed."""
    name = (match.group(1) or "").lower()
    if not name or name in _INLINE or name in _BLOCK or match.group().endswith("/>") or match.group().startswith("</"):
        return True
    return f"</{match.group(1)}" in text


def without_markup(text: str) -> str:
    """Remove HTML or XML from a report: tags of blocks become line ends, others vanish, entities become characters.

    Args:
        text: The report. "<" and "&" as radiologists write them ("nodules < 5 mm") stay.

    Returns:
        The plain text.

    Example:
        >>> without_markup("<b>Nodule</b> &lt; 5 mm")
        'Nodule < 5 mm'
    """

    def replaced(match: re.Match[str]) -> str:
        if not _is_tag(match, text):
            return match.group()
        return "" if (match.group(1) or "b").lower() in _INLINE else "\n\n"

    for _ in range(2):  # a second time for markup that was escaped as a whole
        if "<" in text:
            text = _TAG.sub(replaced, _DROPPED.sub("\n", text))
        if "&" not in text:
            break
        unescaped = html.unescape(text)
        if unescaped == text or "<" not in unescaped:
            return unescaped
        text = unescaped
    return text


def _of_hl7(text: str) -> str:
    """Return the text of the observations (OBX-5) and notes (NTE-3) of an HL7 version 2 message."""
    parts = []
    for line in re.split(r"[\r\n\x0b\x1c]+", text):
        fields = line.strip().split("|")
        if fields[0] == "OBX" and len(fields) > 5 and fields[2] in ("", "TX", "FT", "ST", "CE", "CWE"):
            parts.append(fields[5])
        elif fields[0] == "NTE" and len(fields) > 3:
            parts.append(fields[3])
        elif not re.fullmatch(r"[A-Z][A-Z0-9]{2}", fields[0]):
            parts.append(line)
    joined = "\n".join(part.replace("~", "\n") for part in parts)

    def escape(match: re.Match[str]) -> str:
        code = match.group(1)
        if code.startswith("X"):
            return bytes.fromhex(code[1:]).decode("cp1252", "replace") if len(code) % 2 else ""
        return _HL7_ESCAPES.get(code.rstrip("+-0123456789"), "")

    return re.sub(r"\\(\.br|\.sp[+-]?\d*|\.in[+-]?\d*|[TFSREHN]|X[0-9A-Fa-f]{2,20})\\", escape, joined)


def _of_rtf(text: str) -> str:
    """Return the text of an RTF document, without its tables of fonts, colors and styles."""
    parts: list[str] = []
    stack: list[bool] = []
    skipped = False
    for match in _RTF.finditer(text):
        code, number, word, _, symbol, brace = match.groups()
        if brace == "{":
            stack.append(skipped)
        elif brace == "}":
            skipped = stack.pop() if stack else False
        elif word in _RTF_SKIPPED or symbol == "*":
            skipped = True
        elif skipped:
            continue
        elif code:
            parts.append(bytes([int(code, 16)]).decode("cp1252", "replace"))
        elif number:
            parts.append(chr(int(number) % 65536))
        elif word:
            parts.append("\n" if word in _RTF_BREAKS else "\t" if word in ("tab", "cell") else "")
        elif symbol:
            parts.append(" " if symbol == "~" else symbol if symbol in "\\{}" else "")
        elif not match.group().isspace():
            parts.append(match.group())
    return "".join(parts)


def _of_json(text: str) -> str | None:
    """Return the texts of a JSON object with their keys as headings; None if it holds anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value and all(isinstance(one, str) for one in value.values()):
        return "\n\n".join(f"{key.replace('_', ' ')}: {one}" for key, one in value.items())
    return None


def _of_mail(text: str) -> str | None:
    message = email.message_from_string(text, policy=email.policy.default)
    body = message.get_body(preferencelist=("plain", "html")) if hasattr(message, "get_body") else None
    try:
        return None if body is None else str(body.get_content())
    except (LookupError, KeyError, ValueError):
        return None


def _of_base64(text: str) -> str | None:
    try:
        decoded = base64.b64decode("".join(text.split()), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    return decoded if decoded.isprintable() or "\n" in decoded else None


def _escapes(text: str) -> str:
    """Replace written-out line ends ("\\\\n") and soft line breaks, hexadecimal or percent escapes."""
    if "\\" in text:
        written = re.findall(r"\\[rn]", text)
        follow = "" if len(written) > 1 else "(?![a-z])"
        text = re.sub(r"\\(?:r\\n|[rn])" + follow + r"|\\X0[AD]\\(?:X0A\\)?|\\\.br\\", "\n", text)
    if "=" in text and (re.search(r"=\r?\n", text) or len(re.findall(r"=[0-9A-F]{2}", text)) > 2):
        text = quopri.decodestring(text.encode("utf-8", "replace")).decode("utf-8", "replace")
    if "%" in text and len(re.findall(r"%[0-9A-Fa-f]{2}", text)) > 2 and " " not in text.strip():
        text = unquote(text.replace("+", " "), errors="replace")
    return text


def unwrap(text: str) -> tuple[str, str, str]:
    """Take a report out of the format in which it was transported.

    Known are HL7 version 2, RTF, HTML, XML, JSON objects of texts, mail (MIME), base64, quoted-printable, percent
    escapes and written-out line ends.

    Args:
        text: The report.

    Returns:
        Its plain text, a remark on the format that was removed (empty if none), and a problem if the format is known
        but cannot be read (empty if none).

    Example:
        >>> unwrap(r"OBX|1|TX|71250^CT||Left effusion.\\.br\\No mass.||||||F")
        ('Left effusion.\\nNo mass.', 'HL7 message removed', '')
    """
    start = text.lstrip("\ufeff \t\r\n\x0b")[:20]
    if start.startswith(_BINARY):
        return "", "", "a binary file, not a text"
    steps: list[tuple[bool, Callable[[str], str | None], str]] = [
        (bool(_MAIL_HEADER.match(text)) and "\n" in text.strip(), _of_mail, "mail"),
        (" " not in text.strip() and bool(_BASE64.fullmatch(text)), _of_base64, "base64"),
        (start.startswith("{\\rtf"), _of_rtf, "RTF"),
        (
            "|" in text and len(_SEGMENT.findall(text)) > ("MSH" not in start and "OBX" not in start),
            _of_hl7,
            "HL7 message",
        ),
        (start[:1] in ("{", "[", '"') and '"' in text, _of_json, "JSON"),
    ]
    remark = ""
    for applies, read, name in steps:
        if not applies:
            continue
        plain = read(text)
        if plain is None:
            if name == "base64" or (name == "JSON" and start[:1] == '"'):
                continue
            if name == "JSON" and not re.match(r'[\[{]\s*["\[{\]}]', start):
                continue
            return "", "", f"{name} that cannot be read as a report"
        text, remark = plain, f"{name} removed"
        break
    escaped = _escapes(text)
    if escaped != text:
        text, remark = escaped, remark or "escapes removed"
    if ("<" in text or "&" in text) and (unmarked := without_markup(text)) != text:
        text, remark = unmarked, remark or "markup removed"
    return text, remark, ""
