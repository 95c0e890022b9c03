"""Quality control of organ masks: volumes in mL and reason codes, never a silent wrong mask."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["MaskQuality"]


class MaskQuality(NamedTuple):
    """Whether an organ mask can be trusted, and why not.

    Attributes:
        ok: True where no reason was found.
        reasons: reason codes, empty where ok.
        volumes_ml: volume of each organ by name: "right lung", "mediastinum", "left lung".
        heuristic: True where the masks are the fallback's boxes, not the morphology's.
    """

    ok: bool
    reasons: tuple[str, ...]
    volumes_ml: dict[str, float]
    heuristic: bool
