"""Organ masks out of a chest CT (PARTITION) and the regions that they allow."""

from monai_pylon.transforms.paper_masks import paper_organ_labels, paper_quality_reasons

__all__ = ["paper_organ_labels", "paper_quality_reasons"]
