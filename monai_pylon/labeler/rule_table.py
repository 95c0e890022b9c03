"""CSV file of the labeler's rules, with errors that name file and line for clinicians who edit it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

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
        name: "findings", "terms", "places", "cues", "spellings", "sections" or "sizes".
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
