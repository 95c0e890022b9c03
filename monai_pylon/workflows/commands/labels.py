"""Command ``labels``: abnormalities and their locations from radiology reports."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from monai_pylon.labeler import ReportLabeler, label_reports
from monai_pylon.taxonomy.label_sets import LABEL_SETS
from monai_pylon.utils import check
from monai_pylon.workflows.cohort.local_workers import connected
from monai_pylon.workflows.commands.run import (
    CONTEXT,
    DONE,
    SOME_FAILED,
    not_empty,
    one_line_errors,
    output_file_option,
)

__all__ = ["labels"]


@click.command(context_settings=CONTEXT, epilog="Example: monai-pylon labels reports.csv --output labels.csv")
@click.argument("source", metavar="REPORTS", type=click.Path(exists=True, path_type=Path))
@output_file_option("CSV file to write. FILE_problems.csv beside it lists reports with problems.")
@click.option("--rules", metavar="DIR", type=click.Path(exists=True, file_okay=False), help="Folder of your own rules.")
@click.option("--id-column", default="id", show_default=True, help="Column with the names of the reports.")
@click.option("--report-column", default="report", show_default=True, help="Column with the texts.")
@click.option(
    "--states",
    default="",
    metavar="SET",
    type=click.Choice(["", "rules", *LABEL_SETS]),
    help=f"One column for each label, with 1, 0, -1 (uncertain) or nothing: {', '.join(LABEL_SETS)}, or rules.",
)
@click.option("--name-column", default="report", show_default=True, help="First column of that table.")
@click.option(
    "--workers", default=1, show_default=True, metavar="N", type=click.IntRange(min=1), help="Number of processes."
)
@click.option(
    "--scheduler", metavar="ADDRESS", callback=not_empty, help="Dask scheduler whose workers label the reports."
)
@click.option("--progress/--no-progress", default=True, show_default=True, help="Show a progress bar.")
@one_line_errors
def labels(output: Path, workers: int, scheduler: str | None, rules: str | None, **options: Any) -> int:
    """Label the abnormalities in radiology reports, with the side or organ of each.

    REPORTS is a CSV, JSON Lines or Parquet file with the columns id and report, or a folder of text files. The table
    has a row for each abnormality of a report; with --states it has a row for each report and a column for each label.
    A report that could not be read is listed with its problem.
    """
    label = partial(label_reports, output=output, labeler=ReportLabeler(rules), **options)
    if workers == 1 and scheduler is None:
        summary = label()
    else:
        with connected(workers, scheduler) as client:
            workers = max(workers, len(client.nthreads()))
            summary = label(processes=workers, executor=client.get_executor(pure=False))
    remedy = "Give a table with the columns of --id-column and --report-column, or a folder of text files."
    check(summary.reports > 0, "REPORTS", "a file or folder with at least one report", str(options["source"]), remedy)
    click.echo(f"{summary}\nResults: {output}", err=True)
    return SOME_FAILED if summary.unread else DONE
