"""Labels at places from matched reports, and the table that a training reads."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from monai_pylon.labeler import LabelTable, ReportLabeler, ReportText, label_cells
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.workflows.cohort import label_matched_reports, labels_of_table, match_reports, reports_of_table

EFFUSION, NODULE = CHEST_CT_LABELS.index("pleural effusion"), CHEST_CT_LABELS.index("lung nodule")


def told(**texts: str) -> dict[str, ReportText]:
    return {scan: ReportText(scan, text, "line 2") for scan, text in texts.items()}


@pytest.mark.parametrize(
    ("side_unknown", "effusion"), [("both", [1, 0, 1]), ("none", [0, 0, 0]), ("unknown", [np.nan, 0, np.nan])]
)
def test_a_side_that_is_not_told(side_unknown: str, effusion: list[float]) -> None:
    labeler = ReportLabeler(side_unknown=side_unknown)
    np.testing.assert_array_equal(label_cells(labeler.label("There is a pleural effusion."))[EFFUSION], effusion)
    np.testing.assert_array_equal(label_cells(labeler.label("Right pleural effusion."))[EFFUSION], [1, 0, 0])


def test_a_report_in_which_nothing_is_recognised_is_no_healthy_one() -> None:
    reports = told(german="Das Herz ist normal.", normal="No effusion. No nodule.", template="FINDINGS:\nIMPRESSION:")
    labeled = label_matched_reports(reports, ReportLabeler())
    assert set(labeled.problems) == {"german", "template"}
    assert not labeled.cells["normal"].any()
    assert set(label_matched_reports(reports, ReportLabeler(), silent="absent").cells) == set(reports)


def test_another_language_is_left_out_though_it_names_a_finding() -> None:
    """Its "kein" is no negation to us: the pneumothorax would be taken for present."""
    german = "Kein Pneumothorax. Das Herz ist normal gross, die Lunge ist beidseits frei von Infiltraten."
    labeled = label_matched_reports(
        told(german=german, english="No pneumothorax. The heart is normal."), ReportLabeler()
    )
    assert labeled.problems == {"german": "the report is not in English, it seems"}
    assert not labeled.cells["english"].any()


def test_markup_is_taken_out() -> None:
    labeled = label_matched_reports(
        told(html="<p>Right pleural <b>effusion</b>.</p><p>No nodule &lt; 5 mm.</p>"), ReportLabeler()
    )
    np.testing.assert_array_equal(labeled.cells["html"][EFFUSION], [1, 0, 0])
    assert not labeled.cells["html"][NODULE].any()


def test_a_labeler_that_fails_stops_nothing_and_tells_no_text(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(ReportLabeler):
        def label(self, text: str) -> list:
            if "secret" in text:
                raise ValueError(f"cannot read {text}")
            return super().label(text)

    steps: list[int] = []
    with caplog.at_level(logging.DEBUG):
        labeled = label_matched_reports(
            told(a="A secret.", b="Left effusion."), Failing(), step=lambda: steps.append(1)
        )
    assert labeled.problems == {"a": "the labeler failed on this report (ValueError)"}
    assert labeled.cells["b"][EFFUSION].tolist() == [0, 0, 1]
    assert len(steps) == 2
    assert "secret" not in caplog.text
    assert "a" in caplog.text


def test_rows_of_one_scan_in_a_table_of_labels_are_joined() -> None:
    """Present in one row is present; unknown in one and present in none is unknown."""
    values = np.zeros((2, 80, 3), dtype=np.float32)
    values[0, EFFUSION], values[1, EFFUSION] = [1, 0, 0], [0, 0, 1]
    values[0, NODULE], values[1, NODULE] = [0, 0, 1], [np.nan, 0, np.nan]
    table = LabelTable(["p/a", "a"], values == 1, {}, np.isnan(values))
    scans = [{"scan": "p__a", "image": "/in/p/a.nii"}]
    joined = labels_of_table(table, match_reports(reports_of_table(table), scans, "join").lines)
    assert joined.cells["p__a"][EFFUSION].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(joined.cells["p__a"][NODULE], [np.nan, 0, 1])
    left = match_reports(reports_of_table(table), scans)
    assert [line["state"] for line in left.lines] == ["duplicate", "duplicate"]
    assert labels_of_table(table, left.lines) == ({}, {})
