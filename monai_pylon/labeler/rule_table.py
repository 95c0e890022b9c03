"""A CSV file of the labeler's rules, checked line by line: a clinician may have edited it."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from monai_pylon.utils import check, nearest_name
from monai_pylon.utils.tables import read_cells

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
    """One CSV file: rows with the line each stands on; lines that begin with # are comments.

    Args:
        folder: where it lies.
        name: "findings", "terms", "places", "cues", "sections" or "sizes".
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.csv"
        check(self.path.is_file(), "folder", f"a folder with {name}.csv", str(folder), "Copy the folder rules/ whole.")
        wanted, cells = _COLUMNS[name], read_cells(self.path, comment="#")
        line, header = next(cells, (1, []))
        if tuple(cell.strip() for cell in header) != wanted:
            self.fail(line, "the columns " + ",".join(wanted), ",".join(header) or "nothing", "Put the first row back.")
        self.rows: list[tuple[int, dict[str, str]]] = []
        for line, row in cells:
            values = [cell.strip() for cell in row]
            if any(values[len(wanted) :]):
                self.fail(line, f"{len(wanted)} columns", f"{len(row)}", 'Put "quotes" around a cell with a comma.')
            self.rows.append((line, dict(zip(wanted, values + [""] * len(wanted), strict=False))))

    def fail(self, line: int, requirement: str, value: str, remedy: str = "") -> NoReturn:
        """Raise an error that names file and line."""
        raise ValueError(f"{self.path.name} line {line} must have {requirement}, but has {value!r}. {remedy}".rstrip())

    def choice(self, line: int, value: str, choices: tuple[str, ...] | list[str], what: str) -> str:
        """The value, if it is one of the choices; else an error that names the nearest."""
        if value not in choices:
            near = nearest_name(value, choices)
            some = ", ".join(repr(choice) for choice in choices[:12]) + (", …" if len(choices) > 12 else "")
            self.fail(line, f"{what} out of {some}", value, f"Did you mean {near!r}?" if near else "")
        return value

    def rule(self, line: int) -> str:
        """What a line is called in the evidence."""
        return f"{self.path.name} line {line}"
