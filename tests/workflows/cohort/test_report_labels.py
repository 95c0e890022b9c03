"""Label matrices from matched reports and from tables of labels."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from monai_pylon.labeler import ReportLabeler
from monai_pylon.labeler.label_table import LabelTable, label_cells
from monai_pylon.labeler.report_text import ReportText
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.workflows.cohort.report_labels import label_matched_reports, labels_of_table, reports_of_table
from monai_pylon.workflows.cohort.report_matching import match_reports

EFFUSION, NODULE = CHEST_CT_LABELS.index("pleural effusion"), CHEST_CT_LABELS.index("lung nodule")


def texts(**by_scan: str) -> dict[str, ReportText]:
    return {scan: ReportText(scan, text, "line 2") for scan, text in by_scan.items()}


@pytest.mark.parametrize(
    ("side_unknown", "effusion"), [("both", [1, 0, 1]), ("none", [0, 0, 0]), ("unknown", [np.nan, 0, np.nan])]
)
def test_finding_without_side(side_unknown: str, effusion: list[float]) -> None:
    labeler = ReportLabeler(side_unknown=side_unknown)
    np.testing.assert_array_equal(label_cells(labeler.label("There is a pleural effusion."))[EFFUSION], effusion)
    np.testing.assert_array_equal(label_cells(labeler.label("Right pleural effusion."))[EFFUSION], [1, 0, 0])


def test_report_without_recognized_findings_is_not_normal() -> None:
    reports = texts(german="Das Herz ist normal.", normal="No effusion. No nodule.", template="FINDINGS:\nIMPRESSION:")
    labeled = label_matched_reports(reports, ReportLabeler())
    assert set(labeled.problems) == {"german", "template"}
    assert not labeled.cells["normal"].any()
    assert set(label_matched_reports(reports, ReportLabeler(), silent="absent").cells) == {"normal", "template"}


def test_a_label_that_is_not_mentioned_may_be_unknown() -> None:
    reports = texts(a="Left pleural effusion. No pneumothorax. Possible lung nodule.")
    values = label_matched_reports(reports, ReportLabeler(), not_mentioned="unknown").cells["a"]
    np.testing.assert_array_equal(values[EFFUSION], [0, 0, 1])
    np.testing.assert_array_equal(values[CHEST_CT_LABELS.index("pneumothorax")], [0, np.nan, 0])
    np.testing.assert_array_equal(values[NODULE], [np.nan, np.nan, np.nan])
    np.testing.assert_array_equal(values[CHEST_CT_LABELS.index("emphysema")], [np.nan] * 3)
    absent = label_matched_reports(reports, ReportLabeler()).cells["a"]
    assert np.isfinite(absent).all()


def test_leaves_out_another_language_even_with_a_finding() -> None:
    """The labeler does not know the negation "kein" and would label the pneumothorax as present."""
    german = "Kein Pneumothorax. Das Herz ist normal gross, die Lunge ist beidseits frei von Infiltraten."
    labeled = label_matched_reports(
        texts(german=german, english="No pneumothorax. The heart is normal."), ReportLabeler()
    )
    assert labeled.problems == {"german": "the report seems not to be in English"}
    assert not labeled.cells["english"].any()


def test_removes_markup() -> None:
    labeled = label_matched_reports(
        texts(html="<p>Right pleural <b>effusion</b>.</p><p>No nodule &lt; 5 mm.</p>"), ReportLabeler()
    )
    np.testing.assert_array_equal(labeled.cells["html"][EFFUSION], [1, 0, 0])
    assert not labeled.cells["html"][NODULE].any()


def test_failing_labeler_does_not_stop_or_reveal_text(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(ReportLabeler):
        def label(self, text: str) -> list:
            if "secret" in text:
                raise ValueError(f"cannot read {text}")
            return super().label(text)

    steps: list[int] = []
    with caplog.at_level(logging.DEBUG):
        labeled = label_matched_reports(
            texts(a="A secret.", b="Left effusion."), Failing(), step=lambda: steps.append(1)
        )
    assert labeled.problems == {"a": "the labeler failed on this report (ValueError)"}
    assert labeled.cells["b"][EFFUSION].tolist() == [0, 0, 1]
    assert len(steps) == 2
    assert "secret" not in caplog.text
    assert "a" in caplog.text


def test_joins_rows_of_one_scan_in_a_table() -> None:
    """A label is present if one row has it, else unknown if one row has it unknown."""
    values = np.zeros((2, 80, 3), dtype=np.float32)
    values[0, EFFUSION], values[1, EFFUSION] = [1, 0, 0], [0, 0, 1]
    values[0, NODULE], values[1, NODULE] = [0, 0, 1], [np.nan, 0, np.nan]
    table = LabelTable(["p/a", "a"], values == 1, {}, np.isnan(values))
    assert reports_of_table(table)[0].text != reports_of_table(table)[1].text
    assert "pleural effusion" in reports_of_table(table)[0].text
    scans = [{"scan": "p__a", "image": "/in/p/a.nii"}]
    joined = labels_of_table(table, match_reports(reports_of_table(table), scans, "join").lines)
    assert joined.cells["p__a"][EFFUSION].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(joined.cells["p__a"][NODULE], [np.nan, 0, 1])
    left = match_reports(reports_of_table(table), scans)
    assert [line["state"] for line in left.lines] == ["duplicate", "duplicate"]
    assert labels_of_table(table, left.lines) == ({}, {})
