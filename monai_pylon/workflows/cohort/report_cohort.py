"""Cohort of scans with reports or labels: makes organ masks, labels, allowed regions and a summary page."""

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

from monai_pylon.data import ReadVolumed
from monai_pylon.data.label_tables import scan_label_rows
from monai_pylon.data.rad_chestct import ORGANS_ENDING
from monai_pylon.labeler import ReportLabeler, read_label_table
from monai_pylon.labeler.label_table import LabelTable
from monai_pylon.labeler.report_files import read_reports
from monai_pylon.labeler.report_text import ReportText
from monai_pylon.taxonomy import ORGANS
from monai_pylon.utils import check, check_choice, check_type, read_rows, write_rows
from monai_pylon.utils.files import path_below
from monai_pylon.utils.folder_lock import lock_folder
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
    """Result of a cohort in numbers.

    Attributes:
        scans: Scans of the input.
        reports: Reports of the input, unusable ones included.
        ready: Scans with masks and labels, ready for training.
        left_out: Lines of `matches.csv` that did not lead to labels.
        failed: Scans whose masks or regions failed.

    Example:
        >>> print(ReportCohortSummary(scans=5, reports=6, ready=4, left_out=3, failed=1))
        4 of 5 scans are ready for training, from 6 reports; left out: 3, failed: 1
    """

    scans: int
    reports: int
    ready: int
    left_out: int
    failed: int

    def __str__(self) -> str:
        numbers = f"left out: {self.left_out}, failed: {self.failed}"
        return f"{self.ready} of {self.scans} scans are ready for training, from {self.reports} reports; {numbers}"


class ReportCohort:
    """Prepare a folder for training from scans and reports, or from scans and a table of labels.

    The steps are: read, match and label the reports; make the organ masks of all scans; make the allowed regions of
    all scans with labels; write the summary page. The two long steps, masks and regions, resume after an interruption
    (see :class:`CohortRunner`). Broken scans and reports are listed in `matches.csv` and on the page and do not stop
    the others.

    Args:
        masks: Runner that makes the organ masks and keeps the scans in its output folder, the folder of the cohort.
        reports: Table or folder of reports for :func:`~monai_pylon.labeler.report_files.read_reports`.
        labeler: Labeler for the reports.
        region_transform: Transform from :func:`regions_of_training` that makes the allowed regions; None makes none.
        settings: Settings that the regions depend on.
        id_column: Column of the identifiers in a table of reports.
        report_column: Column of the texts in a table of reports.
        duplicates: Rule for several reports of one scan, see :func:`match_reports`.
        silent: Rule for reports without recognized findings, see :func:`label_matched_reports`.
        not_mentioned: "absent" or "unknown": value of a label that a report does not mention.
        mask_files: Names of input files that were taken for organ masks instead of scans, for the page.
        command: Training command, for the page.
        progress: Whether to show progress bars.
        labels: Table of labels for :func:`~monai_pylon.labeler.read_label_table`, instead of reports.

    Example:
        >>> runner = CohortRunner(Dataset([]), network=dict, inferer=None, postprocessing=None, output="results")
        >>> ReportCohort(runner, None).run()
        Traceback (most recent call last):
        ...
        TypeError: reports must be of type str or PathLike, but is None. Give --reports PATH or --labels TABLE.
    """

    def __init__(
        self,
        masks: CohortRunner,
        reports: str | PathLike[str] | None,
        labeler: ReportLabeler | None = None,
        region_transform: Callable[[Any], Any] | None = None,
        settings: Mapping[str, Any] | None = None,
        id_column: str = "id",
        report_column: str = "report",
        duplicates: str = "leave_out",
        silent: str = "leave_out",
        mask_files: list[str] | None = None,
        command: str = "",
        progress: bool = True,
        labels: str | PathLike[str] | None = None,
        not_mentioned: str = "absent",
    ) -> None:
        check_choice(duplicates, ("leave_out", "join"), "duplicates")
        check_choice(silent, ("leave_out", "absent"), "silent")
        check_choice(not_mentioned, ("absent", "unknown"), "not_mentioned")
        self.not_mentioned = not_mentioned
        self.masks, self.reports, self.labels, self.output = masks, reports, labels, masks.output
        self.labeler = ReportLabeler() if labeler is None else labeler
        self.region_transform, self.settings = region_transform, dict(settings or {})
        self.id_column, self.report_column = id_column, report_column
        self.duplicates, self.silent, self.progress = duplicates, silent, progress
        self.mask_files, self.command = list(mask_files or ()), command
        self.summary: ReportCohortSummary | None = None

    @contextlib.contextmanager
    def _progress_bar(self, total: int) -> Iterator[Callable[[], Any] | None]:
        """Yield the update function of a progress bar, or None if it is switched off or tqdm is missing."""
        tqdm, found = optional_import("tqdm", name="tqdm")
        if not (self.progress and found):
            yield None
            return
        with tqdm(total=total, unit="report", desc="reports", dynamic_ncols=True) as bar:
            yield bar.update

    def _read(self) -> tuple[list[ReportText], LabelTable | None]:
        """Return all reports, or the rows of the table of labels as reports and the table."""
        name, source = ("reports", self.reports) if self.labels is None else ("labels", self.labels)
        check_type(source, (str, os.PathLike), name, "Give --reports PATH or --labels TABLE.")
        only_one = self.reports is None or self.labels is None
        check(only_one, "labels", "None if reports are given", self.labels, "Give only one of them.")
        path = Path(source)  # type: ignore[arg-type]  # checked above
        table = None if self.labels is None else read_label_table(path, self.labeler.labels)
        if table is None:
            reports = list(read_reports(path, self.id_column, self.report_column))
        else:
            reports = reports_of_table(table, path.name)
        check(bool(reports), name, "a table or folder with at least one report", str(path))
        return known_sections(reports), table

    def _label(self, matches: ReportMatches, table: LabelTable | None) -> LabeledReports:
        if table is not None:
            return labels_of_table(table, matches.lines)
        with self._progress_bar(len(matches.reports)) as step:
            return label_matched_reports(matches.reports, self.labeler, self.silent, step, self.not_mentioned)

    def _mask_rows(self) -> dict[str, dict[str, str]]:
        """Return the rows of `quality.csv` that belong to scans of this run, by scan name."""
        scans = {item["scan"] for item in self.masks.dataset.data}
        return {row["scan"]: row for row in read_rows(self.masks.table) if row["scan"] in scans}

    def _make_regions(self, cells: Mapping[str, np.ndarray], quality: Mapping[str, Mapping[str, str]]) -> list[dict]:
        """Write the allowed regions of all labeled scans to the cache and return the rows of `regions.csv`."""
        if self.region_transform is None or not cells:
            return []
        items = []
        for scan, labels in cells.items():
            image = path_below(self.output, quality[scan]["files"].split("; ")[0], f"{self.masks.table}, scan {scan}")
            organs = str(self.output / f"{scan}{ORGANS_ENDING}.nii.gz")
            items.append(
                {"image": str(image), "scan": scan, "organs": organs, "labels": labels, "locations": labels == 1}
            )
        settings = {**self.masks.settings, **self.settings}
        runner = CohortRunner(
            Dataset(items, ReadVolumed("image")),
            RegionsInCache(self.region_transform),
            lambda item, network: network(item),
            RegionWriter(self.output),
            self.output,
            settings,
            table="regions.csv",
            progress=self.progress,
            workers=self.masks.workers,
            scheduler=self.masks.scheduler,
        )
        runner.run()
        return [row for row in read_rows(runner.table) if row["scan"] in cells]

    def _write_labels(self, cells: Mapping[str, np.ndarray], reports: Mapping[str, ReportText]) -> None:
        """Write `labels.csv`, with the columns patient and section if any report has them."""
        facts = {name: [getattr(reports[scan], name) for scan in cells] for name in ("patient", "section")}
        known = {name: values for name, values in facts.items() if any(values)}
        stack = np.stack(list(cells.values())) if cells else np.zeros((0, len(self.labeler.labels), len(ORGANS)))
        write_rows(self.output / "labels.csv", scan_label_rows(list(cells), stack, self.labeler.labels, **known))

    def run(self) -> ReportCohortSummary:
        """Process reports and scans.

        Returns:
            The numbers of scans and reports.

        Raises:
            TypeError: If neither reports nor labels are given.
            ValueError: If there is no scan, no report, or no scan with both masks and labels.
            FolderInUseError: If another job runs in the output folder.
        """
        reports, table = self._read()
        with lock_folder(self.output):
            return self._run(reports, table)

    def _run(self, reports: list[ReportText], table: LabelTable | None) -> ReportCohortSummary:
        matches = match_reports(reports, self.masks.dataset.data, self.duplicates)
        labeled = self._label(matches, table)
        self.masks.run()
        quality = self._mask_rows()
        problems = {scan: reason for scan, row in quality.items() if (reason := _mask_problem(row))}
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
        facts = CohortFacts(
            lines, list(quality.values()), regions, ready, self.mask_files, len(patients), self.labeler.labels
        )
        save_cohort_page(self.output / "summary.html", facts, self.command)
        left_out = sum(line["state"] != "matched" for line in lines)
        failed = sum(bool(row["error"]) for row in (*quality.values(), *regions))
        self.summary = ReportCohortSummary(len(quality), len(reports), len(ready), left_out, failed)
        page = os.fspath(self.output / "summary.html")
        _LOGGER.info("%s. Summary page: %s", self.summary, page)
        if not ready:
            numbers = f"No scan has both labels and masks ({len(reports)} reports, {len(quality)} scans)."
            raise ValueError(f"{numbers} {page} says why. Use names or paths of scans as identifiers.")
        return self.summary

    def finish(self) -> None:
        """Exit the program with code 1 if a scan failed, so that a job queue notices; use it in ``finalize``.

        Raises:
            SystemExit: If a scan failed, with the number of failed scans and the path of the page.
        """
        if self.summary is not None and self.summary.failed:
            page = self.output / "summary.html"
            raise SystemExit(f"Scans whose masks or regions failed: {self.summary.failed}. {page} says why.")


def _mask_problem(row: Mapping[str, str]) -> str:
    """Return why a scan has no masks, or an empty text."""
    if row["error"]:
        return row["error"]
    volumes = [row.get(f"{organ.replace(' ', '_')}_ml") or "0" for organ in ORGANS]
    return "" if any(float(ml) > 0 for ml in volumes) else f"no organ was found: {row['reasons']}"


def _final_lines(
    lines: list[dict[str, str]], without_labels: Mapping[str, str], without_masks: Mapping[str, str]
) -> list[dict[str, str]]:
    """Update the lines of `matches.csv` after labels and masks have been made."""
    final = []
    for line in lines:
        scan, state, remark = line["scan"], line["state"], line["remark"]
        if state == "matched" and scan in without_labels:
            state, remark = "no labels", without_labels[scan]
        elif state in ("matched", "no report") and scan in without_masks:
            state, remark = "no masks", without_masks[scan]
        final.append({**line, "state": state, "remark": remark})
    return final
