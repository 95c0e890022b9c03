"""Slow reference of class activation maps, from the paper's equations, and gradients by finite differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def hires_cam_loop(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Compute equation 5 for one sample (C, *grid): gradient times activation, summed over features, cell by cell."""
    result = np.zeros(activations.shape[1:])
    for f in range(len(activations)):
        for cell in np.ndindex(*result.shape):
            result[cell] += gradients[(f, *cell)] * activations[(f, *cell)]
    return result


def grad_cam_loop(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Compute equations 3 and 4 for one sample (C, *grid): each feature times the mean of its gradient."""
    result = np.zeros(activations.shape[1:])
    cells = list(np.ndindex(*result.shape))
    for f in range(len(activations)):
        alpha = sum(gradients[(f, *cell)] for cell in cells) / len(cells)
        for cell in cells:
            result[cell] += alpha * activations[(f, *cell)]
    return result


def gradient_by_differences(score: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Compute the gradient of a score at activations (C, *grid) by central differences."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (score(up) - score(down)) / (2 * step)
    return gradient
