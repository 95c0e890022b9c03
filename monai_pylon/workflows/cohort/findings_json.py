"""Findings of a case as JSON, for programs that read the results."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from monai.transforms import Transform
from monai.utils import TransformBackends

from monai_pylon.utils import __version__, atomic_write

__all__ = ["FindingsWriter", "case_findings"]

_NOTE = "For research. Not a medical device."


def case_findings(case: str, values: Mapping[str, Any], files: list[str], notice: str = "") -> dict[str, Any]:
    """Describe the results of a case for JSON.

    Args:
        case: Name of the case.
        values: Values by column of the cohort's table: probabilities or volumes and remarks.
        files: Names of the case's files in the folder of the results.
        notice: Notice of the checkpoint, for the beginning of "note".

    Returns:
        "case"; "findings", the values, in which an undefined number is None; "files"; "software" and "note".

    Example:
        >>> case_findings("a", {"ok": True, "left_lung_ml": float("nan")}, ["a_organs.nii.gz"])["findings"]
        {'ok': True, 'left_lung_ml': None}
    """
    found = {
        key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()
    }
    note = f"{notice} {_NOTE}" if notice else _NOTE
    software = {"name": "monai_pylon", "version": __version__}
    return {"case": case, "findings": found, "files": list(files), "software": software, "note": note}


class FindingsWriter(Transform):
    """Transform that writes ``<case>_findings.json`` after another one has written the results of a case.

    Args:
        writer: Function that writes the results of an item, and adds "row" and "files" to it.
        output: Folder to write to.
        notice: Notice of the checkpoint, which the item carries as "notice" to all other writers.

    Example:
        >>> import tempfile
        >>> def write(item):
        ...     return {**item, "row": {"Mass": 0.7}, "files": []}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     FindingsWriter(write, folder)({"scan": "a"})["files"]
        ['a_findings.json']
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, writer: Callable[[dict], dict], output: str | PathLike[str], notice: str = "") -> None:
        self.writer, self.output, self.notice = writer, Path(output).expanduser(), notice
        self.columns = tuple(getattr(writer, "columns", ()))

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results and its findings, and add the file to "files"."""
        item = self.writer({**data, "notice": self.notice} if self.notice else dict(data))
        name = f"{item['scan']}_findings.json"
        text = json.dumps(
            case_findings(item["scan"], item["row"], item["files"], self.notice), indent=2, allow_nan=False
        )
        self.output.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.output / name) as part:
            part.write_text(text + "\n", encoding="utf-8")
        return {**item, "files": [*item["files"], name]}
