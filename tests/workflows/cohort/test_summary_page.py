"""Summary page of a cohort: counts, lists of what was left out, and overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from monai_pylon.taxonomy import CHEST_CT_LABELS
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
