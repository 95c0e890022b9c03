"""Losses that look at where a network found its evidence."""

from monai_pylon.losses.attention_penalty import MaskLoss, mask_loss

__all__ = ["MaskLoss", "mask_loss"]
