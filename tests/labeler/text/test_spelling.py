"""Spelling correction by one letter."""

from __future__ import annotations

from monai_pylon.labeler.text.spelling import Spelling


def test_one_edit_is_corrected() -> None:
    spelling = Spelling(["consolidation", "effusion", "massive", "nodule"])
    cases = [
        ("consolidaton", "consolidation"),  # missing
        ("efffusion", "effusion"),  # additional
        ("effuzion", "effusion"),  # wrong
        ("nodlue", "nodule"),  # exchanged
        ("effusion", "effusion"),
        ("cnsolidation", "consolidation"),  # the second letter
        ("comsolidation", "consolidation"),
        ("cosnolidation", "consolidation"),
        ("consolidatiom", "consolidation"),  # the last letter
        ("mssaive", ""),  # a letter moved across two equal ones
        ("infusion", ""),  # another first letter
        ("effsuino", ""),  # two edits
        ("effsuson", ""),
        ("effxuion", ""),
        ("nodle", ""),  # five letters
    ]
    for written, meant in cases:
        assert spelling.correct(written) == meant, written


def test_an_ambiguous_word_is_not_corrected() -> None:
    assert Spelling(["lesions", "legions"]).correct("leions") == ""
    assert Spelling(["mass"]).correct("masss") == ""  # a word of the vocabulary with four letters
