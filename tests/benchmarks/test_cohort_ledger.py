"""Cost of a row in a cohort's ledger: constant up to 200,000 rows.

Run as a script, ``python -m tests.benchmarks.test_cohort_ledger results.json 1000 10000 100000 200000``, it writes the
cost at other sizes.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from monai_pylon.utils import write_rows
from monai_pylon.workflows.cohort.ledger import _EXPORT_SHARE, _INTERVAL, CohortLedger
from tests.experiments.machine import machine

#: Columns of a row with the probabilities of 80 labels.
LABELS = tuple(f"label_{number}" for number in range(80))
FEW = 300


def row(number: int) -> dict[str, object]:
    values = dict.fromkeys(LABELS, 0.12345)
    facts = {"seconds": 1.5, "error": "", "files": f"s{number}_overlay.png", "settings_hash": "0123456789ab"}
    return {"scan": f"s{number}", **values, **facts}


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def costs(rows: int, folder: Path) -> tuple[float, float, float]:
    """CPU seconds of one more row in a ledger of this size, of one export, and of the table's rewriting instead."""
    table = folder / "quality.csv"
    ledger = CohortLedger(table)
    names = [f"s{number}" for number in range(rows + FEW)]
    with ledger.open(names):
        with ledger._database.writing() as run:
            for number in range(rows):
                ledger._write(run, {name: str(value) for name, value in row(number).items()}, {})
        ledger._changed, ledger._next_export = True, math.inf  # an export is measured apart

        def more() -> None:
            for number in range(rows, rows + FEW):
                ledger.get(f"s{number}")
                ledger.claim(f"s{number}")
                ledger.record(row(number))

        each = cpu_seconds(more) / FEW
        export = cpu_seconds(ledger._export)
    before = cpu_seconds(lambda: write_rows(folder / "before.csv", [row(number) for number in range(rows)]))
    return each, export, before


def share_of_exports(export: float) -> float:
    """CPU seconds of exports for each second of a job, with a table of which one export takes these seconds."""
    return export / max(_INTERVAL, _EXPORT_SHARE * export)


def test_exports_take_a_small_share_of_any_job() -> None:
    assert share_of_exports(0.05) < 0.002
    assert share_of_exports(0.3) == pytest.approx(share_of_exports(30)) == 1 / 200, "constant for large tables"


def test_a_row_costs_as_much_in_a_large_ledger(tmp_path: Path) -> None:
    small, _, _ = costs(100, tmp_path / "small")
    large, export, rewriting = costs(5000, tmp_path / "large")
    assert large < 3 * small
    assert large < rewriting / 10
    assert export < 3 * rewriting


@pytest.mark.slow
def test_a_row_costs_as_much_in_a_ledger_of_100000(tmp_path: Path) -> None:
    small, _, _ = costs(1000, tmp_path / "small")
    large, _, _ = costs(100_000, tmp_path / "large")
    assert large < 3 * small


def measured(rows: int) -> dict[str, float]:
    """Costs in milliseconds a case and seconds an export."""
    with tempfile.TemporaryDirectory() as temporary:
        each, export, before = costs(rows, Path(temporary))
    return {
        "rows": rows,
        "ms_of_claim_and_record": 1e3 * each,
        "seconds_of_an_export": export,
        "ms_of_exports_a_case_of_one_second": 1e3 * share_of_exports(export),
        "seconds_of_rewriting_the_table": before,
    }


if __name__ == "__main__":
    found = [measured(size) for size in map(int, sys.argv[2:])]
    Path(sys.argv[1]).write_text(json.dumps({"rows": found, "machine": machine()}, indent=1) + "\n", encoding="utf-8")
