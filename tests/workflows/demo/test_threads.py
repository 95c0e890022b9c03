"""How many threads run."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.workflows.demo.threads import one_thread


def _fail_within() -> None:
    with one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError


def test_as_many_threads_as_before_after_an_exception_too() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(KeyError):
            _fail_within()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
