"""Number of threads in a block."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.workflows.demo.threads import one_thread


def _raise_with_one_thread() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError


def test_restores_the_number_of_threads_after_an_exception() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError):
            _raise_with_one_thread()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
