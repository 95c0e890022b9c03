"""Two reading pages on one page."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest

from monai_pylon.reports.page.compare import compare_pages
from tests.reports.page.pages import NASTY, page_data, planted_radiograph_page, planted_scan_page


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("compared")
    for name, html in (("scan", planted_scan_page()), ("radiograph", planted_radiograph_page())):
        (folder / f"{name}.html").write_text(html, encoding="utf-8")
    return [folder / "scan.html", folder / "radiograph.html"]


def test_both_pages_are_inside_unchanged(files: list[Path]) -> None:
    packed = page_data(compare_pages(files))["pages"]
    assert [gzip.decompress(base64.b64decode(page)).decode() for page in packed] == [
        file.read_text(encoding="utf-8") for file in files
    ]


def test_lists_the_larger_probability_first_and_escapes(files: list[Path]) -> None:
    html = compare_pages(files, [NASTY, "second"])
    assert html.index('data-name="Mass"') < html.index('data-name="lung nodule"') < html.index('data-name="improbable"')
    row = html[html.index('data-name="Mass"') :].split("</li>")[0]
    assert "<span>-</span> <span>80 %</span>" in row
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert") >= 3


def test_refuses_what_is_no_reading_page(files: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other.html").write_text("<h1>News</h1>")
    with pytest.raises(ValueError, match=r"reading page of this package, but is .*other.html"):
        compare_pages([files[0], tmp_path / "other.html"])
    with pytest.raises(ValueError, match="two reading pages"):
        compare_pages(files[:1])
    with pytest.raises(ValueError, match="titles must be two"):
        compare_pages(files, ["one"])
