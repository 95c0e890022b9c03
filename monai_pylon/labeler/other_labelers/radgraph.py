"""Label tables from RadGraph and RadGraph-XL: observations with their anatomy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from os import PathLike
from typing import Any

import numpy as np

from monai_pylon.labeler.label_table import LabelTable, table_of
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.other_labelers.json_files import labels_of_phrase, read_json
from monai_pylon.taxonomy import ORGANS
from monai_pylon.utils import check, check_type

__all__ = ["radgraph_labels"]

_PRESENT = ("obs-dp", "observation::definitely present")
_UNCERTAIN = ("obs-u", "observation::uncertain")
_ANNOTATORS = ("labeler_1", "labeler_2")


def _entities_of(content: Any, where: str, annotator: str) -> dict[str, dict[str, Any]]:
    """Return the entities of a report by number, from any of the three forms of RadGraph's files."""
    if not isinstance(content, dict):
        raise ValueError(f"{where} must be an object, but is {type(content).__name__}. Pass the output of RadGraph.")
    if any(name in content for name in _ANNOTATORS):
        content = content.get(annotator) or {}
        check_type(content, dict, f"{where}: {annotator}")
    if "entities" in content:
        entities = content["entities"]
    elif "ner" in content:
        entities = _of_spans(content, where)
    else:
        raise ValueError(f'{where} must have "entities", "labeler_1" or "ner". Pass the output of RadGraph.')
    if not isinstance(entities, dict):
        raise ValueError(f"{where} has entities that are no object. Pass the output of RadGraph.")
    for number, entity in entities.items():
        if not isinstance(entity, dict) or not {"tokens", "label"} <= entity.keys():
            raise ValueError(f'{where}, entity {number} must have "tokens" and "label". Pass the output of RadGraph.')
    return entities


def _of_spans(content: dict[str, Any], where: str) -> dict[str, dict[str, Any]]:
    """Return the entities of a line of RadGraph-XL: "sentences", "ner" [first, last, label] and "relations"."""
    words = [word for sentence in content.get("sentences", ()) for word in sentence]
    entities: dict[str, dict[str, Any]] = {}
    try:
        for first, last, label, *_ in [span for spans in content["ner"] for span in spans]:
            entities[f"{first}-{last}"] = {"tokens": " ".join(words[first : last + 1]), "label": label, "relations": []}
        for one, one_end, to, to_end, kind, *_ in [row for rows in content.get("relations", ()) for row in rows]:
            entities[f"{one}-{one_end}"]["relations"].append([kind, f"{to}-{to_end}"])
    except (TypeError, ValueError, KeyError):
        raise ValueError(f"{where} has spans that do not fit. Pass the output of RadGraph-XL.") from None
    return entities


def _reports(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yield the name and content of each report, from an object or from JSON Lines."""
    if isinstance(graph, dict) and ("ner" in graph or "entities" in graph):
        graph = [graph]
    if isinstance(graph, dict):
        yield from ((str(name), content) for name, content in graph.items())
        return
    check(isinstance(graph, list), "path", "a JSON object of reports", type(graph), "Pass the output file of RadGraph.")
    for number, content in enumerate(graph):
        named = content if isinstance(content, dict) else {}
        yield str(next((named[key] for key in ("doc_key", "report", "id") if key in named), number)), content


def _entity_text(number: str, entities: dict[str, Any]) -> str:
    """Return the words of the entities that modify an entity, followed by its own."""
    modifiers = [
        str(other["tokens"])
        for key, other in entities.items()
        if key != number and ["modify", number] in [[kind, str(to)] for kind, to in other.get("relations", ())]
    ]
    return " ".join([*modifiers, str(entities[number]["tokens"])])


def radgraph_labels(
    path: str | PathLike[str], labeler: ReportLabeler | None = None, annotator: str = "labeler_1"
) -> LabelTable:
    """Read labels from RadGraph: the observations that are definitely present, with their anatomy.

    Three forms are read: report -> {"entities": {number -> {"tokens", "label", "relations"}}}; the test file with two
    annotators, report -> {"labeler_1": {"entities"}, "labeler_2": {...}}; and the JSON Lines of RadGraph-XL, with
    "sentences", "ner" and "relations".

    Args:
        path: The file.
        labeler: Labeler for the words of the entities; None uses the rules of the package.
        annotator: "labeler_1" or "labeler_2", for the file with two annotators.

    Returns:
        The table, with ``present`` (N, M, 3). Labels of uncertain observations are ``unknown``, the others absent.

    Raises:
        ValueError: If the file is not of one of these forms; the error names the report.

    Example:
        >>> import json, tempfile, pathlib
        >>> entities = {"1": {"tokens": "effusion", "label": "OBS-DP", "relations": [["located_at", "2"]]},
        ...             "2": {"tokens": "left", "label": "ANAT-DP", "relations": []}}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "graph.json")
        ...     _ = file.write_text(json.dumps({"a": {"entities": entities}}))
        ...     radgraph_labels(file).present[0].any(axis=0).tolist()
        [False, False, True]
    """
    check(annotator in _ANNOTATORS, "annotator", " or ".join(_ANNOTATORS), annotator)
    labeler = ReportLabeler() if labeler is None else labeler
    found: dict[str, np.ndarray] = {}
    unknown: dict[str, np.ndarray] = {}
    unmatched: Counter[str] = Counter()
    for report, content in _reports(read_json(path)):
        check(report not in found, "path", "reports of different names", report)
        cells = found[report] = np.zeros((len(labeler.labels), len(ORGANS)), dtype=bool)
        blank = unknown[report] = np.zeros_like(cells)
        entities = _entities_of(content, f"report {report!r}", annotator)
        for number, entity in entities.items():
            kind = str(entity["label"]).lower()
            relations = [(str(how), str(to)) for how, to in entity.get("relations", ())]
            lost = next((to for _, to in relations if to not in entities), None)
            check(lost is None, f"report {report!r}, entity {number}", "relations to its own entities", lost)
            if kind not in (*_PRESENT, *_UNCERTAIN):
                continue
            places = [_entity_text(to, entities) for how, to in relations if how == "located_at"]
            modifies = any(how == "modify" for how, _ in relations)
            own = labels_of_phrase(labeler, _entity_text(number, entities), places)
            unmatched[str(entity["tokens"]).lower()] += not own.any() and not modifies
            if not modifies:
                target = cells if kind in _PRESENT else blank
                target |= own
    counts = {name: count for name, count in unmatched.items() if count}
    return table_of(found, counts, unknown, None, labeler.labels)
