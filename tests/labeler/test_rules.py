"""The rules: what a line may hold, and that a wrong one is named with its file and line."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from monai_pylon.labeler import Lexicon, ReportLabeler, default_rules, read_rules
from monai_pylon.labeler import rules as module
from monai_pylon.labeler.phrases import STATUSES
from monai_pylon.taxonomy import CHEST_CT_LABELS, CHEST_CT_ORGANS

OURS = Path(module.__file__).parent / "rules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(OURS, tmp_path / "rules"))


def append(folder: Path, name: str, line: str) -> int:
    """Write a line at a table's end; its number."""
    path = folder / name
    text = path.read_text(encoding="utf-8")
    path.write_text(text + line + "\n", encoding="utf-8")
    return text.count("\n") + 1


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("terms.csv", "nodul,spot,", "a finding of findings.csv.*'nodul'. Did you mean 'nodule'"),
        ("terms.csv", "nodule,spot,lesions", "findings to replace.*'lesions'"),
        ("terms.csv", "nodule,,", "a phrase of words, but has ''"),
        ("terms.csv", "nodule,* spot,", "a phrase of words"),
        ("terms.csv", "nodule,no*,", "at least three letters before"),
        ("terms.csv", "nodule,spot (small),", "a phrase of words"),
        ("terms.csv", "nodule,spot,,,more", "3 columns, but has '5'. Put \"quotes\""),
        ("places.csv", "left foot,leg,left", "an organ out of 'lung', .*'leg'"),
        ("places.csv", "left foot,lung;heart;elsewhere,left", "at most two organs"),
        ("places.csv", "left foot,elsewhere,port", "a side out of .*'port'"),
        ("places.csv", "left ... foot,elsewhere,left", "Only terms.csv knows words between"),
        ("cues.csv", "hardly,negates,", "a kind out of .*'negates'"),
        ("cues.csv", "inch,unit,many", "a number as value, but has 'many'"),
        ("findings.csv", "spot,lung spot,,,,lung,no,no", "labels out of .*'lung spot'"),
        ("findings.csv", "nodule,lung nodule,,,,lung,no,no", "a finding that no other line has, but has 'nodule'"),
        ("findings.csv", "spot,lung nodule,,,,head,no,no", "an organ in the column unplaced"),
        ("findings.csv", "spot,lung nodule,,,,lung,maybe,no", "yes or no as history"),
        ("sections.csv", "story,perhaps,,", "yes or no as read"),
        ("sizes.csv", "nodule,widest,3,nodule over 1 cm", "a measure out of 'longest', 'shortest'"),
        ("sizes.csv", "nodule,longest,ten,nodule over 1 cm", "a number as above_mm"),
    ],
)
def test_a_wrong_line_is_named(folder: Path, name: str, line: str, message: str) -> None:
    number = append(folder, name, line)
    with pytest.raises(ValueError, match=f"^{name} line {number} must have .*{message}"):
        read_rules(folder)


def test_a_missing_file_a_wrong_header_and_wrong_bytes_are_named(folder: Path) -> None:
    (folder / "sizes.csv").write_bytes(b"finding,measure,above_mm,gives\nnod\xfcle,longest,1,nodule\n")
    with pytest.raises(ValueError, match=r"sizes\.csv, line 2: the text is not in UTF-8"):
        read_rules(folder)
    (folder / "sizes.csv").write_text("finding,measure\n")
    with pytest.raises(ValueError, match=r"sizes\.csv line 1 must have the columns finding,measure,above_mm,gives"):
        read_rules(folder)
    (folder / "sizes.csv").write_text("# nothing\n")
    with pytest.raises(ValueError, match=r"sizes\.csv line 1 must have the columns"):
        read_rules(folder)
    (folder / "sizes.csv").unlink()
    with pytest.raises(ValueError, match=r"a folder with sizes\.csv"):
        read_rules(folder)


def test_an_edited_vocabulary_is_used(folder: Path) -> None:
    assert ReportLabeler(folder).label("A left-sided blob.") == []
    number = append(folder, "terms.csv", "nodule,blob|dot of lung,")
    (finding,) = ReportLabeler(folder).label("A left-sided blob.")
    assert (finding.abnormality, finding.locations) == ("lung nodule", ("left lung",))
    assert finding.rule == f"terms.csv line {number}"


def test_the_labels_of_each_organ_stand_in_its_column() -> None:
    organ_of = dict(zip(CHEST_CT_LABELS, CHEST_CT_ORGANS, strict=True))
    middle = {"heart", "great vessel", "mediastinum"}
    given = set()
    for finding in default_rules().findings.values():
        for organ, labels in finding.labels.items():
            given |= set(labels)
            for label in labels:  # what lies in any part of the mediastinum may be named by another part
                assert (organ_of[label] in middle) == (organ in middle), label
        assert not finding.unplaced or finding.labels[finding.unplaced]
    assert given == set(CHEST_CT_LABELS)


def test_no_words_stand_in_the_program() -> None:
    """No text in the program is a phrase of the vocabulary, but for the names of organs and sides themselves."""
    phrases = set()
    for name in ("terms.csv", "places.csv", "cues.csv"):
        for line in (OURS / name).read_text(encoding="utf-8").splitlines()[1:]:
            cells = [] if line.startswith("#") else line.split(",")[:2]
            phrases |= {part.strip() for cell in cells for part in cell.replace("...", "|").split("|")}
    choices = {"yes", "none", "present", "right", "left", "both", "elsewhere", "ignore"}
    names = choices.union(STATUSES, module.ORGAN_KINDS, module.CUE_KINDS)
    phrases -= names | {phrase for phrase in phrases if len(phrase) < 3}
    assert len(phrases) > 1000
    for file in Path(module.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str}
        assert not texts & phrases, file.name


def test_the_lexicon_takes_the_longest_whole_phrase() -> None:
    lexicon = Lexicon()
    for phrase in ("rib", "lung", "lung base", "calcif*", "opacity"):
        lexicon.add(phrase, phrase)
    found = lexicon.find(
        ["distribution", "of", "the", "lung", "bases", "calcifications", "opacities", "lung", "ribs", "calc"]
    )
    assert [match.entries for match in found] == [["lung base"], ["calcif*"], ["opacity"], ["lung"], ["rib"]]
    assert (found[0].first, found[0].last) == (3, 5)
    assert lexicon.parted("opacitycalcified") == 7
    assert lexicon.parted("distribution") == 0
