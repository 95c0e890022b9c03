"""Findings of a case as JSON for programs that read the results, and the folder of the case."""

from __future__ import annotations

import json
import math
import os
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
        files: Names of the other files in the folder of the case.
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
    """Transform that completes a case after another one has written its results.

    It writes ``<case>_findings.json`` and moves all files of the case to a folder of their own, ``<case>``.

    Args:
        writer: Function that writes the results of an item, and adds "row" and "files" to it.
        output: Folder to write to, that of the writer.
        notice: Notice of the checkpoint, which the item carries as "notice" to all other writers.

    Example:
        >>> import tempfile
        >>> def write(item):
        ...     return {**item, "row": {"Mass": 0.7}, "files": []}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     FindingsWriter(write, folder)({"scan": "a"})["files"]
        ['a/a_findings.json']
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, writer: Callable[[dict], dict], output: str | PathLike[str], notice: str = "") -> None:
        self.writer, self.output, self.notice = writer, Path(output).expanduser(), notice
        self.columns = tuple(getattr(writer, "columns", ()))

    def __call__(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Write an item's results and its findings, and add the file to "files"."""
        item = self.writer({**data, "notice": self.notice} if self.notice else dict(data))
        case, files = item["scan"], item["files"]
        folder = self.output / case
        folder.mkdir(parents=True, exist_ok=True)
        for name in files:
            os.replace(self.output / name, folder / name)
        text = json.dumps(case_findings(case, item["row"], files, self.notice), indent=2, allow_nan=False)
        name = f"{case}_findings.json"
        with atomic_write(folder / name) as part:
            part.write_text(text + "\n", encoding="utf-8")
        return {**item, "files": [f"{case}/{file}" for file in (*files, name)]}
