"""Vocabulary and rules: valid lines, and errors that name file and line."""

from __future__ import annotations

import ast
import shutil
from pathlib import Path

import pytest

from monai_pylon.labeler import ReportLabeler, label_reports
from monai_pylon.labeler import rules as module
from monai_pylon.labeler.grammar.scopes import STATUSES
from monai_pylon.labeler.rule_entries import PartEntry, PlaceEntry, TermEntry
from monai_pylon.labeler.rules import default_rules, read_rules
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.label_sets import organs_of_labels
from monai_pylon.taxonomy.organs import CHEST_CT_ORGANS

PACKAGE_RULES = Path(module.__file__).parent / "rules"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE_RULES, tmp_path / "rules"))


def append(folder: Path, name: str, line: str) -> int:
    """Append a line to a table and return its number."""
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
        ("places.csv", "left foot,leg,left", "an organ from 'lung', .*'leg'"),
        ("places.csv", "left foot,lung;heart;elsewhere,left", "at most two organs"),
        ("places.csv", "left foot,elsewhere,port", "a side from .*'port'"),
        ("places.csv", "left ... foot,elsewhere,left", "Only terms.csv allows other words between"),
        ("cues.csv", "hardly,negates,", "a kind from .*'negates'"),
        ("cues.csv", "inch,unit,many", "a number as value, but has 'many'"),
        ("findings.csv", "spot,lung spot,,,,,lung,no,no", "labels from .*'lung spot'"),
        ("findings.csv", "nodule,lung nodule,,,,,lung,no,no", "a finding that no other line has, but has 'nodule'"),
        ("findings.csv", "spot,lung nodule,,,,,head,no,no", "an organ in the column unplaced"),
        ("findings.csv", "spot,lung nodule,,,,,lung,maybe,no", "yes, no or absent as history"),
        ("findings.csv", ",lung nodule,,,,,lung,no,no", "a finding that no other line has, but has ''"),
        ("findings.csv", "spot,lung nodule,,,,,heart,no,no", "a label in the column 'heart' that unplaced names"),
        ("findings.csv", "spot,lung nodule,,,,,lung,no,maybe", "yes, no or chest as outside"),
        ("findings.csv", "spot,lung nodule,,,,,lung,no,no", "a finding with words in terms.csv, but has 'spot'"),
        ("labels.csv", "lung nodule,lung", "a label that no other line has and that is none of the 80"),
        ("labels.csv", "goiter,mediastinum", "a label that a finding of findings.csv has, but has 'goiter'"),
        ("labels.csv", "pulmonary embolism,lung", "the organ 'great vessel' of findings.csv, but has 'lung'"),
        ("terms.csv", "ignore,pneumonia,", "a phrase that is a finding or ignored, but has 'pneumonia'"),
        ("spellings.csv", "pnax|left lung,pneumonia", "single words that no other line has"),
        ("spellings.csv", "pnax||pnay,pneumonia", "single words that no other line has"),
        ("spellings.csv", "pnax|lt,left", "single words that no other line has"),
        ("sections.csv", "story,perhaps,,", "a way of reading from .*'perhaps'"),
        ("sizes.csv", "nodule,widest,3,nodule over 1 cm", "a measure from 'longest', 'shortest'"),
        ("sizes.csv", "nodule,longest,ten,nodule over 1 cm", "a number as above_mm"),
    ],
)
def test_an_error_names_the_line(folder: Path, name: str, line: str, message: str) -> None:
    number = append(folder, name, line)
    with pytest.raises(ValueError, match=f"^{name} line {number} must have .*{message}"):
        read_rules(folder)


def test_a_phrase_occurs_once_but_for_other_findings(folder: Path) -> None:
    number = append(folder, "places.csv", "left foot,elsewhere,left\nleft foot,lung,left")
    meanings = (
        f"line {number + 1} contradicts line {number}: it has 'lung left' for 'left foot', but .* 'elsewhere left'"
    )
    with pytest.raises(ValueError, match=meanings):
        read_rules(folder)


def test_an_edited_vocabulary_is_used(folder: Path) -> None:
    assert ReportLabeler(folder).label("A left-sided blob.") == []
    number = append(folder, "terms.csv", "nodule,blob|dot of lung,")
    (finding,) = ReportLabeler(folder).label("A left-sided blob.")
    assert (finding.abnormality, finding.locations) == ("lung nodule", ("left lung",))
    assert finding.rule == f"terms.csv line {number}"


def test_the_columns_history_and_outside() -> None:
    findings = default_rules().findings
    names = ("nodule", "pneumonia", "postsurgical", "CABG", "edema", "normal heart")
    assert {name: findings[name][2:] for name in names} == {  # in_history, outside, elsewhere, denies
        "nodule": (False, False, True, False),
        "pneumonia": (False, True, False, False),
        "postsurgical": (True, False, True, False),
        "CABG": (True, True, False, False),
        "edema": (False, True, True, False),
        "normal heart": (False, True, False, True),
    }


def test_words_that_are_one_letter_off() -> None:
    """Corrected are those of findings with seven letters or more, their plurals, and words that mean themselves."""
    meant = {
        "empyma": (("empyema", 0),),
        "pneumotorax": (("pneumothorax", 0),),
        "efusions": (("effusions", 0),),
        "fibrossi": (("fibrosis", 0),),
        "nodlue": (("nodule", 0),),
        "lt": (("left", 0),),
        "pleura": None,
        "noeffusion": (("no", 2), ("effusion", 8)),
        "effusionand": (("effusion", 8), ("and", 3)),
    }
    assert {word: default_rules().lexicon.meant(word) for word in meant} == meant


def test_the_meaning_of_lines_in_the_other_files() -> None:
    rules = default_rules()
    lexicon = rules.lexicon
    assert [rules.sections[heading][0] for heading in ("findings", "history")] == [True, False]
    assert rules.sections["right lung"] == (True, PlaceEntry("lung", "right"))
    assert [entry.value for word in ("no", "mm", "cm") for entry in lexicon.find([word])[0].entries] == [0, 1, 10]
    assert lexicon.find(["right", "hilum"])[0].entries == [PlaceEntry("mediastinum", "right", "lung")]
    (entry,) = lexicon.find(["cardiomegaly"])[0].entries
    assert (entry.finding, entry.replaces) == ("cardiomegaly", ())
    assert {type(entry) for entry in lexicon.find(["calcif*"])[0].entries} == {TermEntry, PartEntry}
    pattern = rules.patterns[lexicon.find(["cardiothoracic", "ratio"])[0].entries[0].pattern]
    assert (pattern.finding, pattern.parts) == ("cardiomegaly", 2)


def test_three_letters_before_an_asterisk_are_enough(folder: Path) -> None:
    append(folder, "terms.csv", "nodule,zyz*,")
    assert read_rules(folder).lexicon.knows("zyzzyva")


def test_labels_are_in_the_column_of_their_organ() -> None:
    organ_of = dict(zip(CHEST_CT_LABELS, CHEST_CT_ORGANS, strict=True))
    middle = {"heart", "great vessel", "mediastinum"}
    given = set()
    for finding in default_rules().findings.values():
        for organ, labels in finding.labels.items():
            given |= set(labels)
            for label in labels:  # a label may be in the column of another part of the mediastinum
                assert label not in organ_of or (organ_of[label] in middle) == (organ in middle), label
        assert not finding.unplaced or finding.labels[finding.unplaced]
    assert given == set(organs_of_labels())


def test_the_program_holds_no_vocabulary() -> None:
    """No string in the program is a phrase of the vocabulary, except the names of organs and sides."""
    phrases = set()
    for name in ("terms.csv", "places.csv", "cues.csv"):
        for line in (PACKAGE_RULES / name).read_text(encoding="utf-8").splitlines()[1:]:
            cells = [] if line.startswith("#") else line.split(",")[:2]
            phrases |= {part.strip() for cell in cells for part in cell.replace("...", "|").split("|")}
    choices = {"yes", "none", "present", "right", "left", "both", "elsewhere", "ignore", "uncertain"}
    names = choices.union(STATUSES, module.ORGAN_KINDS, module.CUE_KINDS)
    phrases -= names | {phrase for phrase in phrases if len(phrase) < 3}
    assert len(phrases) > 1000
    for file in Path(module.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and type(node.value) is str}
        assert not texts & phrases, file.name


def test_labels_of_your_own_need_only_lines_in_csv_files(folder: Path, tmp_path: Path) -> None:
    for name, line in (
        ("labels.csv", "pulmonary embolism,great vessel"),
        ("labels.csv", "goiter,mediastinum"),
        ("findings.csv", "goiter,,,,goiter,,mediastinum,no,yes"),
        ("terms.csv", "goiter,goiter|enlarged thyroid,"),
    ):
        append(folder, name, line)
    (tmp_path / "reports.csv").write_text(
        'id,report\na,"Pulmonary embolism. No goiter."\nb,Goiter.\n', encoding="utf-8"
    )
    label_reports(tmp_path / "reports.csv", tmp_path / "labels.csv", ReportLabeler(folder), progress=False)
    table = (tmp_path / "labels.csv").read_text(encoding="utf-8").splitlines()
    assert table[1:] == ["a,pulmonary embolism,0,1,0", "b,goiter,0,1,0"]
