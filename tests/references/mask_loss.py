"""Slow reference of the mask loss, cell by cell, from the paper's equation 12 with the authors' mean."""

from __future__ import annotations

import math

import numpy as np


def forbidden_values(attention: np.ndarray, allowed: np.ndarray) -> list[float]:
    """List the attention on the forbidden grid cells of one sample (M, *grid)."""
    return [float(a) for a, g in zip(attention.ravel(), allowed.ravel(), strict=True) if not g]


def bce_penalty(attention: np.ndarray, allowed: np.ndarray) -> float:
    """Average -log(1 - sigmoid(a)) over the forbidden grid cells of each sample, then over samples."""
    each = []
    for sample, region in zip(attention, allowed, strict=True):
        values = [-math.log(1 - 1 / (1 + math.exp(-a))) for a in forbidden_values(sample, region)]
        each.append(sum(values) / len(values) if values else 0.0)
    return sum(each) / len(each)


def l2_penalty(attention: np.ndarray, allowed: np.ndarray) -> float:
    """Average the root of the sum of squares of each sample over samples."""
    each = [math.sqrt(sum(a * a for a in forbidden_values(s, g))) for s, g in zip(attention, allowed, strict=True)]
    return sum(each) / len(each)
