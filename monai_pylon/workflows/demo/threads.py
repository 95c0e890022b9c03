"""How many threads a small computation takes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

__all__ = ["one_thread"]


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """One thread for what runs within; afterwards as many as before.

    Steps of small networks gain little from several threads, and where other work is going on these wait for each
    other. And sums come out the same on every machine with the same kind of processor.

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
