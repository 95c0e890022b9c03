"""Number of threads for small computations."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["one_thread"]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run a block with one thread, then restore the number of threads.

    Small networks gain little from several threads, which wait for each other on a busy machine. With one thread, sums
    are also equal on all machines with the same kind of processor.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
