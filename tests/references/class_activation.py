"""Class activation maps written down from the paper's equations, one number at a time, and gradients by differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def hires_cam_loop(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Equation 5 for one sample (C, *grid): the sum over features of gradient times activation, cell by cell."""
    result = np.zeros(activations.shape[1:])
    for f in range(len(activations)):
        for cell in np.ndindex(*result.shape):
            result[cell] += gradients[(f, *cell)] * activations[(f, *cell)]
    return result


def grad_cam_loop(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Equations 3 and 4 for one sample (C, *grid): each feature times the mean of its gradient over the cells."""
    result = np.zeros(activations.shape[1:])
    cells = list(np.ndindex(*result.shape))
    for f in range(len(activations)):
        alpha = sum(gradients[(f, *cell)] for cell in cells) / len(cells)
        for cell in cells:
            result[cell] += alpha * activations[(f, *cell)]
    return result


def gradient_by_differences(score: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """The gradient of a score at activations (C, *grid), from two evaluations a number."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        up, down = at.copy(), at.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (score(up) - score(down)) / (2 * step)
    return gradient
