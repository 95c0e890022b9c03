"""The page of errors: their order, undefined shares, pictures, and text that is no HTML."""

from __future__ import annotations

from pathlib import Path

from monai_pylon.reports.error_page import save_error_review

ROWS = [
    {"name": "<b>", "label": "nodule", "probability": 0.8, "outside": 0.75, "exposed": True},
    {"name": "c", "label": "mass", "probability": 0.6, "outside": 0.2, "exposed": False},
    {"name": "d", "label": "mass", "probability": 0.9, "outside": None, "exposed": None},
]


def test_page_shows_rows_in_order_and_pictures(tmp_path: Path) -> None:
    save_error_review(tmp_path / "errors.html", ROWS, {("c", "mass"): "c mass.png", ("e", "mass"): "e.png"})
    page = (tmp_path / "errors.html").read_text(encoding="utf-8")
    assert "<b>3</b> false positives" in page
    assert "<b>1 of 2</b> exposed by their map" in page
    assert "&lt;b&gt;" in page
    assert page.index("0.75") < page.index("0.20") < page.index("undefined")
    assert 'src="c%20mass.png"' in page
    assert "e.png" not in page


def test_page_without_errors(tmp_path: Path) -> None:
    save_error_review(tmp_path / "errors.html", [])
    assert "<b>0 of 0</b>" in (tmp_path / "errors.html").read_text(encoding="utf-8")
