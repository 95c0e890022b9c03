"""Organ masks by the robust method (PARTITION), step by step: lungs, airway, sides, spine and mediastinum."""

from monai_pylon.transforms.robust_masks.organ_labels import robust_organ_labels

__all__ = ["robust_organ_labels"]
