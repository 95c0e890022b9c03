"""Vocabulary and rules of the labeler, read from CSV files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from monai_pylon.labeler.rule_entries import CueEntry, FindingRule, PartEntry, Pattern, PlaceEntry, SizeRule, TermEntry
from monai_pylon.labeler.rule_table import RuleTable, phrase_parts, read_classes
from monai_pylon.labeler.text.lexicon import Lexicon
from monai_pylon.labeler.text.word_classes import members
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.taxonomy.label_sets import organs_of_labels
from monai_pylon.utils import check

__all__ = ["CUE_KINDS", "ORGAN_KINDS", "LabelerRules", "default_rules", "read_rules"]

#: Kinds of organ of places and labels; places outside lungs and mediastinum are "elsewhere".
ORGAN_KINDS = ("lung", "heart", "great vessel", "mediastinum", "elsewhere")

#: Kinds of cues in cues.csv; docs/reference/labeler.md explains each.
CUE_KINDS = (
    *("negates after", "negates before", "negates either", "normal before", "negates predicate"),
    *("probable after", "probable before", "possible after", "possible before", "possible both", "possible either"),
    *("asked after", "asked before", "other after", "other before", "history after"),
    *("contrast", "ends scope", "cause", "opens", "exception", "elided", "persists", "refers", "refers at end"),
    *("change", "resolves", "partly", "state", "extent", "narrows", "site", "normal", "differential", "lists"),
    *("verb", "predicate", "joins", "list", "preposition", "definite", "indefinite", "abbreviation"),
    *("neutral", "overlies", "beside", "not there", "not there before", "same place", "other side"),
    *("unit", "times", "earlier size", "distance", "pronoun", "prefers", "than", "equals", "expletive", "inside"),
)
#: Kinds of cues whose short words may stand without a space beside a finding.
_CONNECTING = ("joins", "negates after", "ends scope")
_SIDES = ("right", "left", "both", "")


class LabelerRules(NamedTuple):
    """Vocabulary and rules of the labeler, from :func:`read_rules`.

    Example:
        >>> default_rules().sizes["nodule"][0].above_mm
        10.0
    """

    findings: dict[str, FindingRule]
    lexicon: Lexicon
    patterns: list[Pattern]
    sections: dict[str, tuple[bool, PlaceEntry]]
    sizes: dict[str, list[SizeRule]]
    title_words: frozenset[str]
    exams: frozenset[str]
    summaries: frozenset[str]
    languages: dict[str, tuple[str, ...]]
    own_labels: dict[str, str]


def _split_cell(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _read_labels(table: RuleTable) -> dict[str, str]:
    """Return the organ of each label that the rules add to the 80 of RAD-ChestCT."""
    own: dict[str, str] = {}
    for line, row in table.rows:
        if not row["label"] or row["label"] in own or row["label"] in CHEST_CT_LABELS:
            table.fail(line, "a label that no other line has and that is none of the 80", row["label"])
        own[row["label"]] = table.choice(line, row["organ"], ORGAN_KINDS, "an organ")
    return own


def _read_findings(table: RuleTable, known: tuple[str, ...]) -> dict[str, FindingRule]:
    findings: dict[str, FindingRule] = {}
    for line, row in table.rows:
        if not row["finding"] or row["finding"] in findings:
            table.fail(line, "a finding that no other line has", row["finding"])
        labels = {organ: _split_cell(row[organ]) for organ in ORGAN_KINDS}
        for label in [label for names in labels.values() for label in names]:
            table.choice(line, label, known, "labels")
        table.choice(line, row["unplaced"], (*ORGAN_KINDS, ""), "an organ in the column unplaced")
        if row["unplaced"] and not labels[row["unplaced"]]:
            table.fail(line, f"a label in the column {row['unplaced']!r} that unplaced names", "", "Fill one in.")
        history = table.choice(line, row["history"], ("yes", "no", "absent"), "yes, no or absent as history")
        outside = table.choice(line, row["outside"], ("yes", "no", "chest"), "yes, no or chest as outside")
        flags = (history == "yes", outside != "no", outside != "yes", history == "absent")
        findings[row["finding"]] = FindingRule(labels, row["unplaced"], *flags)
    return findings


def _check_links(
    labels: RuleTable, table: RuleTable, own: dict[str, str], findings: dict[str, FindingRule], named: set[str]
) -> None:
    """Raise a ValueError for a label of the user without a finding or organ, and for a finding without words."""
    given = {label: organ for rule in findings.values() for organ, names in rule.labels.items() for label in names}
    for line, row in labels.rows:
        remedy = "Add a line to findings.csv, and its words to terms.csv."
        if row["label"] not in given:
            labels.fail(line, "a label that a finding of findings.csv has", row["label"], remedy)
        lung = [organ == "lung" for organ in (own[row["label"]], given[row["label"]])]
        if lung[0] != lung[1]:
            remedy = "Use the same organ in both files."
            labels.fail(line, f"the organ {given[row['label']]!r} of findings.csv", own[row["label"]], remedy)
    for line, row in table.rows:
        if row["finding"] not in named:
            table.fail(line, "a finding with words in terms.csv", row["finding"], "Add a line to terms.csv.")


def _read_terms(
    table: RuleTable, findings: list[str], lexicon: Lexicon, classes: dict[str, tuple[str, ...]]
) -> list[Pattern]:
    """Add the terms to the lexicon and return the patterns."""
    patterns: list[Pattern] = []
    ignored: dict[str, tuple[int, bool]] = {}
    for line, row in table.rows:
        table.choice(line, row["finding"], ["ignore", *findings], "a finding of findings.csv")
        replaces = _split_cell(row["replaces"])
        for name in replaces:
            table.choice(line, name, findings, "findings to replace")
        parts = phrase_parts(table, line, row["phrase"], classes)
        if len(parts) == 1:
            for phrase in parts[0]:
                table.once(line, f"{phrase} ({row['finding']})", "")
                ignored.setdefault(phrase, (line, row["finding"] == "ignore"))
                if ignored[phrase][1] != (row["finding"] == "ignore"):
                    remedy = f"Line {ignored[phrase][0]} says the contrary. Remove one of them."
                    table.fail(line, "a phrase that is a finding or ignored", phrase, remedy)
            entry = TermEntry(row["finding"], replaces, table.rule(line))
            for phrase in parts[0]:
                lexicon.add(phrase, entry)
            continue
        for number, part in enumerate(parts):
            for phrase in part:
                lexicon.add(phrase, PartEntry(len(patterns), number))
        patterns.append(Pattern(row["finding"], replaces, table.rule(line), len(parts)))
    return patterns


def _add_phrases(
    table: RuleTable,
    lexicon: Lexicon,
    classes: dict[str, tuple[str, ...]],
    entry: Callable[[int, dict[str, str]], object],
    several: str = "",
) -> None:
    """Add the phrases of a table to the lexicon, with the entry that a function makes of each row.

    A phrase may occur in several rows only if they differ in the column ``several``.
    """
    for line, row in table.rows:
        parts = phrase_parts(table, line, row["phrase"], classes)
        if len(parts) != 1:
            table.fail(line, 'a phrase without "..."', row["phrase"], "Only terms.csv allows other words between.")
        made = entry(line, row)
        for phrase in parts[0]:
            key = f"{phrase} ({row[several]})" if several else phrase
            if "<" not in row["phrase"]:  # phrases with classes of words may overlap
                table.once(line, key, " ".join(value for name, value in row.items() if name != "phrase" and value))
            lexicon.add(phrase, made)


def _set_spellings(table: RuleTable, lexicon: Lexicon) -> None:
    """Set the abbreviations, the misspelled words, and the words to which a word that is one letter off is corrected.

    These are the words that findings consist of ("pneumothorax") and those of rows that mean themselves.
    """
    spellings: dict[str, tuple[str, ...]] = {}
    for line, row in table.rows:
        means = tuple(row["means"].lower().split())
        for word in (one.strip().lower() for one in row["word"].split("|")):
            if not word or " " in word or word in spellings:
                table.fail(line, "single words that no other line has", row["word"], "Separate words by |.")
            spellings[word] = () if means == (word,) else means
    single = [phrase for phrase in lexicon.phrases(TermEntry) if " " not in phrase and len(phrase) >= 7]
    itself = [word for _, row in table.rows for word in [row["word"]] if row["means"] == word]
    short = [phrase for phrase in lexicon.phrases(CueEntry, *_CONNECTING) if " " not in phrase and 1 < len(phrase) < 5]
    lexicon.set_spellings(
        spellings,
        [form for word in single + itself for form in ((word,) if word.endswith("s") else (word, f"{word}s"))],
        short,
    )


def _number(table: RuleTable, line: int, cell: str, what: str) -> float:
    try:
        number = float(cell or 0)
    except ValueError:
        table.fail(line, f"a number as {what}", cell, "Write 10 or 2.5.")
    return number


def _place(table: RuleTable, line: int, row: dict[str, str]) -> PlaceEntry:
    organs = [table.choice(line, one.strip(), (*ORGAN_KINDS, ""), "an organ") for one in row["organ"].split(";")]
    side = table.choice(line, row["side"], _SIDES, "a side")
    if len(organs) > 2:
        table.fail(line, "at most two organs", row["organ"], "Remove the least likely one.")
    return PlaceEntry(organs[0], side, *organs[1:])


def _read_languages(table: RuleTable) -> dict[str, tuple[str, ...]]:
    """Return the languages of which each word is typical."""
    languages: dict[str, tuple[str, ...]] = {}
    for _, row in table.rows:
        for word in row["words"].lower().split("|"):
            languages[word] = (*languages.get(word, ()), row["language"])
    return languages


def read_rules(folder: str | PathLike[str] | None = None) -> LabelerRules:
    """Read and check the rules of a folder.

    Args:
        folder: Folder with findings.csv, terms.csv, places.csv, cues.csv, sections.csv and sizes.csv; None reads those
            of the package.

    Returns:
        The rules, for :class:`~monai_pylon.labeler.ReportLabeler`.

    Raises:
        ValueError: If a file is missing or a line is wrong; the error names file and line.

    Example:
        >>> "pneumonia" in read_rules().findings
        True
    """
    path = Path(__file__).parent / "rules" if folder is None else Path(folder)
    check(path.is_dir(), "folder", "a folder of rules", str(path), "Omit it to use the rules of the package.")
    lexicon = Lexicon()
    classes = read_classes(RuleTable(path, "word_classes"))
    lexicon.set_classes(members(classes))
    own = _read_labels(RuleTable(path, "labels"))
    known = (*CHEST_CT_LABELS, *own, *(label for label in organs_of_labels() if label not in own))
    table = RuleTable(path, "findings")
    findings = _read_findings(table, tuple(dict.fromkeys(known)))
    terms = RuleTable(path, "terms")
    patterns = _read_terms(terms, list(findings), lexicon, classes)
    sized = RuleTable(path, "sizes")
    named = {row["finding"] for _, row in terms.rows} | {row["gives"] for _, row in sized.rows}
    _check_links(RuleTable(path, "labels"), table, own, findings, named)
    places = RuleTable(path, "places")
    _add_phrases(places, lexicon, classes, lambda line, row: _place(places, line, row))
    cues = RuleTable(path, "cues")

    def cue(line: int, row: dict[str, str]) -> CueEntry:
        kind = cues.choice(line, row["kind"], CUE_KINDS, "a kind")
        return CueEntry(kind, cues.rule(line), _number(cues, line, row["value"], "value"))

    _add_phrases(cues, lexicon, classes, cue, "kind")
    _set_spellings(RuleTable(path, "spellings"), lexicon)
    table = RuleTable(path, "sections")
    sections, title_words, exams, summaries = {}, set[str](), set[str](), set[str]()
    for line, row in table.rows:
        reading = table.choice(line, row["read"], ("yes", "summary", "no", "exam", "title"), "a way of reading")
        if reading == "title":
            title_words.update(row["heading"].lower().split("|"))
            continue
        for heading in row["heading"].split("|"):
            table.once(line, " ".join(heading.lower().split()), f"{reading} {row['organ']} {row['side']}".strip())
            name = " ".join(heading.lower().split())
            sections[name] = (reading in ("yes", "summary"), _place(table, line, row))
            exams.update([name] if reading == "exam" else [])
            summaries.update([name] if reading == "summary" else [])
    table, sizes = sized, dict[str, list[SizeRule]]()
    for line, row in table.rows:
        for column in ("finding", "gives"):
            table.choice(line, row[column], list(findings), "a finding of findings.csv")
        table.choice(line, row["measure"], ("longest", "shortest"), "a measure")
        above = _number(table, line, row["above_mm"], "above_mm")
        table.once(line, row["finding"], f"{row['measure']} {row['above_mm']} {row['gives']}")
        rule = SizeRule(row["finding"], row["measure"], above, row["gives"], table.rule(line))
        sizes.setdefault(row["finding"], []).append(rule)
    languages = _read_languages(RuleTable(path, "languages"))
    return LabelerRules(
        findings,
        lexicon,
        patterns,
        sections,
        sizes,
        frozenset(title_words),
        frozenset(exams),
        frozenset(summaries),
        languages,
        own,
    )


@cache
def default_rules() -> LabelerRules:
    """Return the rules of the package, which are read once.

    Example:
        >>> default_rules() is default_rules()
        True
    """
    return read_rules()
