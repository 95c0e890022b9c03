"""Summary page of a cohort of scans and reports, to read before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.reports.html import Section, save_html
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.taxonomy.organs import OK_MEANING

__all__ = ["CohortFacts", "label_counts", "mask_verdicts", "save_cohort_page"]

_MAX_LINES, _MAX_DOUBTFUL, _MAX_GOOD = 200, 60, 12
_OVERLAY = "_overlay.png"
_STATES = {
    "no report": "Scans without a report (masks, but no labels)",
    "no scan": "Reports without a scan",
    "several scans": "Reports that match several scans",
    "duplicate": "Duplicate reports",
    "unusable": "Unusable reports",
    "no labels": "Reports without labels",
    "no masks": "Scans whose masks or regions failed",
}


class CohortFacts(NamedTuple):
    """Content of the summary page.

    Attributes:
        lines: Rows of `matches.csv` with "identifier", "source", "scan", "state" and "remark".
        quality: Rows of `quality.csv`.
        regions: Rows of `regions.csv`.
        cells: Label matrix (80, 3) of each scan that is ready for training, by scan name; NaN is unknown.
        masks: Input files that were taken for organ masks instead of scans.
        patients: Number of patients with a scan that is ready for training.
        labels: Names of the labels.

    Example:
        >>> CohortFacts([], [], [], {}, [], 0).patients
        0
    """

    lines: Sequence[Mapping[str, str]]
    quality: Sequence[Mapping[str, str]]
    regions: Sequence[Mapping[str, str]]
    cells: Mapping[str, np.ndarray]
    masks: Sequence[str]
    patients: int
    labels: tuple[str, ...] = CHEST_CT_LABELS


def label_counts(cells: Mapping[str, np.ndarray], labels: Sequence[str] = CHEST_CT_LABELS) -> list[dict[str, Any]]:
    """Count the scans with each label, in total and by organ.

    Args:
        cells: Label matrix (80, 3) by scan name; NaN is unknown.

    Returns:
        Dictionaries with "label", the organs, "scans" and "unknown" (scans in which the label is not present anywhere
        and unknown somewhere), most frequent first. Labels without any count are omitted.

    Example:
        >>> one = np.zeros((80, 3))
        >>> one[3] = 1, 0, 1
        >>> label_counts({"a": one})
        [{'label': 'atelectasis', 'right lung': 1, 'mediastinum': 0, 'left lung': 1, 'scans': 1, 'unknown': 0}]
    """
    if not cells:
        return []
    stack = np.stack(list(cells.values()))
    present, unknown = (stack == 1).any(axis=2), np.isnan(stack).any(axis=2)
    rows = []
    for k, label in enumerate(labels):
        organs = {organ: int((stack[:, k, o] == 1).sum()) for o, organ in enumerate(ORGANS)}
        counts = {"scans": int(present[:, k].sum()), "unknown": int((unknown[:, k] & ~present[:, k]).sum())}
        if any(counts.values()):
            rows.append({"label": label, **organs, **counts})
    return sorted(rows, key=lambda row: (-row["scans"], row["label"]))


def mask_verdicts(quality: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Count the masks that passed the quality control, and the reasons of the others.

    Args:
        quality: Rows of `quality.csv`.

    Returns:
        Dictionaries with "verdict" and "scans"; a scan with several reasons counts for each of them.

    Example:
        >>> mask_verdicts([{"ok": "yes", "reasons": "", "heuristic": "no", "error": ""}])
        [{'verdict': 'ok (plausible shape; dense lung and masses not judged)', 'scans': 1}]
    """
    counts: Counter[str] = Counter()
    for row in quality:
        if row.get("error"):
            counts["failed: no masks"] += 1
            continue
        counts[f"ok ({OK_MEANING})" if row["ok"] == "yes" else "not ok: check the image by eye"] += 1
        counts.update(f"reason or remark: {reason}" for reason in row["reasons"].split("; ") if reason)
        counts["heuristic boxes instead of masks"] += row["heuristic"] == "yes"
    return [{"verdict": verdict, "scans": number} for verdict, number in counts.items() if number]


def _left_out(lines: Sequence[Mapping[str, str]]) -> Iterator[Section]:
    """Yield tables of scans and reports that were left out, by reason, and of reports with a remark."""
    for state, title in _STATES.items():
        selected = [line for line in lines if line["state"] == state]
        if not selected:
            continue
        columns = [name for name in ("identifier", "source", "scan", "remark") if any(line[name] for line in selected)]
        yield Section(f"{title}: {len(selected)}", rows=selected[:_MAX_LINES], columns=columns)
        if len(selected) > _MAX_LINES:
            yield Section(paragraphs=[f"... and {len(selected) - _MAX_LINES} more: see matches.csv."])
    remarked = [line for line in lines if line["state"] == "matched" and line["remark"]]
    if remarked:
        columns = ["identifier", "source", "scan", "remark"]
        yield Section(f"Reports used with a remark: {len(remarked)}", rows=remarked[:_MAX_LINES], columns=columns)


def _labels(cells: Mapping[str, np.ndarray], names: Sequence[str]) -> Iterator[Section]:
    """Yield the table of labels by organ, with bars."""
    counts = label_counts(cells, names)
    if not counts:
        yield Section("Labels by organ", ["No label is present in any scan."])
        return
    most = max(row["scans"] for row in counts) or 1
    yield Section("Labels by organ", rows=[{**row, "": row["scans"] / most} for row in counts], bar="")
    without = len(names) - sum(row["scans"] > 0 for row in counts)
    absent = f"{without} of {len(names)} labels are present in no scan and cannot be learned from this cohort."
    yield Section(paragraphs=[absent])


def _pictures(facts: CohortFacts) -> Iterator[Section]:
    """Yield the overlays of masks that failed the quality control, then some of those that passed."""
    overlays = [(row, name) for row in facts.quality for name in row["files"].split("; ") if name.endswith(_OVERLAY)]
    for title, failed, most in (("to check by eye", True, _MAX_DOUBTFUL), ("that passed", False, _MAX_GOOD)):
        selected = [(row, name) for row, name in overlays if (row["ok"] != "yes") == failed]
        if selected:
            heading = f"Masks {title}: {len(selected)}" + (f", {most} of them shown" if len(selected) > most else "")
            shown = [(name, f"{row['scan']}  {row['reasons']}".strip()) for row, name in selected[:most]]
            yield Section(heading, pictures=shown)


def _regions(rows: Sequence[Mapping[str, str]]) -> Iterator[Section]:
    """Yield the table of scans with a label that is allowed nowhere, if there is one."""
    nowhere = [row for row in rows if row.get("allowed_nowhere") not in ("", "0", None)]
    if nowhere:
        why = (
            "The label's organ is missing in the masks or lost by downsampling. In training, all attention to such a "
            "label counts as outside the allowed region."
        )
        heading = f"Scans with a label that is allowed nowhere: {len(nowhere)}"
        yield Section(heading, [why], nowhere[:_MAX_LINES], ["scan", "labels", "allowed_nowhere"])


def save_cohort_page(path: str | PathLike[str], facts: CohortFacts, command: str = "") -> None:
    """Write the summary page, which contains no text of a report.

    Args:
        path: Path of the page, `summary.html`, in the folder of the overlay images.
        facts: Content of the page, with label matrices (80, 3).
        command: Command that trains from this folder.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_cohort_page(pathlib.Path(folder, "summary.html"), CohortFacts([], [], [], {}, [], 0))
        ...     "scans ready for training" in pathlib.Path(folder, "summary.html").read_text()
        True
    """
    states = Counter(line["state"] for line in facts.lines)
    doubtful = sum(not row.get("error") and row["ok"] != "yes" for row in facts.quality)
    numbers = {
        "scans": len(facts.quality),
        "reports": sum(line["source"] != "" for line in facts.lines),
        "scans ready for training": len(facts.cells),
        "patients with such scans": facts.patients,
        "masks to check by eye": doubtful,
        "left out or duplicate": sum(states[state] for state in _STATES),
    }
    about = [
        "matches.csv lists every scan and every report with its state, quality.csv every mask.",
        "A scan that is left out has no labels. A missing or broken report never makes a scan count as normal.",
    ]
    sections = [Section(paragraphs=about), Section("Masks", rows=mask_verdicts(facts.quality))]
    sections += [*_regions(facts.regions), *_left_out(facts.lines)]
    if facts.masks:
        heading = f"Input files taken for organ masks instead of scans: {len(facts.masks)}"
        sections.append(Section(heading, rows=[{"file": name} for name in facts.masks[:_MAX_LINES]]))
    sections += [*_labels(facts.cells, facts.labels), *_pictures(facts)]
    if command:
        sections.append(Section("Train", code=command))
    sections.append(Section(paragraphs=["For research. Not a medical device; not for diagnosis or treatment."]))
    save_html(path, "Scans and reports", sections, numbers)
