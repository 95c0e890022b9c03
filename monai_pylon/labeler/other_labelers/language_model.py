"""Label tables from JSON in a form that a language model can be prompted to write."""

from __future__ import annotations

from collections import Counter
from os import PathLike
from typing import Any

import numpy as np

from monai_pylon.labeler.anatomy import find_places
from monai_pylon.labeler.grammar.phrases import parse_sentence
from monai_pylon.labeler.label_table import LabelTable, table_of
from monai_pylon.labeler.labeler import ReportLabeler
from monai_pylon.labeler.other_labelers.json_files import labels_of_phrase, read_json
from monai_pylon.taxonomy import ORGANS
from monai_pylon.utils import check, nearest_name

__all__ = ["language_model_labels"]

_REPORT_KEYS = ("report", "findings")
_FINDING_KEYS = ("abnormality", "locations", "present")


def checked_keys(item: dict[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise a ValueError if an object has another key than the known ones."""
    for key in item:
        if key not in known:
            near = nearest_name(str(key), known)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ValueError(f"{where} has the unknown key {key!r}. Known are {', '.join(known)}.{hint}")


def checked_finding(finding: Any, where: str) -> tuple[str, list[str], bool | None]:
    """Return abnormality, places and presence of a finding, or raise a ValueError that names the entry."""
    if not isinstance(finding, dict) or not isinstance(finding.get("abnormality"), str):
        raise ValueError(f'{where} is not an object with a text "abnormality".')
    checked_keys(finding, _FINDING_KEYS, where)
    present = finding.get("present", True)
    if present is not None and not isinstance(present, bool):
        raise ValueError(f'{where} has "present": {present!r}. Write true, false, or null for unknown, without quotes.')
    locations = finding.get("locations")
    places = [locations] if isinstance(locations, str) else [] if locations is None else locations
    if not isinstance(places, list) or not all(isinstance(place, str) and place.strip() for place in places):
        raise ValueError(f'{where} has "locations" that are no list of texts. Write ["right lung"].')
    return finding["abnormality"], places, present


def _check_places(places: list[str], where: str, labeler: ReportLabeler) -> None:
    """Raise a ValueError if a place has no known word, or lies outside lungs and mediastinum."""
    for place in places:
        read = find_places(parse_sentence(place, labeler.rules))
        if not read or all(one.organ == "elsewhere" for one in read):
            what = "lies outside lungs and mediastinum" if read else "is not understood"
            raise ValueError(f"{where} has the location {place!r}, which {what}. Write {list(ORGANS)}.")


def language_model_labels(path: str | PathLike[str], labeler: ReportLabeler | None = None) -> LabelTable:
    """Read labels from JSON in a form that a language model can be prompted to write.

    The file holds one object per report, in a list or one per line: ``{"report": "a", "findings": [{"abnormality":
    "lung nodule", "locations": ["right lung"], "present": true}]}``. An abnormality is one of the labels or free text.
    Locations are organs or free text. ``present`` is optional: true, false, or null for unknown. The answer is taken
    strictly, since a misread answer would look like a label: unknown keys, "false" in quotes, and locations that mean
    no organ of the finding are errors.

    Args:
        path: The file.
        labeler: Labeler for free text; None uses the rules of the package.

    Returns:
        The table, with ``present`` (N, M, 3).

    Raises:
        ValueError: If the file is not JSON of this form; the error names the entry and the finding.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "labels.json")
        ...     text = '{"report": "a", "findings": [{"abnormality": "nodule", "locations": ["lingula"]}]}'
        ...     _ = file.write_text(text)
        ...     language_model_labels(file).present[0].any(axis=0).tolist()
        [False, False, True]
    """
    labeler = ReportLabeler() if labeler is None else labeler
    entries = read_json(path)
    entries = [entries] if isinstance(entries, dict) else entries
    check(isinstance(entries, list), "path", "a JSON file with a list of reports", type(entries))
    found: dict[str, np.ndarray] = {}
    unknown: dict[str, np.ndarray] = {}
    unmatched: Counter[str] = Counter()
    for number, entry in enumerate(entries):
        valid = isinstance(entry, dict) and "report" in entry and isinstance(entry.get("findings"), list)
        check(valid, f"entry {number}", 'an object with "report" and a list "findings"', type(entry))
        checked_keys(entry, _REPORT_KEYS, f"entry {number}")
        named = isinstance(entry["report"], str | int) and not isinstance(entry["report"], bool)
        check(named and str(entry["report"]).strip() != "", f"entry {number}", "a name as report", entry["report"])
        name = str(entry["report"])
        check(name not in found, f"entry {number}", "a report that no other entry has", name)
        cells = found[name] = np.zeros((len(labeler.labels), len(ORGANS)), dtype=bool)
        blank = unknown[name] = np.zeros_like(cells)
        for position, finding in enumerate(entry["findings"]):
            where = f"entry {number}, finding {position}"
            abnormality, places, present = checked_finding(finding, where)
            _check_places(places, where, labeler)
            own = labels_of_phrase(labeler, abnormality, places)
            if places and not own.any() and labels_of_phrase(labeler, abnormality, []).any():
                raise ValueError(f"{where} has locations that mean no organ of its abnormality. Write {list(ORGANS)}.")
            unmatched[abnormality] += not own.any()
            if present is None:
                blank |= own
            elif present:
                cells |= own
    counts = {name: count for name, count in unmatched.items() if count}
    return table_of(found, counts, unknown, None, labeler.labels)
