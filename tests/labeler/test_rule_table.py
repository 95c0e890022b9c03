"""CSV files of the rules: lines, comments, and errors that name file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.labeler.rule_table import RuleTable, phrase_parts, read_classes

HEADER = "finding,measure,above_mm,gives\n"


def rows(folder: Path, content: str) -> list[int]:
    """Return the lines of the rows of a table."""
    return [line for line, _ in table(folder, content).rows]


def table(folder: Path, content: str | bytes) -> RuleTable:
    (folder / "sizes.csv").write_bytes(content.encode() if isinstance(content, str) else content)
    return RuleTable(folder, "sizes")


def test_rows_know_their_lines(tmp_path: Path) -> None:
    rows = table(tmp_path, f"# comment\n{HEADER}\n# comment\nnodule, longest ,10\n ,,\nb,c,1,d,,\n").rows
    assert rows == [
        (5, {"finding": "nodule", "measure": "longest", "above_mm": "10", "gives": ""}),
        (7, {"finding": "b", "measure": "c", "above_mm": "1", "gives": "d"}),
    ]


def test_a_comment_in_quotes_is_left_out(tmp_path: Path) -> None:
    """As a spreadsheet program writes a comment with a comma."""
    assert rows(tmp_path, HEADER + '"# nodules, sizes",,,\nnodule,#,1,#\n') == [3]


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    assert len(table(tmp_path, "\ufeff" + HEADER + "a,b,c,d").rows) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.encode() + b"nod\xfcle,longest,1,nodule\n", ", line 2: the text is not in UTF-8"),
        ("finding,measure\n", "line 1 must have the columns finding,measure,above_mm,gives, but has 'finding,measure'"),
        ("# nothing\n", "line 1 must have the columns finding,measure,above_mm,gives, but has 'nothing'"),
        (HEADER + "\na,b,c,d,e\n", "line 3 must have 4 columns, but has '5'"),
    ],
)
def test_an_error_names_file_and_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"sizes.csv ?{message}"):
        table(tmp_path, content)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a folder with sizes\.csv"):
        RuleTable(tmp_path, "sizes")


def test_a_key_occurs_once(tmp_path: Path) -> None:
    rules = table(tmp_path, HEADER)
    rules.once(3, "spot", "nodule")
    rules.once(4, "blob", "nodule")
    with pytest.raises(ValueError, match=r"^sizes.csv line 5 repeats 'spot' of line 3\. Remove one"):
        rules.once(5, "spot", "nodule")
    with pytest.raises(
        ValueError, match=r"line 6 contradicts line 3: it has 'mass' for 'spot', but line 3 has 'nodule'"
    ):
        rules.once(6, "spot", "mass")


def test_a_choice_is_checked(tmp_path: Path) -> None:
    rules = table(tmp_path, HEADER)
    assert rules.choice(3, "left", ["left", "right"], "a side") == "left"
    with pytest.raises(ValueError, match=r"line 3 must have a side from 'left', 'right', but has 'lefd'. Did you mean"):
        rules.choice(3, "lefd", ["left", "right"], "a side")
    with pytest.raises(ValueError, match=r"'k', 'l', but has 'zz'\.$"):
        rules.choice(3, "zz", list("abcdefghijkl"), "a letter")
    with pytest.raises(ValueError, match=r"'k', 'l', …, but has 'zz'\.$"):
        rules.choice(3, "zz", list("abcdefghijklm"), "a letter")
    assert rules.rule(3) == "sizes.csv line 3"


def classes(folder: Path, rows: str) -> dict[str, tuple[str, ...]]:
    (folder / "word_classes.csv").write_text("name,words\n" + rows)
    return read_classes(RuleTable(folder, "word_classes"))


def test_classes_of_words(tmp_path: Path) -> None:
    assert classes(tmp_path, "be,is|Has  been\nseen, Seen\n") == {"be": ("is", "has been"), "seen": ("seen",)}
    for wrong, name in (("be2,is", "be2"), ("be,is\nbe,are", "be"), ("be,is||are", "be"), ("be,", "be")):
        message = f"must have a name of letters that no other line has, and words, but has '{name}'"
        with pytest.raises(ValueError, match=message):
            classes(tmp_path, wrong)


@pytest.mark.parametrize(
    ("phrase", "parts"),
    [
        ("nodule", [["nodule"]]),
        ("heart|cardiac silhouette ... enlarged", [["heart", "cardiac silhouette"], ["enlarged"]]),
        ("node ... <be> cal* 2", [["node"], ["<be> cal* 2"]]),
    ],
)
def test_parts_of_a_phrase(tmp_path: Path, phrase: str, parts: list[list[str]]) -> None:
    assert phrase_parts(table(tmp_path, HEADER), 2, phrase, {"be": ("is",)}) == parts


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("", "a phrase of words, but has ''"),
        ("heart ... ", "a phrase of words, but has 'heart ... '"),
        ("mass * left", "a phrase of words"),
        ("mass (left)", "a phrase of words"),
        ("ca*", r"at least three letters before \*, but has 'ca\*'"),
        ("<sean> mass", "a class of word_classes.csv, but has 'sean'"),
    ],
)
def test_wrong_phrases(tmp_path: Path, phrase: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^sizes.csv line 2 must have {message}"):
        phrase_parts(table(tmp_path, HEADER), 2, phrase, {"be": ("is",)})
