"""Strides of the feature maps of encoders."""

from __future__ import annotations

__all__ = ["DILATED_STRIDES", "STRIDES"]

#: Strides of the feature maps, shallow to deep.
STRIDES = (2, 4, 8, 16, 32)
#: Strides after :func:`~monai_pylon.networks.encoders.dilate_last_stage`.
DILATED_STRIDES = (2, 4, 8, 16, 16)
