"""Gray window of a CT in which each finding shows best: the column ``window`` of ``chest_ct.csv`` and ``concepts.csv``.

Findings in aerated lung show in the lung window; those of pleura, lymph nodes, heart, vessels and mediastinum, and
calcifications, in the mediastinal window; fractures, hardware and a sternotomy in the bone window.
"""

from __future__ import annotations

from functools import cache

from monai_pylon.taxonomy.labels import read_table

__all__ = ["finding_window"]


@cache
def _windows() -> dict[str, str]:
    """Return the window of each known finding by its name in lower case; a finding of several has that of the first."""
    windows = {row["label"].lower(): row["window"] for name in ("chest_ct", "concepts") for row in read_table(name)}
    for row in read_table("label_sets"):
        first = row["members"].split(";")[0].lower()
        windows.setdefault(row["label"].lower(), windows.get(first, "lung"))
    return windows


def finding_window(name: str) -> str:
    """Return the gray window in which a finding shows best on CT.

    Args:
        name: Name of the finding, in the spelling of any label set, upper or lower case.

    Returns:
        "lung", "mediastinal" or "bone". An unknown finding has "lung".

    Example:
        >>> finding_window("lung nodule"), finding_window("Pleural effusion"), finding_window("Fracture")
        ('lung', 'mediastinal', 'bone')
    """
    return _windows().get(name.lower(), "lung")
