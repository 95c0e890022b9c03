"""Detection of the modes in which PyTorch records a network instead of running it."""

from __future__ import annotations

import torch

__all__ = ["is_eager", "is_observed", "is_traced_or_exported"]


def is_eager() -> bool:
    """Return whether the network runs normally: neither traced, compiled nor exported.

    Input checks run only in this mode, because a recorded program would keep the result for one example.

    Example:
        >>> is_eager()
        True
    """
    return not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def is_observed() -> bool:
    """Return whether a mode of PyTorch sees each operation, as the search for the axes of a map does.

    Tensors that are filled part by part tell such a mode less than tensors that are joined.

    Example:
        >>> is_observed()
        False
    """
    return bool(torch._C._len_torch_dispatch_stack())


def is_traced_or_exported() -> bool:
    """Return whether the network is being traced or exported, so that it may return only plain tuples of tensors.

    Example:
        >>> is_traced_or_exported()
        False
    """
    exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # is_exporting is new in torch 2.7
    return bool(torch.jit.is_tracing() or exporting())
