"""Several processes; the slow tests of the bundles run two of them."""

from __future__ import annotations

import pytest
import torch

from monai_pylon.workflows.bundle import process_device, share_of_batch, start_processes, stop_processes


@pytest.mark.parametrize(("processes", "share"), [(1, 64), (2, 32), (3, 21), (100, 1)])
def test_a_batch_is_divided(processes: int, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: processes)
    assert share_of_batch(64) == share


def test_each_process_has_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert process_device() == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert process_device() == torch.device("cpu")


def test_one_process_is_told_how_to_start_several(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(RuntimeError, match="torchrun --nproc_per_node"):
        start_processes()
    stop_processes()


def test_processes_have_different_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    draws = []
    for rank in (0, 1, 0):
        monkeypatch.setattr(torch.distributed, "get_rank", lambda rank=rank: rank)
        assert start_processes(seed=5) == rank
        draws.append(torch.rand(1).item())
    assert draws[0] == draws[2] != draws[1]
