"""The whole of PARTITION: scans and reports or labels in; masks, labels, allowed regions and a page about them out."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from monai.data import Dataset
from monai.utils import optional_import

from monai_pylon.data import ORGANS_ENDING, ReadVolumed, scan_label_rows
from monai_pylon.labeler import LabelTable, ReportLabeler, ReportText, read_label_table, read_reports
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.utils import check, check_choice, check_type, read_rows, write_rows
from monai_pylon.workflows.chest_ct.regions import RegionsInCache, RegionWriter
from monai_pylon.workflows.cohort.report_labels import (
    LabeledReports,
    label_matched_reports,
    labels_of_table,
    reports_of_table,
)
from monai_pylon.workflows.cohort.report_matching import ReportMatches, known_sections, match_reports
from monai_pylon.workflows.cohort.runner import CohortRunner
from monai_pylon.workflows.cohort.summary_page import CohortFacts, save_cohort_page

__all__ = ["ReportCohort", "ReportCohortSummary"]

_LOGGER = logging.getLogger(__name__)


class ReportCohortSummary(NamedTuple):
    """How a cohort turned out, in numbers.

    Attributes:
        scans: of the input.
        reports: of the input, broken ones included.
        ready: scans with masks and labels, which can train.
        left_out: lines of `matches.csv` that came to no labels.
        failed: scans whose masks or regions failed.

    Example:
        >>> print(ReportCohortSummary(scans=5, reports=6, ready=4, left_out=3, failed=1))
        4 of 5 scans can train, by 6 reports; left out: 3, failed: 1
    """

    scans: int
    reports: int
    ready: int
    left_out: int
    failed: int

    def __str__(self) -> str:
        numbers = f"left out: {self.left_out}, failed: {self.failed}"
        return f"{self.ready} of {self.scans} scans can train, by {self.reports} reports; {numbers}"


class ReportCohort:
    """Make of scans and reports, or a table of labels, a folder from which a network trains, and a page about it.

    First every report is read, matched and labeled, then every scan is given its masks, then every scan with labels its
    allowed regions. The two long parts are resumable (see :class:`CohortRunner`); what is broken is named in
    `matches.csv` and on the page and stops nothing.

    Args:
        masks: makes the organ masks; its output folder is the cohort's, and it keeps the scans there.
        reports: see :func:`~monai_pylon.labeler.read_reports`.
        labeler: for the reports.
        recipe: makes the allowed regions, from :func:`regions_of_training`; None makes none.
        settings: what the regions depend on.
        id_column: of a table of reports.
        report_column: likewise.
        duplicates: see :func:`match_reports`.
        silent: see :func:`label_matched_reports`.
        masks_of: names of files that were taken for masks rather than scans, for the page.
        command: how to train, for the page.
        progress: whether to show progress bars.
        labels: in place of the reports a table of labels, wherever they come from: see
            :func:`~monai_pylon.labeler.read_label_table`.

    Example:
        >>> runner = CohortRunner(Dataset([]), network=dict, inferer=None, postprocessing=None, output="results")
        >>> ReportCohort(runner, None).run()
        Traceback (most recent call last):
        ...
        TypeError: reports must be of type str or PathLike, but is None. Give --reports PATH, or --labels TABLE
    """

    def __init__(
        self,
        masks: CohortRunner,
        reports: str | PathLike[str] | None,
        labeler: ReportLabeler | None = None,
        recipe: Callable[[Any], Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        id_column: str = "id",
        report_column: str = "report",
        duplicates: str = "leave_out",
        silent: str = "leave_out",
        masks_of: list[str] | None = None,
        command: str = "",
        progress: bool = True,
        labels: str | PathLike[str] | None = None,
    ) -> None:
        check_choice(duplicates, ("leave_out", "join"), "duplicates")
        check_choice(silent, ("leave_out", "absent"), "silent")
        self.masks, self.reports, self.labels, self.output = masks, reports, labels, masks.output
        self.labeler = ReportLabeler() if labeler is None else labeler
        self.recipe, self.settings = recipe, dict(settings or {})
        self.id_column, self.report_column = id_column, report_column
        self.duplicates, self.silent, self.progress = duplicates, silent, progress
        self.masks_of, self.command = list(masks_of or ()), command
        self.summary: ReportCohortSummary | None = None

    @contextlib.contextmanager
    def _steps(self, total: int) -> Iterator[Callable[[], Any] | None]:
        tqdm, found = optional_import("tqdm", name="tqdm")
        if not (self.progress and found):
            yield None
            return
        with tqdm(total=total, unit="report", desc="reports", dynamic_ncols=True) as bar:
            yield bar.update

    def _read(self) -> tuple[list[ReportText], LabelTable | None]:
        """Every report of the source, or every row of the table of labels; those of a cohort fit into memory."""
        name, source = ("reports", self.reports) if self.labels is None else ("labels", self.labels)
        check_type(source, (str, os.PathLike), name, "Give --reports PATH, or --labels TABLE")
        alone = self.reports is None or self.labels is None
        check(alone, "labels", "None where reports are given", self.labels, "Give one of them.")
        place = Path(source)  # type: ignore[arg-type]  # checked above
        table = None if self.labels is None else read_label_table(place)
        if table is None:
            told = list(read_reports(place, self.id_column, self.report_column))
        else:
            told = reports_of_table(table, place.name)
        check(bool(told), name, "a table or folder with at least one report", str(place))
        return known_sections(told), table

    def _label(self, matches: ReportMatches, table: LabelTable | None) -> LabeledReports:
        if table is not None:
            return labels_of_table(table, matches.lines)
        with self._steps(len(matches.reports)) as step:
            return label_matched_reports(matches.reports, self.labeler, self.silent, step)

    def _kept(self) -> dict[str, dict[str, str]]:
        """The rows of the masks that were made of this run's scans, by scan."""
        scans = {item["scan"] for item in self.masks.dataset.data}
        return {row["scan"]: row for row in read_rows(self.masks.table) if row["scan"] in scans}

    def _make_regions(self, cells: Mapping[str, np.ndarray], quality: Mapping[str, Mapping[str, str]]) -> list[dict]:
        """Bring the regions of all labeled scans into the cache; gives the rows of its table."""
        if self.recipe is None or not cells:
            return []
        items = []
        for scan, labels in cells.items():
            image = self.output / quality[scan]["files"].split("; ")[0]
            organs = str(self.output / f"{scan}{ORGANS_ENDING}.nii.gz")
            items.append(
                {"image": str(image), "scan": scan, "organs": organs, "labels": labels, "locations": labels == 1}
            )
        settings = {**self.masks.settings, **self.settings}
        runner = CohortRunner(
            Dataset(items, ReadVolumed("image")),
            RegionsInCache(self.recipe),
            lambda item, network: network(item),
            RegionWriter(self.output),
            self.output,
            settings,
            table="regions.csv",
            progress=self.progress,
        )
        runner.run()
        return [row for row in read_rows(runner.table) if row["scan"] in cells]

    def _write_labels(self, cells: Mapping[str, np.ndarray], reports: Mapping[str, ReportText]) -> None:
        """Write `labels.csv`; it has the columns of patients and sections where the reports tell any."""
        facts = {name: [getattr(reports[scan], name) for scan in cells] for name in ("patient", "section")}
        told = {name: values for name, values in facts.items() if any(values)}
        stack = np.stack(list(cells.values())) if cells else np.zeros((0, len(CHEST_CT_LABELS), len(ORGANS)))
        write_rows(self.output / "labels.csv", scan_label_rows(list(cells), stack, **told))

    def run(self) -> ReportCohortSummary:
        """Work through reports and scans.

        Returns:
            the numbers.

        Raises:
            ValueError: where there is no scan, no report, or none of the reports belongs to a scan.
        """
        told, table = self._read()
        matches = match_reports(told, self.masks.dataset.data, self.duplicates)
        labeled = self._label(matches, table)
        self.masks.run()
        quality = self._kept()
        problems = {scan: why for scan, row in quality.items() if (why := _no_masks(row))}
        cells = {scan: one for scan, one in labeled.cells.items() if scan in quality and scan not in problems}
        self._write_labels(cells, matches.reports)
        regions = self._make_regions(cells, quality)
        problems |= {row["scan"]: row["error"] for row in regions if row["error"]}
        ready = {scan: one for scan, one in cells.items() if scan not in problems}
        if len(ready) < len(cells):
            self._write_labels(ready, matches.reports)
        lines = _final_lines(matches.lines, labeled.problems, problems)
        write_rows(self.output / "matches.csv", lines)
        patients = {matches.reports[scan].patient or scan for scan in ready}
        facts = CohortFacts(lines, list(quality.values()), regions, ready, self.masks_of, len(patients))
        save_cohort_page(self.output / "summary.html", facts, self.command)
        left_out = sum(line["state"] != "matched" for line in lines)
        failed = sum(bool(row["error"]) for row in (*quality.values(), *regions))
        self.summary = ReportCohortSummary(len(quality), len(told), len(ready), left_out, failed)
        page = os.fspath(self.output / "summary.html")
        _LOGGER.info("%s. Look at %s", self.summary, page)
        remedy = f"{page} says why. Identifiers are names or paths of scans."
        found = f"{len(told)} reports for {len(quality)} scans, no two of which make a pair"
        check(
            bool(ready),
            "reports" if table is None else "labels",
            "such that at least one scan has labels and masks",
            found,
            remedy,
        )
        return self.summary

    def finish(self) -> None:
        """End the program with exit code 1 where a scan failed, so that a job queue sees it; for ``finalize``.

        Raises:
            SystemExit: where a scan failed, with the number and the table's path.
        """
        if self.summary is not None and self.summary.failed:
            where = self.output / "summary.html"
            raise SystemExit(f"Scans whose masks or regions failed: {self.summary.failed}. {where} says why.")


def _no_masks(row: Mapping[str, str]) -> str:
    """Why a scan has no masks, or an empty text."""
    if row["error"]:
        return row["error"]
    volumes = [row.get(f"{organ.replace(' ', '_')}_ml") or "0" for organ in ORGANS]
    return "" if any(float(ml) > 0 for ml in volumes) else f"no organ was found: {row['reasons']}"


def _final_lines(
    lines: list[dict[str, str]], without_labels: Mapping[str, str], without_masks: Mapping[str, str]
) -> list[dict[str, str]]:
    """The lines of `matches.csv` once labels and masks are made."""
    final = []
    for line in lines:
        scan, state, remark = line["scan"], line["state"], line["remark"]
        if state == "matched" and scan in without_labels:
            state, remark = "no labels", without_labels[scan]
        elif state in ("matched", "no report") and scan in without_masks:
            state, remark = "no masks", without_masks[scan]
        final.append({**line, "state": state, "remark": remark})
    return final
