"""Sections and sentences of a report."""

from __future__ import annotations

import pytest

from monai_pylon.labeler.text.sections import split_report


def test_sentences_and_whether_they_are_read() -> None:
    cases = [
        ("One. Two.", [("One", True), ("Two", True)]),
        ("A 1.2 cm nodule. End", [("A 1.2 cm nodule", True), ("End", True)]),
        ("Up to 3 mm. Next one", [("Up to 3 mm", True), ("Next one", True)]),
        ("A line\nthat goes on.", [("A line\nthat goes on", True)]),
        ("History: Old.\n\nNew text.", [("Old", False), ("New text", True)]),
        ("HISTORY:\n\nOld. FINDINGS: New", [("Old", False), ("New", True)]),
        ("PMHx: Old. Previous imaging: Old too.\nReport: New", [("Old", False), ("Old too", False), ("New", True)]),
        ("TECHNIQUE: Axial.\nIMPRESSION: New", [("Axial", False), ("New", True)]),
        ("FINDINGS\nNew", [("New", True)]),
        ("HISTORY\nOld", [("Old", False)]),
        ("1. One\n2) Two\n- Three", [("One", True), ("Two", True), ("Three", True)]),
        ("Effusion: none", [("Effusion: none", True)]),
        ("", []),
        # a heading without colon must be alone on its line, with text after it
        ("History\nMass", [("Mass", False)]),
        ("of the\nlungs\nis seen", [("of the\nlungs\nis seen", True)]),
        ("HISTORY mass", [("HISTORY mass", True)]),
        ("HISTORY. Mass", [("HISTORY", True), ("Mass", True)]),
        ("Mass.\nHISTORY\nOld", [("Mass", True), ("Old", False)]),
        ("A\nHISTORY\nOld", [("A\nHISTORY\nOld", True)]),  # not after a stop
        ("HISTORY:", []),
        ("Mass. HISTORY\nOld", [("Mass", True), ("HISTORY\nOld", True)]),  # not on a line of its own
        ("FINDINGS:New", [("New", True)]),
        ("HISTORY", [("HISTORY", True)]),
        ("HISTORY ", [("HISTORY", True)]),
        # a section that is not read ends at a blank line after its text, also one with spaces; a read one goes on
        ("History: Old.\n \t\nNew", [("Old", False), ("New", True)]),
        ("History: Old.\n        \nNew", [("Old", False), ("New", True)]),
        ("History: Old.\nOld too", [("Old", False), ("Old too", False)]),
        ("History: Old. Old too.\n\nNew", [("Old", False), ("Old too", False), ("New", True)]),
        # a known heading in capitals within a line begins a sentence, with the longest name that is known
        ("MASS FINDINGS: New", [("MASS", True), ("New", True)]),
        ("Mass CLINICAL HISTORY: Old", [("Mass", True), ("Old", False)]),
        ("A MASS: New", [("A MASS: New", True)]),
        # but not with a name that continues the words before it
        ("It is A HISTORY: FINDINGS: New", [("It is A HISTORY:", True), ("New", True)]),
        ("nodule in the right lung: stable", [("nodule in the right lung: stable", True)]),
        # the title of an examination, and a heading of several parts
        ("CT CHEST WITHOUT CONTRAST: New", [("New", True)]),
        ("Chest, two views: New", [("New", True)]),
        ("FINDINGS AND IMPRESSION: New", [("New", True)]),
        ("TECHNIQUE/COMPARISON: Old", [("Old", False)]),
        ("FINDINGS - New", [("New", True)]),
        # list marks
        ("- ", [("-", True)]),
        ("-One", [("One", True)]),
    ]
    for report, expected in cases:
        sentences = split_report(report)
        assert [(sentence.text, sentence.read) for sentence in sentences] == expected, report
        for sentence in sentences:
            assert report[sentence.start :].startswith(sentence.text)


def test_a_blank_line_resets_section_and_place() -> None:
    before, after = split_report("HISTORY: Old.\n\nNew")
    assert (before.section, after.section) == ("history", "")
    lungs, also = split_report("LUNGS: One.\n\nTwo")
    assert (lungs.section, also.section, also.place.organ) == ("lungs", "lungs", "lung")


def test_the_heading_of_an_organ_is_kept_and_locates_what_follows() -> None:
    first, second = split_report("RIGHT LUNG: One. Two.")
    assert (first.text, first.skip, second.text, second.skip) == ("RIGHT LUNG: One", 12, "Two", 0)
    assert [(s.place.organ, s.place.side) for s in (first, second)] == [("lung", "right")] * 2
    (other,) = split_report("FINDINGS: One")
    assert (other.text, other.start, other.skip) == ("One", 10, 0)


def test_a_heading_of_several_parts_has_a_place_if_all_have_the_same() -> None:
    for heading, organ, read in (("LUNGS AND PLEURA", "lung", True), ("HEART AND LUNGS", "", True)):
        (sentence,) = split_report(f"{heading}: New")
        assert (sentence.section, sentence.place.organ, sentence.read) == (heading.lower(), organ, read)
    (sentence,) = split_report("LUNGS AND WARD: New")
    assert (sentence.text, sentence.section) == ("LUNGS AND WARD: New", "")


def test_of_several_headings_the_last_is_kept() -> None:
    (sentence,) = split_report("FINDINGS: HEART: Enlarged")
    assert (sentence.text, sentence.start, sentence.skip) == ("HEART: Enlarged", 10, 7)


def test_a_long_heading_within_a_line_is_found_up_to_45_characters() -> None:
    name = "CARDIAC AND MEDIASTINAL SILHOUETTES"
    for words, found in ((0, True), (1, True), (3, True)):
        sentences = split_report("One. " + "MASS " * words + f"{name}: Two")
        assert (sentences[-1].section == name.lower()) is found


@pytest.mark.parametrize("text", ["nodule and " * 1000, "x" * 9000, " " * 9000 + "nodule", "x" * 1001])
def test_a_long_sentence_is_cut_between_words(text: str) -> None:
    sentences = split_report(text)
    assert max(len(sentence.text) for sentence in sentences) <= 1000
    assert sum(sentence.text.count("nodule") for sentence in sentences) == text.count("nodule")
    assert sum(sentence.text.count("x") for sentence in sentences) == text.count("x")


def test_where_a_long_sentence_is_cut() -> None:
    assert [len(sentence.text) for sentence in split_report("x" * 1000)] == [1000]
    assert [len(sentence.text) for sentence in split_report("xx " * 333 + "y")] == [1000]
    assert [len(sentence.text) for sentence in split_report("x" * 1001)] == [1000, 1]
    assert [sentence.text for sentence in split_report("x" * 600 + " " + "y" * 600)] == ["x" * 600, "y" * 600]
    assert [sentence.start for sentence in split_report("x" * 600 + " " + "y" * 600)] == [0, 601]
    assert [sentence.text for sentence in split_report("x " + "y" * 1001)] == ["x", "y" * 1000, "y"]
    assert [len(sentence.text) for sentence in split_report(" " + "y" * 1200)] == [999, 201]


@pytest.mark.parametrize(
    ("report", "body"),
    [
        # no heading of findings follows: they begin in the next line, or where a sentence names an organ
        (
            "COMPARISON: 2019.\nThe nodule is stable. No effusion. Heart normal.\nIMPRESSION: Stable.",
            "The nodule is stable",
        ),
        ("CHEST\nINDICATION: Cough.\nThe lungs are clear. Heart normal.", "The lungs are clear"),
        ("REASON FOR STUDY: Cough. The trachea is patent. There is a nodule. No mass.", "The trachea is patent"),
        ("REASON FOR STUDY: Cough. Known of a lung disease. The heart is large. No mass.", "The heart is large"),
        ("HISTORY: Cough. There is a nodule. No mass. No node.", "There is a nodule"),
        ("HISTORY: Cough. There are nodules. No mass. No node.", "There are nodules"),
        ("EXAM: CT CHEST. The lungs are clear.", "The lungs are clear"),
        ("COMPARISON: 2019.\nNodule is stable. No effusion. No mass.\nIMPRESSION: Stable.", "Nodule is stable"),
        ("COMPARISON: 2019.\nThe heart is large. No effusion.\nIMPRESSION: Stable.", "The heart is large"),
        # too few sentences behind the first line
        ("COMPARISON: 2019.\nNodule is stable. No effusion.\nIMPRESSION: Stable.", "Stable"),
        ("HISTORY: Cough. The lungs were clear. Fever.\nIMPRESSION: Clear.", "Clear"),
        # a heading follows, or the findings came before, or nothing looks like findings
        ("HISTORY: Cough.\nLung cancer. Chemotherapy. Fever.\nFINDINGS: Clear.", "Clear"),
        ("HISTORY: Cough.\nLung cancer. Chemotherapy. Fever.\nFINDINGS: Clear", "Clear"),
        ("FINDINGS: Clear. HISTORY: Cough.\nThe heart was enlarged. No mass. No node.", "Clear"),
        ("HISTORY: Cough.\nLung cancer.\nIMPRESSION: Clear.", "Clear"),
    ],
)
def test_findings_behind_a_section_that_is_not_read(report: str, body: str) -> None:
    read = [sentence.text for sentence in split_report(report) if sentence.read and "CHEST" not in sentence.text]
    assert read[0] == body


def test_a_history_behind_the_findings_is_not_read_to_its_end() -> None:
    text = "FINDINGS: Clear. HISTORY: Cough.\nThe heart was enlarged. No mass. No node."
    assert [sentence.text for sentence in split_report(text) if sentence.read] == ["Clear"]
