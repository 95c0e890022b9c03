"""Signed evidence over a gray image: evidence for a finding in orange, against it in blue, weak evidence left out."""

from __future__ import annotations

import numpy as np

from monai_pylon.reports.pixels import as_pixels
from monai_pylon.utils import check

__all__ = ["AGAINST", "FOR", "evidence_threshold", "paint_evidence", "share_against"]

#: Colors (red, green, blue) of evidence for and against a finding; color-blind readers tell them apart.
FOR, AGAINST = (1.0, 0.62, 0.05), (0.34, 0.71, 0.99)


def evidence_threshold(evidence: np.ndarray, fraction: float = 0.5, area: float = 0.1) -> float:
    """Choose the strength above which evidence is colored.

    Args:
        evidence: Signed map (H, W) or (X, Y, Z), finite.
        fraction: Least part of the largest strength that is colored, 0 to 1.
        area: Largest part of the map that is colored, 0 to 1, so that the image is never flooded.

    Returns:
        The larger of the two limits. Of a flat map nothing lies above it. 0 for an empty map or one of zeros.

    Raises:
        ValueError: If the map is not finite, or fraction or area are outside 0 to 1.

    Example:
        >>> evidence_threshold(np.array([0.0, -1.0, 2.0, 8.0]), area=0.5)
        4.0
    """
    strength = np.abs(np.asarray(evidence, dtype=np.float64))
    check(bool(np.isfinite(strength).all()), "evidence", "finite", evidence, "Replace NaN, or check the network.")
    check(0 <= fraction <= 1, "fraction", "between 0 and 1", fraction)
    check(0 <= area <= 1, "area", "between 0 and 1", area)
    if strength.size == 0:
        return 0.0
    return float(max(fraction * strength.max(), np.quantile(strength, 1 - area, method="higher")))


def share_against(evidence: np.ndarray, limit: float) -> float:
    """Return the strongest evidence against a finding as a share of the full color's strength.

    Args:
        evidence: Signed map (H, W) or (X, Y, Z), not empty.
        limit: Strength of the full color; 0 for a map of zeros.

    Returns:
        The share, 0 or more.

    Example:
        >>> share_against(np.array([4.0, -1.0]), 4.0), share_against(np.zeros(2), 0.0)
        (0.25, 0.0)
    """
    return float(-min(evidence.min(), 0) / limit) if limit else 0.0


def paint_evidence(
    gray: np.ndarray, evidence: np.ndarray, threshold: float, limit: float | None = None, opacity: float = 0.55
) -> np.ndarray:
    """Color the evidence above a threshold over a gray image; the rest of the image stays gray.

    Args:
        gray: Image (H, W), 0 to 1.
        evidence: Signed map (H, W), finite.
        threshold: Strength above which evidence is colored.
        limit: Strength of the full color; None for the map's largest one.
        opacity: Opacity of the full color, 0 to 1. The weakest color has a third of it.

    Returns:
        RGB image (H, W, 3), float32 from 0 to 1.

    Raises:
        ValueError: If the shapes differ, the image is outside 0 to 1, the map is not finite, or an option is out of
            range.

    Example:
        >>> painted = paint_evidence(np.zeros((1, 3)), np.array([[-2.0, 0.0, 2.0]]), threshold=1.0, opacity=1.0)
        >>> painted[0, 1].tolist(), painted[0, 2].tolist() == np.asarray(FOR, np.float32).tolist()
        ([0.0, 0.0, 0.0], True)
    """
    gray = as_pixels(gray, "gray", remedy="Apply a gray window first.")
    evidence = as_pixels(evidence, "evidence", unit=False, like=("image", gray.shape))
    check(threshold >= 0, "threshold", "0 or more", threshold)
    check(0 <= opacity <= 1, "opacity", "between 0 and 1", opacity)
    strength = np.abs(evidence)
    top = float(strength.max(initial=0.0)) if limit is None else limit
    share = np.clip((strength - threshold) / max(top - threshold, 1e-12), 0, 1)
    alpha = np.where(strength > threshold, opacity * (1 + 2 * share) / 3, 0).astype(np.float32)[..., None]
    color = np.where((evidence > 0)[..., None], np.asarray(FOR, np.float32), np.asarray(AGAINST, np.float32))
    return (1 - alpha) * np.asarray(gray, dtype=np.float32)[..., None] + alpha * color
