"""CSV file of the labeler's rules, with errors that name file and line for clinicians who edit it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from monai_pylon.labeler.text.word_classes import expand_phrase
from monai_pylon.utils import check, nearest_name
from monai_pylon.utils.tables import read_cells

__all__: list[str] = []

_COLUMNS = {
    "findings": (
        "finding",
        "lung",
        "heart",
        "great vessel",
        "mediastinum",
        "elsewhere",
        "unplaced",
        "history",
        "outside",
    ),
    "terms": ("finding", "phrase", "replaces"),
    "places": ("phrase", "organ", "side"),
    "cues": ("phrase", "kind", "value"),
    "word_classes": ("name", "words"),
    "labels": ("label", "organ"),
    "languages": ("language", "words"),
    "spellings": ("word", "means"),
    "sections": ("heading", "read", "organ", "side"),
    "sizes": ("finding", "measure", "above_mm", "gives"),
}


class RuleTable:
    """Rows of one CSV file with their line numbers; lines that begin with # are comments.

    Args:
        folder: Folder of the rules.
        name: "findings", "terms", "places", "cues" or another of the files.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        check(self.path.is_file(), "folder", f"a folder with {name}.csv", str(folder), "Copy the folder rules/ whole.")
        wanted, cells = _COLUMNS[name], read_cells(self.path, comment="#")
        line, header = next(cells, (1, []))
        if tuple(cell.strip() for cell in header) != wanted:
            self.fail(line, "the columns " + ",".join(wanted), ",".join(header) or "nothing", "Put the first row back.")
        self.rows: list[tuple[int, dict[str, str]]] = []
        self._first: dict[str, tuple[int, str]] = {}
        for line, row in cells:
            values = [cell.strip() for cell in row]
            if values[0].startswith("#"):  # a comment with a comma, which a spreadsheet program has put into quotes
                continue
            if any(values[len(wanted) :]):
                self.fail(line, f"{len(wanted)} columns", f"{len(row)}", 'Put "quotes" around a cell with a comma.')
            self.rows.append((line, dict(zip(wanted, values + [""] * len(wanted), strict=False))))

    def fail(self, line: int, requirement: str, value: str, remedy: str = "") -> NoReturn:
        """Raise a ValueError that names file and line."""
        raise ValueError(f"{self.path.name} line {line} must have {requirement}, but has {value!r}. {remedy}".rstrip())

    def once(self, line: int, key: str, meaning: str) -> None:
        """Raise a ValueError if an earlier line has the same key, with the same or another meaning."""
        if key not in self._first:
            self._first[key] = (line, meaning)
            return
        first, other = self._first[key]
        remedy = "Remove one of them."
        if other == meaning:
            raise ValueError(f"{self.path.name} line {line} repeats {key!r} of line {first}. {remedy}")
        meanings = f"{meaning!r} for {key!r}, but line {first} has {other!r}"
        raise ValueError(f"{self.path.name} line {line} contradicts line {first}: it has {meanings}. {remedy}")

    def choice(self, line: int, value: str, choices: tuple[str, ...] | list[str], what: str) -> str:
        """Return the value if it is one of the choices, else raise a ValueError that names the nearest choice."""
        if value not in choices:
            near = nearest_name(value, choices)
            some = ", ".join(repr(choice) for choice in choices[:12]) + (", …" if len(choices) > 12 else "")
            self.fail(line, f"{what} from {some}", value, f"Did you mean {near!r}?" if near else "")
        return value

    def rule(self, line: int) -> str:
        """Name a line for the evidence, such as "terms.csv line 9"."""
        return f"{self.path.name} line {line}"


def read_classes(table: RuleTable) -> dict[str, tuple[str, ...]]:
    """Return the words of each class in word_classes.csv."""
    classes: dict[str, tuple[str, ...]] = {}
    for line, row in table.rows:
        words = tuple(" ".join(one.lower().split()) for one in row["words"].split("|"))
        if not row["name"].isalpha() or row["name"] in classes or not all(words):
            remedy = "Separate the words by |."
            table.fail(line, "a name of letters that no other line has, and words", row["name"], remedy)
        classes[row["name"]] = words
    return classes


def phrase_parts(table: RuleTable, line: int, phrase: str, classes: dict[str, tuple[str, ...]]) -> list[list[str]]:
    """Split a phrase into parts with alternatives: "heart|cardiac silhouette ... enlarged"."""
    parts: list[list[str]] = []
    for part in phrase.split("..."):
        try:
            parts.append([one for written in part.split("|") for one in expand_phrase(written.strip(), classes)])
        except KeyError as error:
            table.fail(line, "a class of word_classes.csv", str(error.args[0]), "Add a line for it, or correct it.")
        for one in parts[-1]:
            words = [word.strip("<>") for word in one.split()]
            if not words or any(not word.rstrip("*").isalnum() for word in words) or "*" in words:
                remedy = "Write plain words, * only at the end of a word, | between alternatives, ... for other words."
                table.fail(line, "a phrase of words", phrase, remedy)
            if any("*" in word and len(word) < 4 for word in words):
                table.fail(line, "at least three letters before *", phrase)
    return parts
