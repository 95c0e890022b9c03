"""Command ``compare``: two reading pages side by side."""

from __future__ import annotations

from pathlib import Path

import click

from monai_pylon.reports.page.compare import compare_pages
from monai_pylon.utils import atomic_write, check
from monai_pylon.workflows.commands.run import CONTEXT, DONE, one_line_errors, open_results, output_file_option

__all__ = ["compare"]


def _page_of(given: Path) -> Path:
    """Return a file, or the reading page in the folder of a case."""
    if given.is_file():
        return given
    pages = sorted(given.glob("*_page.html"))
    remedy = "Write one by the option --page, or name the file."
    check(len(pages) == 1, "page", "a file, or the folder of a case with one reading page", str(given), remedy)
    return pages[0]


@click.command(
    context_settings=CONTEXT,
    epilog="Example: monai-pylon compare before/case1 after/case1 --output compared.html --title before --title after",
)
@click.argument("first", metavar="FIRST", type=click.Path(exists=True, path_type=Path))
@click.argument("second", metavar="SECOND", type=click.Path(exists=True, path_type=Path))
@output_file_option("HTML file to write.")
@click.option("--title", "titles", multiple=True, metavar="TEXT", help="Title of a page; give it twice.")
@click.option("--open", "open_", is_flag=True, help="Open the page when done.")
@one_line_errors
def compare(first: Path, second: Path, output: Path, titles: tuple[str, ...], open_: bool) -> int:
    """Show two reading pages side by side: two patients, or two models on one scan.

    FIRST and SECOND are pages that --page of organs, xray or ct wrote, or folders of cases. The result is one HTML file
    with both.
    """  # fmt: skip
    html = compare_pages([_page_of(first), _page_of(second)], titles)
    with atomic_write(output) as part:
        part.write_text(html, encoding="utf-8")
    if open_:
        open_results(output)
    return DONE
