"""Strides of the feature maps of encoders, and the attributes that say where their cells look."""

from __future__ import annotations

from torch import nn

__all__ = ["DILATED_STRIDES", "STRIDES", "copy_grid"]

#: Strides of the feature maps, shallow to deep.
STRIDES = (2, 4, 8, 16, 32)
#: Strides after :func:`~monai_pylon.networks.encoders.dilate_last_stage`.
DILATED_STRIDES = (2, 4, 8, 16, 16)


def copy_grid(encoder: nn.Module, wrapper: nn.Module) -> None:
    """Give a module around an encoder the encoder's channels, strides and ``first_cell``, as far as it has them.

    Args:
        encoder: Encoder of images (N, C, *spatial).
        wrapper: The module around it, changed in place.

    Example:
        >>> encoder, wrapper = nn.Identity(), nn.Identity()
        >>> encoder.strides, encoder.first_cell = (2, 4), 3
        >>> copy_grid(encoder, wrapper)
        >>> wrapper.strides, wrapper.first_cell
        ((2, 4), 3)
    """
    for name in ("channels", "strides", "first_cell"):
        if hasattr(encoder, name):
            setattr(wrapper, name, getattr(encoder, name))
