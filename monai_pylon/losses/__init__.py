"""Losses that look at where a network found its evidence."""

from monai_pylon.losses.attention_penalty import MaskLoss, mask_loss
from monai_pylon.losses.known_labels import KnownLabelsLoss

__all__ = ["KnownLabelsLoss", "MaskLoss", "mask_loss"]
