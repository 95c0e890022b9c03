"""Label tables from the output of other programs: CheXbert (CSV), RadGraph (JSON) and language models (JSON).

Names that match none of the 80 labels are counted in :attr:`LabelTable.unknown`; no label is guessed.
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
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.taxonomy.organs import possible_locations
from monai_pylon.utils import check
from monai_pylon.utils.tables import open_table

__all__ = ["chexbert_labels", "listed_labels", "radgraph_labels"]


def _no_labels() -> np.ndarray:
    return np.zeros((len(CHEST_CT_LABELS), len(ORGANS)), dtype=bool)


def _json(path: str | PathLike[str]) -> Any:
    """Read a JSON file, or a file with one JSON value per line as a list."""
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
                raise ValueError(f"{file.name} line {line_wrong} is not JSON. The file was not read.") from None
        return values


def chexbert_labels(path: str | PathLike[str], report_column: str | None = None, uncertain: bool = False) -> LabelTable:
    """Read labels from CheXbert or the CheXpert labeler.

    Their classes have no side, so a lung label is present in both lungs. rules/chexbert.csv maps classes to labels.

    Args:
        path: Their CSV file, with a column for each class that holds 1, 0, -1 (uncertain) or nothing.
        report_column: Column with the names of the reports; None names them by row number, from 0.
        uncertain: Whether -1 means present.

    Returns:
        The table, with ``cells`` (N, 80, 3).

    Raises:
        ValueError: If the file or the column is missing, or a value is none of the four.

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
        cells = found.setdefault(name, _no_labels())
        for column in [column for column in columns if column in meaning or column in foreign]:
            value = row[column].strip()
            check(value in values, f"{source.name} line {line}", "1, 0, -1 or empty", value)
            if values[value] and column in meaning:
                label = CHEST_CT_LABELS.index(meaning[column])
                cells[label] = possible_locations()[label]
            elif values[value]:
                unknown[column] += 1
    return table_of(found, dict(unknown))


#: Classes of CheXpert that match none of the 80 labels. "No Finding" is not counted as unknown.
_CHEXPERT_ONLY = ("Enlarged Cardiomediastinum", "Fracture", "Support Devices")


def _labels_of_phrase(labeler: ReportLabeler, name: str, places: Iterable[str]) -> np.ndarray:
    """Return the label array (80, 3) of a finding and its places, given as labels and organs or in free text."""
    places = [place.strip() for place in places if place.strip()]
    label = name.strip()
    if label in CHEST_CT_LABELS and all(place in ORGANS for place in places):
        cells = _no_labels()
        row = possible_locations()[CHEST_CT_LABELS.index(label)]
        here = np.array([organ in places for organ in ORGANS]) if places else row
        cells[CHEST_CT_LABELS.index(label)] = row & here
        return cells
    joined = " and ".join(places)
    cells = labeler.matrix(labeler.label(f"{label} in the {joined}" if places else label))
    if places and not cells.any():  # "enlarged" has a meaning only after the heart
        cells = labeler.matrix(labeler.label(f"{joined} {label}"))
    return cells


def listed_labels(path: str | PathLike[str], labeler: ReportLabeler | None = None) -> LabelTable:
    """Read labels from JSON in a form that a language model can be prompted to write.

    The file holds one object per report, in a list or one per line: ``{"report": "a", "findings": [{"abnormality":
    "lung nodule", "locations": ["right lung"], "present": true}]}``. An abnormality is one of the 80 labels or free
    text. Locations are organs or free text. ``present`` is optional.

    Args:
        path: The file.
        labeler: Labeler for free text; None uses the rules of the package.

    Returns:
        The table, with ``cells`` (N, 80, 3).

    Raises:
        ValueError: If the file is not JSON of this form; the error names the entry, but not its text.

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
        valid = isinstance(entry, dict) and "report" in entry and isinstance(entry.get("findings"), list)
        check(valid, f"entry {number}", 'an object with "report" and a list "findings"', type(entry))
        cells = found.setdefault(str(entry["report"]), _no_labels())
        for finding in entry["findings"]:
            if not isinstance(finding, dict) or not isinstance(finding.get("abnormality"), str):
                raise ValueError(f'entry {number} has a finding that is not an object with a text "abnormality".')
            if not finding.get("present", True):
                continue
            locations = finding.get("locations") or []
            places = [locations] if isinstance(locations, str) else locations
            own = _labels_of_phrase(labeler, finding["abnormality"], places)
            unknown[finding["abnormality"]] += not own.any()
            cells |= own
    return table_of(found, {name: count for name, count in unknown.items() if count})


def _entity_text(number: str, entities: dict[str, Any]) -> str:
    """Return the words of the entities that modify an entity, followed by its own."""
    modifiers = [
        str(other["tokens"])
        for key, other in entities.items()
        if key != number and ["modify", number] in [[kind, str(to)] for kind, to in other.get("relations", ())]
    ]
    return " ".join([*modifiers, str(entities[number]["tokens"])])


def radgraph_labels(path: str | PathLike[str], labeler: ReportLabeler | None = None) -> LabelTable:
    """Read labels from RadGraph: the observations that are definitely present, with their anatomy.

    Args:
        path: JSON file of RadGraph: report -> {"entities": {number -> {"tokens", "label", "relations"}}}.
        labeler: Labeler for the words of the entities; None uses the rules of the package.

    Returns:
        The table, with ``cells`` (N, 80, 3).

    Raises:
        ValueError: If the file is not JSON of this form.

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
    check(isinstance(graph, dict), "path", "a JSON object of reports", type(graph), "Pass the output file of RadGraph.")
    found: dict[str, np.ndarray] = {}
    unknown: Counter[str] = Counter()
    for report, content in graph.items():
        cells = found.setdefault(str(report), _no_labels())
        entities: Any = content.get("entities") if isinstance(content, dict) else None
        check(isinstance(entities, dict), "path", 'reports with an object "entities"', type(content))
        for number, entity in entities.items():
            kind = str(entity["label"]).lower()
            if kind not in ("obs-dp", "observation::definitely present"):
                continue
            places = [_entity_text(str(to), entities) for how, to in entity.get("relations", ()) if how == "located_at"]
            modifies = any(how == "modify" for how, _ in entity.get("relations", ()))
            own = _labels_of_phrase(labeler, _entity_text(number, entities), places)
            unknown[str(entity["tokens"]).lower()] += not own.any() and not modifies
            cells |= own if not modifies else False
    return table_of(found, {name: count for name, count in unknown.items() if count})
