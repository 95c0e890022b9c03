"""Random numbers that depend on a few numbers only, so that an interrupted training repeats them."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch

__all__ = ["derived_seed", "seed_everything", "seeded"]


def derived_seed(*numbers: int) -> int:
    """Derive a seed from several numbers. Seeds of different numbers are independent.

    Args:
        numbers: Whole numbers, such as a seed, an epoch and an index. Negative ones count like their absolute value.

    Returns:
        The seed, from 0 to 2**32 - 1.

    Example:
        >>> derived_seed(0, 1) == derived_seed(0, 1), derived_seed(0, 1) == derived_seed(1, 0)
        (True, False)
    """
    return int(np.random.SeedSequence([abs(int(number)) for number in numbers]).generate_state(1)[0])


def seed_everything(seed: int) -> None:
    """Seed the generators of Python, NumPy and PyTorch, on all devices.

    Args:
        seed: Seed from 0 to 2**32 - 1.

    Example:
        >>> seed_everything(7)
        >>> first = random.random(), float(torch.rand(1))
        >>> seed_everything(7)
        >>> first == (random.random(), float(torch.rand(1)))
        True
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the CPU generators of Python, NumPy and PyTorch in a block, and restore them after it.

    Args:
        seed: Seed from 0 to 2**32 - 1.

    Example:
        >>> before = random.getstate()
        >>> with seeded(7):
        ...     value = random.random()
        >>> random.getstate() == before
        True
    """
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    random.seed(seed)
    np.random.seed(seed)
    torch.random.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
