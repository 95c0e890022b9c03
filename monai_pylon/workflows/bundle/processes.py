"""Training and evaluation in several processes, each with one GPU or on the CPU."""

from __future__ import annotations

import os
from typing import Any

import torch
from monai.utils import set_determinism
from torch import nn
from torch.nn.parallel import DistributedDataParallel

__all__ = [
    "distributed_network",
    "is_first_process",
    "process_device",
    "share_of_batch",
    "start_processes",
    "stop_processes",
]


def _is_connected() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def is_first_process() -> bool:
    """Return whether this process is the first of several, or the only one.

    Returns:
        True for the process that writes and shows results.

    Example:
        >>> is_first_process()
        True
    """
    return not _is_connected() or torch.distributed.get_rank() == 0


def process_device() -> torch.device:
    """Return the device of this process: the GPU of torchrun's local rank, otherwise the CPU.

    Returns:
        The device.

    Example:
        >>> process_device().type in ("cuda", "cpu")
        True
    """
    on_gpu = torch.cuda.is_available()
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if on_gpu else torch.device("cpu")


def start_processes(seed: int | None = None) -> int:
    """Connect the processes that torchrun has started.

    Args:
        seed: Seed of the first process; the others add their rank. None sets none.

    Returns:
        The rank of this process.

    Raises:
        RuntimeError: If the process was not started by torchrun.

    Example:
        >>> start_processes()
        Traceback (most recent call last):
        ...
        RuntimeError: This configuration needs several processes. Start it with torchrun --nproc_per_node N -m ...
    """
    if not _is_connected():
        if "RANK" not in os.environ:
            command = "torchrun --nproc_per_node N -m monai.bundle run"
            raise RuntimeError(f"This configuration needs several processes. Start it with {command}.")
        torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    device, rank = process_device(), torch.distributed.get_rank()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if seed is not None:
        set_determinism(seed + rank)
    return rank


def stop_processes() -> None:
    """Disconnect the processes, if they are connected.

    Example:
        >>> stop_processes()
    """
    if _is_connected():
        torch.distributed.destroy_process_group()


def share_of_batch(batch_size: int) -> int:
    """Divide a batch among the processes.

    Args:
        batch_size: Items of the whole batch.

    Returns:
        Items of this process, at least one.

    Example:
        >>> share_of_batch(64)
        64
    """
    processes = torch.distributed.get_world_size() if _is_connected() else 1
    return max(1, batch_size // processes)


def distributed_network(network: nn.Module, device: torch.device) -> Any:
    """Wrap a network for training in several processes.

    Args:
        network: Network for images (N, C, *spatial), on the device.
        device: Device of this process.

    Returns:
        The network in DistributedDataParallel.

    Raises:
        ValueError: If the processes are not connected; see :func:`start_processes`.

    Example:
        >>> distributed_network(nn.Linear(1, 1), torch.device("cpu"))
        Traceback (most recent call last):
        ...
        ValueError: Default process group has not been initialized, please make sure to call init_process_group.
    """
    return DistributedDataParallel(network, device_ids=[device] if device.type == "cuda" else None)
