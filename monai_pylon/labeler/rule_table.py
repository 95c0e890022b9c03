"""CSV file of the labeler's rules, with errors that name file and line for clinicians who edit it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import NoReturn

from monai_pylon.utils import check, nearest_name

__all__: list[str] = []

_COLUMNS = {
    "findings": ("finding", "lung", "heart", "great vessel", "mediastinum", "unplaced", "history", "outside"),
    "terms": ("finding", "phrase", "replaces"),
    "places": ("phrase", "organ", "side"),
    "cues": ("phrase", "kind", "value"),
    "sections": ("heading", "read", "organ", "side"),
    "sizes": ("finding", "measure", "above_mm", "gives"),
}


class RuleTable:
    """Rows of one CSV file with their line numbers; lines that begin with # are comments.

    Args:
        folder: Folder of the rules.
        name: "findings", "terms", "places", "cues", "sections" or "sizes".
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        check(self.path.is_file(), "folder", f"a folder with {name}.csv", str(folder), "Copy the folder rules/ whole.")
        try:
            text = self.path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.path.read_bytes()[: error.start].count(b"\n") + 1
            self.fail(line, "text in UTF-8", "bytes that are not", "Save the file as CSV UTF-8.")
        self.rows: list[tuple[int, dict[str, str]]] = []
        header: list[str] | None = None
        wanted = _COLUMNS[name]
        for line, text_line in enumerate(text.splitlines(), start=1):
            if not text_line.strip(" ,\t") or text_line.startswith("#"):
                continue
            cells = [cell.strip() for cell in next(csv.reader([text_line]))]
            if header is None:
                header = cells
                if tuple(header) != wanted:
                    self.fail(line, "the columns " + ",".join(wanted), text_line, "Put the first row back.")
                continue
            if len(cells) > len(wanted) and any(cells[len(wanted) :]):
                self.fail(line, f"{len(wanted)} columns", f"{len(cells)}", 'Put "quotes" around a cell with a comma.')
            self.rows.append((line, dict(zip(wanted, cells + [""] * len(wanted), strict=False))))
        if header is None:
            self.fail(1, "the columns " + ",".join(wanted), "nothing", "Put the first row back.")

    def fail(self, line: int, requirement: str, value: str, remedy: str = "") -> NoReturn:
        """Raise a ValueError that names file and line."""
        raise ValueError(f"{self.path.name} line {line} must have {requirement}, but has {value!r}. {remedy}".rstrip())

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
