"""Labels that another program found in reports, as the one table: CheXbert's CSV, RadGraph's JSON, a language model's.

Names that mean none of the 80 labels are counted in the table's ``unknown``; nothing is guessed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.labeler.label_table import LabelTable, table_of
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS, possible_locations
from monai_pylon.utils import check
from monai_pylon.utils.tables import open_table

__all__ = ["chexbert_labels", "listed_labels", "radgraph_labels"]


def _nothing() -> np.ndarray:
    return np.zeros((len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)


def _json(path: str | PathLike[str]) -> Any:
    """The content of a JSON file, or of a file with one JSON value a line as a list."""
    file = Path(path)
    check(file.is_file(), "path", "a JSON file", str(file))
    text = file.read_text(encoding="utf-8-sig")
    try:
        return json.loads(text)
    except json.JSONDecodeError as whole:
        values = []
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                values += [json.loads(line)] if line.strip() else []
            except json.JSONDecodeError:
                line_wrong = number if values else whole.lineno
                raise ValueError(f"{file.name} line {line_wrong} must be JSON. Nothing of it was read.") from None
        return values


def chexbert_labels(path: str | PathLike[str], report_column: str | None = None, uncertain: bool = False) -> LabelTable:
    """Labels of CheXbert or the CheXpert labeler.

    They tell no side: a lung label counts for both lungs. Which class means which label: rules/chexbert.csv.

    Args:
        path: their CSV file: a column a class with 1, 0, -1 (uncertain) or nothing.
        report_column: the column with the reports' names; None names them by their row, from 0.
        uncertain: whether -1 counts as present.

    Returns:
        the reports with cells (N, 80, 3).

    Raises:
        ValueError: where the file or the column is missing, or a value is none of theirs.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "chexbert.csv")
        ...     _ = file.write_text("Study,Cardiomegaly,Edema,Fracture\\ns1,1.0,-1.0,1.0\\n")
        ...     table = chexbert_labels(file, "Study")
        >>> table.reports, int(table.cells.any(axis=2).sum()), table.unknown
        (['s1'], 1, {'Fracture': 1})
    """
    classes = open_table(Path(__file__).parent / "rules" / "chexbert.csv", comment="#")[1]
    meaning = {row["class"]: row["label"] for _, row in classes}
    source = Path(path)
    check(source.is_file(), "path", "a CSV file", str(source))
    found: dict[str, np.ndarray] = {}
    unknown: Counter[str] = Counter()
    values = {"": False, "0": False, "0.0": False, "1": True, "1.0": True, "-1": uncertain, "-1.0": uncertain}
    columns, rows = open_table(source)
    check(report_column is None or report_column in columns, "report_column", f"a column of {source.name}", columns)
    foreign = [c for c in columns if c in _CHEXPERT_ONLY and c not in meaning]
    check(any(c in meaning for c in columns), "path", "a file with CheXpert's classes as columns", columns)
    for number, (line, row) in enumerate(rows):
        name = row[report_column] if report_column else str(number)
        cells = found.setdefault(name, _nothing())
        for column in [column for column in columns if column in meaning or column in foreign]:
            value = row[column].strip()
            check(value in values, f"{source.name} line {line}", "1, 0, -1 or empty", value)
            if values[value] and column in meaning:
                label = CHEST_CT_LABELS.index(meaning[column])
                cells[label] = possible_locations()[label]
            elif values[value]:
                unknown[column] += 1
    return table_of(found, dict(unknown))


#: Classes of CheXpert without a label of ours; "No Finding" needs none.
_CHEXPERT_ONLY = ("Enlarged Cardiomediastinum", "Fracture", "Support Devices")


def _of_phrase(labeler: ReportLabeler, name: str, places: Iterable[str]) -> np.ndarray:
    """The cells (80, 3) of a finding and places told in any words."""
    places = [place.strip() for place in places if place.strip()]
    label = name.strip()
    if label in CHEST_CT_LABELS and all(place in ORGANS for place in places):
        cells = _nothing()
        row = possible_locations()[CHEST_CT_LABELS.index(label)]
        here = np.array([organ in places for organ in ORGANS]) if places else row
        cells[CHEST_CT_LABELS.index(label)] = row & here
        return cells
    where = " and ".join(places)
    cells = labeler.matrix(labeler.label(f"{label} in the {where}" if places else label))
    if places and not cells.any():  # "enlarged" means something with the heart before it
        cells = labeler.matrix(labeler.label(f"{where} {label}"))
    return cells


def listed_labels(path: str | PathLike[str], labeler: ReportLabeler | None = None) -> LabelTable:
    """Labels listed in JSON, as a language model may be asked to write them.

    One object a report (a list of them, or one a line): ``{"report": "a", "findings": [{"abnormality": "lung nodule",
    "locations": ["right lung"], "present": true}]}``. The abnormality is one of the 80 labels or any words that the
    labeler understands, the locations are the three organs or any words; ``present`` may be left out.

    Args:
        path: the file.
        labeler: reads what is no label; None for the one that comes with the package.

    Returns:
        the reports with cells (N, 80, 3).

    Raises:
        ValueError: where it is no JSON of this form; the error names the entry, never its text.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "labels.json")
        ...     text = '{"report": "a", "findings": [{"abnormality": "nodule", "locations": ["lingula"]}]}'
        ...     _ = file.write_text(text)
        ...     listed_labels(file).cells[0].any(axis=0).tolist()
        [False, False, True]
    """
    labeler = ReportLabeler() if labeler is None else labeler
    entries = _json(path)
    entries = [entries] if isinstance(entries, dict) else entries
    found: dict[str, np.ndarray] = {}
    unknown: Counter[str] = Counter()
    for number, entry in enumerate(entries):
        good = isinstance(entry, dict) and "report" in entry and isinstance(entry.get("findings"), list)
        check(good, f"entry {number}", 'an object with "report" and a list "findings"', type(entry))
        cells = found.setdefault(str(entry["report"]), _nothing())
        for finding in entry["findings"]:
            good = isinstance(finding, dict) and isinstance(finding.get("abnormality"), str)
            check(good, f"entry {number}", 'findings with a text "abnormality"', type(finding))
            if not finding.get("present", True):
                continue
            locations = finding.get("locations") or []
            own = _of_phrase(labeler, finding["abnormality"], [locations] if isinstance(locations, str) else locations)
            unknown[finding["abnormality"]] += not own.any()
            cells |= own
    return table_of(found, {name: count for name, count in unknown.items() if count})


def _entity_text(number: str, entities: dict[str, Any]) -> str:
    """An entity's words behind those of the entities that modify it."""
    modifiers = [
        str(other["tokens"])
        for key, other in entities.items()
        if key != number and ["modify", number] in [[kind, str(to)] for kind, to in other.get("relations", ())]
    ]
    return " ".join([*modifiers, str(entities[number]["tokens"])])


def radgraph_labels(path: str | PathLike[str], labeler: ReportLabeler | None = None) -> LabelTable:
    """Labels of RadGraph: observations that are definitely present, where they are located.

    Args:
        path: its JSON: report -> {"entities": {number -> {"tokens", "label", "relations"}}}.
        labeler: reads the entities' words; None for the one that comes with the package.

    Returns:
        the reports with cells (N, 80, 3).

    Raises:
        ValueError: where it is no JSON of this form.

    Example:
        >>> import tempfile, pathlib
        >>> entities = {"1": {"tokens": "effusion", "label": "OBS-DP", "relations": [["located_at", "2"]]},
        ...             "2": {"tokens": "left", "label": "ANAT-DP", "relations": []}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "graph.json")
        ...     _ = file.write_text(json.dumps({"a": {"entities": entities}}))
        ...     radgraph_labels(file).cells[0].any(axis=0).tolist()
        [False, False, True]
    """
    labeler = ReportLabeler() if labeler is None else labeler
    graph = _json(path)
    check(isinstance(graph, dict), "path", "a JSON object of reports", type(graph), "Give RadGraph's own output.")
    found: dict[str, np.ndarray] = {}
    unknown: Counter[str] = Counter()
    for report, content in graph.items():
        cells = found.setdefault(str(report), _nothing())
        entities: Any = content.get("entities") if isinstance(content, dict) else None
        check(isinstance(entities, dict), "path", 'reports with an object "entities"', type(content))
        for number, entity in entities.items():
            kind = str(entity["label"]).lower()
            if kind not in ("obs-dp", "observation::definitely present"):
                continue
            places = [_entity_text(str(to), entities) for how, to in entity.get("relations", ()) if how == "located_at"]
            modifies = any(how == "modify" for how, _ in entity.get("relations", ()))
            own = _of_phrase(labeler, _entity_text(number, entities), places)
            unknown[str(entity["tokens"]).lower()] += not own.any() and not modifies
            cells |= own if not modifies else False
    return table_of(found, {name: count for name, count in unknown.items() if count})
