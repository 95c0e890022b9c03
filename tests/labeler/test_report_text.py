"""Texts of reports: problems, remarks, and no text in the printed form."""

from __future__ import annotations

from monai_pylon.labeler.report_text import ReportText, mend, report_of


def test_the_text_is_not_printed() -> None:
    report = ReportText("scan", "The patient's secret.", "line 2")
    assert repr(report) == "ReportText('scan', 21 characters, 'line 2')"
    assert "secret" not in f"{report} {report!r} {[report]}"


def test_broken_characters_are_repaired() -> None:
    windows, unreadable = "not UTF-8: read as Windows-1252", "characters that cannot be read"
    assert mend("Größe") == ("Größe", "")
    assert mend("a\0b") == ("a b", "")
    assert mend("a\ufffdb") == ("a\ufffdb", unreadable)
    for code, character in ((0xDCF6, "ö"), (0xDC80, "€"), (0xDCFF, "ÿ")):
        assert mend(f"a{chr(code)}b") == (f"a{character}b", windows)
    for code in (0xDC7F, 0xDD00, 0xD800, 0xDC81):  # no byte above 0x7F, or undefined in Windows-1252
        assert mend(f"a{chr(code)}b") == ("a\ufffdb", unreadable)


def test_problems() -> None:
    cases = [
        (" a ", " Mass. ", ("a", " Mass. ", "")),
        ("", "Mass.", ("", "Mass.", "no identifier")),
        ("a", " \n", ("a", " \n", "the report is empty")),
        ("", " ", ("", " ", "no identifier")),
        ("a", "x" * 200_000, ("a", "x" * 200_000, "")),
        ("a", "x" * 200_001, ("a", "", "the report has more than 200,000 characters")),
        ("", "x" * 200_001, ("", "", "no identifier")),
        ("x" * 200, "Mass.", ("x" * 200, "Mass.", "")),
        ("x" * 201, "Mass.", ("", "Mass.", "the identifier is no name but a text")),
        ("a\nb", "Mass.", ("", "Mass.", "the identifier is no name but a text")),
    ]
    for identifier, text, expected in cases:
        report = report_of(identifier, text, "line 2")
        assert (report.identifier, report.text, report.problem) == expected, identifier


def test_all_fields_are_repaired() -> None:
    report = report_of("\udcf6", "Mass.", "f\udcf6.txt", " p\udcf6 ", " s\udcf6 ")
    assert report == ReportText("ö", "Mass.", "fö.txt", "pö", "sö", "", "not UTF-8: read as Windows-1252")
