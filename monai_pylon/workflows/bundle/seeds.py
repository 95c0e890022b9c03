"""Mean and standard deviation over trainings with different seeds, as the tables of the PYLON paper report them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from monai_pylon.utils import check

__all__ = ["seed_rows"]


def seed_rows(reports: Sequence[str | PathLike[str]]) -> list[dict[str, Any]]:
    """Compute mean and standard deviation of each figure over the evaluations of several trainings.

    The standard deviation says how much a figure changes if the training is repeated. The interval of one evaluation
    says something else: how much it changes with other patients.

    Args:
        reports: Files `evaluation.json` of the same data, one for each seed.

    Returns:
        For each metric and class "mean", "sd" (with n - 1; None for one seed), "min", "max", and "seeds", the number of
        evaluations in which the figure is defined. A figure that is undefined in all of them is left out.

    Raises:
        ValueError: If there is no file, a file is no report, or the reports were made on different numbers of cases.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for seed, value in enumerate((0.5, 0.7)):
        ...         report = {"images": 9, "metrics": {"auroc": {"macro": {"estimate": value}}}}
        ...         _ = Path(folder, f"{seed}.json").write_text(json.dumps(report))
        ...     rows = seed_rows(sorted(Path(folder).iterdir()))
        >>> {key: value if isinstance(value, str) else round(value, 3) for key, value in rows[0].items()}
        {'metric': 'auroc', 'class': 'macro', 'mean': 0.6, 'sd': 0.141, 'min': 0.5, 'max': 0.7, 'seeds': 2}
    """
    check(len(reports) > 0, "reports", "a sequence with at least one file", reports)
    found: dict[tuple[str, str], list[float]] = {}
    counts = {}
    for file in reports:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        check(isinstance(content.get("metrics"), dict), "reports", "files evaluation.json", str(file))
        counts[str(file)] = next((content[unit] for unit in ("images", "scans") if unit in content), None)
        for metric, classes in content["metrics"].items():
            for name, numbers in classes.items():
                values = found.setdefault((metric, name), [])
                values += [] if numbers["estimate"] is None else [numbers["estimate"]]
    same = len(set(counts.values())) == 1
    check(same, "reports", "evaluations of the same cases", counts, "Evaluate all seeds on the same section.")
    rows = []
    for (metric, name), values in found.items():
        if not values:
            continue
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
        limits = {"min": min(values), "max": max(values), "seeds": len(values)}
        rows.append({"metric": metric, "class": name, "mean": float(np.mean(values)), "sd": spread, **limits})
    return rows
