"""Organ masks out of a chest CT (PARTITION) and the regions that they allow."""

from monai_pylon.transforms.mask_quality import MaskQuality
from monai_pylon.transforms.paper_masks import paper_organ_labels, paper_quality_reasons
from monai_pylon.transforms.partition import (
    OrganPartition,
    PartitionOrgans,
    PartitionOrgansD,
    PartitionOrgansd,
    PartitionOrgansDict,
    partition_organs,
)

__all__ = [
    "MaskQuality",
    "OrganPartition",
    "PartitionOrgans",
    "PartitionOrgansD",
    "PartitionOrgansDict",
    "PartitionOrgansd",
    "paper_organ_labels",
    "paper_quality_reasons",
    "partition_organs",
]
