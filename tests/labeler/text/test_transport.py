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
    message = (
        "MSH|^~\\&|RIS\rNTE|1||Left mass.\rNTE|2|\rOBX|1|TX|a||Right nodule.\rOBX|2|NM|a||12\rOBX|3|TX|a\rZZ1|x|y\rmore"
    )
    assert unwrap(message)[0].split("\n") == ["Left mass.", "Right nodule.", "more"]


def test_markup_is_removed() -> None:
    cases = [
        ("<b>Nodule</b> &lt; 5 mm", "Nodule < 5 mm"),
        ("Nodules < 5 mm & > 3 mm", "Nodules < 5 mm & > 3 mm"),
        ("Mass <left> seen", "Mass <left> seen"),  # no known tag, and not closed
        ("One<!-- a\nb -->Two", "OneTwo"),
    ]
    for text, plain in cases:
        assert without_markup(text) == plain, text


def test_plain_text_stays() -> None:
    for text in (REPORT, "", "5 % of | and & < > \\ = [1]", "Ratio 50%, 20%"):
        assert unwrap(text) == (text, "", "")
