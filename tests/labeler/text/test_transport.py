"""Transport formats of reports."""

from __future__ import annotations

import base64
import json
import quopri

import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.text.transport import unwrap, without_markup

#: The long lines are whole reports.
# ruff: noqa: E501
REPORT = "FINDINGS: Left pleural effusion.\nNo pneumothorax.\nIMPRESSION: Right lung nodule."
RTF = r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}{\*\generator Mass;}\f0 FINDINGS: Left pleural effusion.\par No pneumothorax.\par IMPRESSION: Right lung nodule.\par}"
HL7 = (
    "MSH|^~\\&|RIS|HOSP|||202001010101||ORU^R01|1|P|2.3\rPID|1||12345||DOE^MASS\r"
    "OBR|1|||71250^CT CHEST\rOBX|1|TX|71250&GDT||FINDINGS: Left pleural effusion.\\.br\\No pneumothorax.||||||F\r"
    "OBX|2|TX|71250&IMP||IMPRESSION: Right lung nodule.||||||F\r"
)
HTML = "<html><head><style>p {mass: 1}</style></head><body><p>FINDINGS: Left pleural <b>effusion</b>.<br/>No pneumothorax.</p><div>IMPRESSION: Right&nbsp;lung nodule.</div></body></html>"
MAIL = (
    "From: ris@x.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
)
FORMATS = {
    "HL7": HL7,
    "RTF": RTF,
    "HTML": HTML,
    "escaped HTML": HTML.replace("<", "&lt;").replace(">", "&gt;"),
    "XML": "<?xml version='1.0'?><report><section>FINDINGS: Left pleural effusion. No pneumothorax.</section><section>IMPRESSION: Right lung nodule.</section></report>",
    "JSON": json.dumps({"findings": "Left pleural effusion. No pneumothorax.", "impression": "Right lung nodule."}),
    "written line ends": REPORT.replace("\n", "\\n"),
    "quoted-printable": quopri.encodestring((REPORT + " caf\u00e9=").encode())
    .decode()
    .replace("effusion", "eff=\nusion"),
    "percent": REPORT.replace("\n", "%0A").replace(" ", "%20"),
    "base64": base64.b64encode(REPORT.encode()).decode(),
    "mail": MAIL + base64.b64encode(REPORT.encode()).decode(),
    "Markdown": "## FINDINGS\n**Left pleural effusion.**\n\n- No pneumothorax\n\n# IMPRESSION\n> Right lung nodule.",
    "written table": "| Part | Result |\n|---|---|\n| Effusion | left |\n| Pneumothorax | none |\n| Nodule | right lung |",
    "boxes": "Effusion: [x] left [ ] right\nPneumothorax: [ ] yes [x] no\nNodule: [x] right lung [ ] left lung",
    "old Mac": REPORT.replace("\n", "\r"),
}


@pytest.mark.parametrize("name", FORMATS)
def test_each_format_has_the_labels_of_the_plain_report(name: str) -> None:
    labeler = ReportLabeler()
    assert (labeler.label_matrix([FORMATS[name]]) == labeler.label_matrix([REPORT])).all(), unwrap(FORMATS[name])


@pytest.mark.parametrize(
    "text",
    [
        "%PDF-1.4 Left effusion",
        "PK\x03\x04 Left effusion",
        "\x89PNG left effusion",
        '{"a": {"b": "Left effusion"}}',
        '["Left effusion", 1]',
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    labeler = ReportLabeler()
    assert labeler.label(text) == []
    assert labeler.problems(text)[0].startswith("not a readable text")


def test_observations_and_notes_of_hl7() -> None:
    message = "MSH|^~\\&|RIS\rNTE|1||Left mass.\rNTE|2|\rOBX|1|TX|a||Right nodule.\rOBX|2|NM|a||12\rOBX|3|TX|a\rOBX|4|TX|a|\rZZ1|x|y\rmore"
    assert unwrap(message)[0].split("\n") == ["Left mass.", "Right nodule.", "more"]


def test_escapes_of_hl7() -> None:
    cases = {
        r"a\T\b\F\c\S\d\R\e\E\f": "a&b|c^d~e\\f",
        r"\H\a\N\b": "ab",
        r"a\.sp\b\.sp+2\c\.in+4\d": "a\nb\nc d",
        r"a\X41\b\X4142\c\X414\d": "aAbABcd",
        "a~b": "a\nb",
    }
    for written, text in cases.items():
        assert unwrap(f"OBX|1|FT|a||{written}")[0] == text, written


def test_words_of_rtf() -> None:
    cases = {
        r"a\'e9b": "a\u00e9b",
        r"a\u181 ?b\u-10179 ?c": "a\u00b5b\ud83dc",
        r"a\par b\line c\tab d\cell e\b f": "a\nb\nc\td\te f".replace("e f", "ef"),
        r"a\~b\{c\}d\\e\-f": "a b{c}d\\ef",
        r"{\fonttbl{\f0 Arial;}x}a{\*\mass b}c": "ac",
        r"a}b": "ab",
        "a\r\nb": "ab",
    }
    for written, text in cases.items():
        assert unwrap(r"{\rtf1" + f" {written}")[0] == text, written


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a=\nb", "ab"),  # a soft line break
        ("a=20b=20c", "a=20b=20c"),  # two escapes may be something else
        ("a=20b=20c=20", "a b c "),
        ("a%20b%20c", "a%20b%20c"),
        ("a%20b%20c%20", "a b c "),
        ("a+b%20c%20d%20", "a b c d "),
        (r"one\ntwo", r"one\ntwo"),  # one: a path, perhaps
        (r"one\nTwo", "one\nTwo"),
        (r"one\ntwo\nthree", "one\ntwo\nthree"),
        (r"one\r\ntwo", "one\ntwo"),
        (r"one\X0D\X0A\two", "one\ntwo"),
        ('"one two"', "one two"),
        ('"one" two', '"one" two'),
        ('[Left] "ground glass" nodule', '[Left] "ground glass" nodule'),
        ('{"lung_base": "a", "heart": "b"}', "lung base: a\n\nheart: b"),
        ("Mass | left\nNode | right", "Mass | left\nNode | right"),  # no segments
        ("OBX|1|TX|a||One\nTwo", "One\nTwo"),
        ("Left mass seen at noon.\nNTE|1||small", "Left mass seen at noon.\nNTE|1||small"),  # a single segment
        ("Left mass seen at noon.\nNTE|1||small\nNTE|2||round", "Left mass seen at noon.\nsmall\nround"),
        ("%20a+b c%20%20", "%20a+b c%20%20"),  # a space
        ("a+b=50%", "a+b=50%"),
        ("A<x>b</x>", "A\n\nb\n\n"),
        ("a <x>b", "a <x>b"),
        ("a<br/>b", "a\n\nb"),
        ("a<new/>b", "a\n\nb"),
        ("<script>x</script>a", "\na"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
    ],
)
def test_what_is_taken_for_an_escape(text: str, plain: str) -> None:
    assert unwrap(text)[0] == plain


def test_markup_is_removed() -> None:
    cases = [
        ("<b>Nodule</b> &lt; 5 mm", "Nodule < 5 mm"),
        ("Nodules < 5 mm & > 3 mm", "Nodules < 5 mm & > 3 mm"),
        ("Mass <left> seen", "Mass <left> seen"),  # no known tag, and not closed
        ("One<!-- a\nb -->Two", "OneTwo"),
        ("&lt;p&gt;a &amp;lt; b &amp;amp;lt; c", "\n\na < b &lt; c"),  # escaped up to two times
    ]
    for text, plain in cases:
        assert without_markup(text) == plain, text


def test_plain_text_stays() -> None:
    for text in (REPORT, "", "5 % of | and & < > \\ = [1]", "Ratio 50%, 20%"):
        assert unwrap(text) == (text, "", "")
