"""The page that says how a cohort of scans and reports turned out: what a person looks at before training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from os import PathLike
from typing import Any, NamedTuple

import numpy as np

from monai_pylon.reports import RawHTML, html_bar, html_numbers, html_pictures, html_table, save_html
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS

__all__ = ["CohortFacts", "label_counts", "mask_verdicts", "save_cohort_page"]

_MOST_LINES, _MOST_DOUBTFUL, _MOST_GOOD = 200, 60, 12
_OVERLAY = "_overlay.png"
_STATES = {
    "no report": "Scans without a report: they have masks, but no labels",
    "no scan": "Reports without a scan",
    "several scans": "Reports that fit several scans",
    "duplicate": "Reports that are there more than once",
    "unusable": "Reports that could not be used",
    "no labels": "Reports that gave no labels",
    "no masks": "Scans whose masks or regions failed",
}


class CohortFacts(NamedTuple):
    """What a page tells of a cohort.

    Attributes:
        lines: of each report, and each scan without one: "identifier", "source", "scan", "state", "remark".
        quality: the rows of `quality.csv`.
        regions: the rows of `regions.csv`.
        cells: by scan that can train, its labels at places (80, 3); NaN is unknown.
        masks: files among the scans that were taken for masks of other scans.
        patients: how many those scans are of.

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


def label_counts(cells: Mapping[str, np.ndarray]) -> list[dict[str, Any]]:
    """In how many scans each label is present, and in which organs; the most frequent first, absent ones left out.

    Args:
        cells: by scan, (80, 3).

    Returns:
        dictionaries of "label", the organs, "scans" and "unknown".

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
    for k, label in enumerate(CHEST_CT_LABELS):
        organs = {organ: int((stack[:, k, o] == 1).sum()) for o, organ in enumerate(ORGANS)}
        counts = {"scans": int(present[:, k].sum()), "unknown": int((unknown[:, k] & ~present[:, k]).sum())}
        if any(counts.values()):
            rows.append({"label": label, **organs, **counts})
    return sorted(rows, key=lambda row: (-row["scans"], row["label"]))


def mask_verdicts(quality: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """How many masks passed their quality control, and the reasons against the others.

    Args:
        quality: the rows of `quality.csv`.

    Returns:
        dictionaries of "verdict" and "scans"; a scan with several reasons counts for each.

    Example:
        >>> mask_verdicts([{"ok": "yes", "reasons": "", "heuristic": "no", "error": ""}])
        [{'verdict': 'ok', 'scans': 1}]
    """
    counts: Counter[str] = Counter()
    for row in quality:
        if row.get("error"):
            counts["failed: no masks"] += 1
            continue
        counts["ok" if row["ok"] == "yes" else "not ok: look at the picture"] += 1
        counts.update(f"reason or remark: {reason}" for reason in row["reasons"].split("; ") if reason)
        counts["heuristic boxes in place of masks"] += row["heuristic"] == "yes"
    return [{"verdict": verdict, "scans": number} for verdict, number in counts.items() if number]


def _left_out(lines: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """What did not come to labels, by the reason."""
    for state, words in _STATES.items():
        mine = [line for line in lines if line["state"] == state]
        if not mine:
            continue
        yield f"# {words}: {len(mine)}"
        columns = [name for name in ("identifier", "source", "scan", "remark") if any(line[name] for line in mine)]
        yield html_table(mine[:_MOST_LINES], columns)
        if len(mine) > _MOST_LINES:
            yield f"... and {len(mine) - _MOST_LINES} more: see matches.csv."
    mended = [line for line in lines if line["state"] == "matched" and line["remark"]]
    if mended:
        yield f"# Reports that were taken with a remark: {len(mended)}"
        yield html_table(mended[:_MOST_LINES], ["identifier", "source", "scan", "remark"])


def _labels(cells: Mapping[str, np.ndarray]) -> Iterator[str]:
    counts = label_counts(cells)
    yield "# Labels by organ"
    if not counts:
        yield "No label is present in any scan."
        return
    most = max(row["scans"] for row in counts) or 1
    yield html_table([{**row, "": html_bar(row["scans"] / most)} for row in counts])
    without = len(CHEST_CT_LABELS) - sum(row["scans"] > 0 for row in counts)
    yield f"Of {len(CHEST_CT_LABELS)} labels {without} are present in no scan: nothing can be learned of these here."


def _pictures(facts: CohortFacts) -> Iterator[str]:
    drawn = [(row, name) for row in facts.quality for name in row["files"].split("; ") if name.endswith(_OVERLAY)]
    for words, doubtful, most in (("to look at first", True, _MOST_DOUBTFUL), ("that passed", False, _MOST_GOOD)):
        mine = [(row, name) for row, name in drawn if (row["ok"] != "yes") == doubtful]
        if mine:
            yield f"# Masks {words}: {len(mine)}" + (f", {most} of them here" if len(mine) > most else "")
            yield html_pictures((name, f"{row['scan']}  {row['reasons']}".strip()) for row, name in mine[:most])


def save_cohort_page(path: str | PathLike[str], facts: CohortFacts, command: str = "") -> None:
    """Write `summary.html`; no text of a report is on it.

    Args:
        path: where to write; pictures are beside it.
        facts: what it tells.
        command: how to train from this folder.

    Example:
        >>> import tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_cohort_page(pathlib.Path(folder, "summary.html"), CohortFacts([], [], [], {}, [], 0))
        ...     "scans can train" in pathlib.Path(folder, "summary.html").read_text()
        True
    """
    states = Counter(line["state"] for line in facts.lines)
    doubtful = sum(not row.get("error") and row["ok"] != "yes" for row in facts.quality)
    numbers = {
        "scans": len(facts.quality),
        "reports": sum(line["source"] != "" for line in facts.lines),
        "scans can train": len(facts.cells),
        "patients of those": facts.patients,
        "masks to look at": doubtful,
        "left out or doubled": sum(states[state] for state in _STATES),
    }
    parts: list[str] = [html_numbers(numbers)]
    parts.append("What became of each scan and each report stands in matches.csv, of each mask in quality.csv.")
    parts.append("What is left out has no labels: no scan counts as healthy because its report is missing or broken.")
    parts += ["# Masks", html_table(mask_verdicts(facts.quality))]
    nowhere = [row for row in facts.regions if row.get("allowed_nowhere") not in ("", "0", None)]
    if nowhere:
        parts.append(f"# Scans with a label that is allowed nowhere: {len(nowhere)}")
        parts.append("The masks lack its organ, or the downsampling lost it; in training it counts as forbidden.")
        parts.append(html_table(nowhere[:_MOST_LINES], ["scan", "labels", "allowed_nowhere"]))
    parts += list(_left_out(facts.lines))
    if facts.masks:
        parts.append(f"# Files taken for organ masks, not for scans: {len(facts.masks)}")
        parts.append(html_table([{"file": name} for name in facts.masks[:_MOST_LINES]]))
    parts += list(_labels(facts.cells))
    parts += list(_pictures(facts))
    if command:
        parts += ["# Train", RawHTML(f"<pre>{escape(command)}</pre>")]
    parts.append("For research. Not a medical device; not for diagnosis or treatment.")
    save_html(path, "Scans and reports", parts)
