"""The command compare as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_pylon.__main__ import main
from tests.reports.page.pages import page_data, planted_radiograph_page


def test_takes_files_and_folders_of_cases(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "case_page.html").write_text(planted_radiograph_page("one"), encoding="utf-8")
    (tmp_path / "b.html").write_text(planted_radiograph_page("two"), encoding="utf-8")
    out = tmp_path / "new" / "compared.html"
    given = ["compare", str(tmp_path / "case"), str(tmp_path / "b.html"), "-o", str(out)]
    assert main([*given, "--title", "before", "--title", "after"]) == 0
    html = out.read_text(encoding="utf-8")
    assert "<h1>before and after</h1>" in html
    assert len(page_data(html)["pages"]) == 2
    assert main([*given, "--title", "before"]) == 2
    assert "titles must be two" in capsys.readouterr().err
    assert main(["compare", str(tmp_path), str(tmp_path / "b.html"), "-o", str(out)]) == 2
    assert "--page" in capsys.readouterr().err
