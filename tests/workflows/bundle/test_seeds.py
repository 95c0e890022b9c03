"""Mean and standard deviation over seeds, against numbers by hand."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from monai_pylon.workflows.bundle.seeds import seed_rows


def write(folder: Path, seed: int, count: int = 10, **metrics: Any) -> Path:
    file = folder / f"{seed}.json"
    each = {name: {"weighted": {"estimate": value}} for name, value in metrics.items()}
    file.write_text(json.dumps({"scans": count, "metrics": each}))
    return file


def test_against_the_standard_library(tmp_path: Path) -> None:
    values = [0.31, 0.35, 0.28, 0.40]
    files = [write(tmp_path, seed, point=value) for seed, value in enumerate(values)]
    (row,) = seed_rows(files)
    assert row["mean"] == pytest.approx(statistics.mean(values))
    assert row["sd"] == pytest.approx(statistics.stdev(values))
    assert (row["min"], row["max"], row["seeds"]) == (0.28, 0.40, 4)


def test_undefined_figures_are_left_out_and_counted(tmp_path: Path) -> None:
    files = [write(tmp_path, 0, point=0.5, box=None), write(tmp_path, 1, point=None, box=None)]
    (row,) = seed_rows(files)
    assert (row["metric"], row["mean"], row["sd"], row["seeds"]) == ("point", 0.5, None, 1)


def test_other_cases_and_other_files_are_refused(tmp_path: Path) -> None:
    files = [write(tmp_path, 0, point=0.5), write(tmp_path, 1, count=9, point=0.5)]
    with pytest.raises(ValueError, match="reports must be evaluations of the same cases"):
        seed_rows(files)
    files[1].write_text("{}")
    with pytest.raises(ValueError, match=r"reports must be files evaluation\.json"):
        seed_rows(files)
    with pytest.raises(ValueError, match="at least one file"):
        seed_rows([])
