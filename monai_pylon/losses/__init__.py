"""Losses for training with allowed regions and with unknown labels."""

from monai_pylon.losses.attention_penalty import MaskLoss, mask_loss
from monai_pylon.losses.known_labels import KnownLabelsLoss

__all__ = ["KnownLabelsLoss", "MaskLoss", "mask_loss"]
