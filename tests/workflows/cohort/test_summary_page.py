"""Summary page of a cohort: counts, lists of what was left out, and overlays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.workflows.cohort import summary_page
from monai_pylon.workflows.cohort.summary_page import CohortFacts, label_counts, mask_verdicts, save_cohort_page


def line(state: str, identifier: str = "", scan: str = "", remark: str = "", source: str = "line 2") -> dict[str, str]:
    return {"identifier": identifier, "source": source, "scan": scan, "state": state, "remark": remark}


def quality(scan: str, ok: str = "yes", reasons: str = "", error: str = "", heuristic: str = "no") -> dict[str, str]:
    files = "" if error else f"{scan}.nii.gz; {scan}_organs.nii.gz; {scan}_overlay.png"
    return {"scan": scan, "ok": ok, "reasons": reasons, "heuristic": heuristic, "error": error, "files": files}


def test_counts_labels_by_organ_most_frequent_first() -> None:
    cells = {name: np.zeros((80, 3), dtype=np.float32) for name in "abc"}
    cells["a"][5] = cells["b"][5] = 1, 0, 1
    cells["c"][5] = np.nan, 0, np.nan
    cells["c"][60] = 0, 1, 0
    assert label_counts(cells) == [
        {"label": CHEST_CT_LABELS[5], "right lung": 2, "mediastinum": 0, "left lung": 2, "scans": 2, "unknown": 1},
        {"label": CHEST_CT_LABELS[60], "right lung": 0, "mediastinum": 1, "left lung": 0, "scans": 1, "unknown": 0},
    ]


def test_counts_verdicts_by_reason() -> None:
    rows = [quality("a"), quality("b", "no", "no_lung; no_trachea", heuristic="yes"), quality("c", error="broken")]
    assert {row["verdict"]: row["scans"] for row in mask_verdicts(rows)} == {
        "ok (plausible shape; dense lung and masses not judged)": 1,
        "not ok: check the image by eye": 1,
        "reason or remark: no_lung": 1,
        "reason or remark: no_trachea": 1,
        "heuristic boxes instead of masks": 1,
        "failed: no masks": 1,
    }


def test_lists_everything_left_out(tmp_path: Path) -> None:
    states = ("no report", "no scan", "several scans", "duplicate", "unusable", "no labels", "no masks")
    lines = [line(state, f"id-{k}", f"scan-{k}", f"<remark {k}>") for k, state in enumerate(states)]
    lines.append(line("matched", "repaired", "scan", "not UTF-8"))
    facts = CohortFacts(lines, [quality("scan")], [], {}, ["scan_organs"], 0)
    save_cohort_page(tmp_path / "summary.html", facts, "python -m <command>")
    page = (tmp_path / "summary.html").read_text()
    for k in range(len(states)):
        assert f"id-{k}" in page
        assert f"scan-{k}" in page
        assert f"&lt;remark {k}&gt;" in page
    for words in (
        "repaired",
        "not UTF-8",
        "scan_organs",
        "python -m &lt;command&gt;",
        "<b>7</b> left out or duplicate",
    ):
        assert words in page


def test_long_list_is_cut_with_a_count(tmp_path: Path) -> None:
    lines = [line("no scan", f"id-{k}") for k in range(250)]
    save_cohort_page(tmp_path / "summary.html", CohortFacts(lines, [], [], {}, [], 0))
    page = (tmp_path / "summary.html").read_text()
    assert "id-199" in page
    assert "id-200" not in page
    assert "... and 50 more" in page


def test_shows_failed_masks_first(tmp_path: Path) -> None:
    rows = [quality(f"good{k}") for k in range(20)] + [quality("bad", "no", "no_lung"), quality("gone", error="x")]
    save_cohort_page(tmp_path / "summary.html", CohortFacts([], rows, [], {}, [], 0))
    page = (tmp_path / "summary.html").read_text()
    assert page.index("bad_overlay.png") < page.index("good0_overlay.png")
    assert "good11_overlay.png" in page
    assert "good12_overlay.png" not in page
    assert "gone_overlay.png" not in page


def test_lists_labels_that_are_allowed_nowhere(tmp_path: Path) -> None:
    rows = [{"scan": "a", "labels": "3", "allowed_nowhere": "1"}, {"scan": "b", "labels": "2", "allowed_nowhere": "0"}]
    save_cohort_page(tmp_path / "summary.html", CohortFacts([], [], rows, {}, [], 0))
    assert "allowed nowhere: 1<" in (tmp_path / "summary.html").read_text()


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Record the arguments of the page instead of writing it."""
    found: list[Any] = []
    monkeypatch.setattr(summary_page, "save_html", lambda *arguments: found.extend(arguments))
    return found


def test_numbers_at_the_top(page: list[Any]) -> None:
    lines = [line("matched", source=""), line("matched"), line("no scan"), line("duplicate")]
    rows = [quality("a"), quality("b", "no", "no_lung"), quality("c", "no", error="broken")]
    rows.append(quality("d", "no", "no_trachea"))
    save_cohort_page("summary.html", CohortFacts(lines, rows, [], {"a": np.zeros((80, 3))}, [], 5))
    assert page[:2] == ["summary.html", "Scans and reports"]
    assert list(page[3].values()) == [4, 3, 1, 5, 2, 2]


def test_labels_that_no_scan_has_are_counted(page: list[Any]) -> None:
    cells = {name: np.zeros((80, 3)) for name in "ab"}
    cells["a"][[3, 5], 0] = cells["b"][3, 0] = 1
    cells["b"][7, 0] = np.nan
    save_cohort_page("summary.html", CohortFacts([], [], [], cells, [], 0))
    table = next(section for section in page[2] if section.heading == "Labels by organ")
    assert [row[""] for row in table.rows] == [1, 0.5, 0]
    texts = [text for section in page[2] for text in section.paragraphs]
    assert "78 of 80 labels are present in no scan and cannot be learned from this cohort." in texts


def test_full_lists_are_not_said_to_be_cut(page: list[Any]) -> None:
    lines = [line("no scan", f"id-{k}") for k in range(200)]
    rows = [quality(f"bad{k}", "no", "no_lung") for k in range(60)] + [quality(f"good{k}") for k in range(12)]
    save_cohort_page("summary.html", CohortFacts(lines, rows, [], {}, [], 0))
    headings = [section.heading for section in page[2]]
    assert {"Masks to check by eye: 60", "Masks that passed: 12", "Reports without a scan: 200"} <= set(headings)
    assert not any("more: see" in text for section in page[2] for text in section.paragraphs)
    page.clear()
    rows += [quality("another", "no"), quality("last")]
    save_cohort_page("summary.html", CohortFacts(lines, rows, [], {}, [], 0))
    shown = {section.heading: len(section.pictures) for section in page[2] if section.pictures}
    assert shown == {"Masks to check by eye: 61, 60 of them shown": 60, "Masks that passed: 13, 12 of them shown": 12}


def test_remarks_and_masks_are_cut(page: list[Any]) -> None:
    lines = [line("matched", f"id-{k}", remark="not UTF-8") for k in range(201)] + [line("matched")]
    regions = [{"scan": "a", "labels": "3", "allowed_nowhere": "1"}] * 201
    save_cohort_page("summary.html", CohortFacts(lines, [], regions, {}, ["mask"] * 201, 0))
    cut = {section.heading: len(section.rows) for section in page[2] if section.heading.endswith(": 201")}
    assert list(cut.values()) == [200, 200, 200]
