"""The command ct as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel

from monai_pylon.__main__ import main
from monai_pylon.utils import file_hash, read_rows
from tests.reports.page.pages import page_data, volume


def test_takes_network_and_input_from_the_checkpoint(scan: Path, ct_model: Path, tmp_path: Path) -> None:
    options = ["--model", str(ct_model), "--top", "1", "--device", "cpu", "--no-progress"]
    assert main(["ct", str(scan), "-o", str(tmp_path), *options]) == 0
    (row,) = read_rows(tmp_path / "quality.csv")
    assert row["error"] == ""
    (name,) = list(tmp_path.glob("a/a_*_hirescam.nii.gz"))
    assert nibabel.load(name).shape == (2, 2, 10), "the network's own grid"
    findings = json.loads((tmp_path / "a" / "a_findings.json").read_text())
    assert findings["findings"]["mapped"] == row["mapped"]


def test_writes_a_reading_page(scan: Path, ct_model: Path, tmp_path: Path) -> None:
    options = ["--model", str(ct_model), "--page", "--top", "2", "--no-pictures", "--device", "cpu", "--no-progress"]
    assert main(["ct", str(scan), "-o", str(tmp_path), *options]) == 0
    html = (tmp_path / "a" / "a_page.html").read_text(encoding="utf-8")
    data = page_data(html)
    assert [finding["map"] is not None for finding in data["findings"]] == [True, True] + [False] * 78
    assert volume(data["findings"][0]["map"]["volume"]).shape == (2, 2, 10)
    assert file_hash(ct_model) in html
    assert str(scan.parent) not in html
    assert str(ct_model.parent) not in html, "no paths"
    assert "a_page.html" in json.loads((tmp_path / "a" / "a_findings.json").read_text())["files"]


def test_no_maps_and_no_pictures(scan: Path, ct_model: Path, tmp_path: Path) -> None:
    options = ["--model", str(ct_model), "--no-maps", "--no-pictures", "--device", "cpu", "--no-progress"]
    assert main(["ct", str(scan), "-o", str(tmp_path), *options]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"a", "quality.csv", "manifest.csv", "cohort.sqlite"}
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"a_slice_scores.csv", "a_findings.json"}
