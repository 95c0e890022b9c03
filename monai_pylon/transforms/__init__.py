"""Organ masks of a chest CT (PARTITION), allowed regions, and augmentation of radiographs with their boxes."""

from monai_pylon.transforms.attention_regions import (
    AllowedRegions,
    AllowedRegionsD,
    AllowedRegionsd,
    AllowedRegionsDict,
    allowed_regions,
)
from monai_pylon.transforms.boxes import FollowBoxes, FollowBoxesD, FollowBoxesd, FollowBoxesDict
from monai_pylon.transforms.brightness_contrast import (
    RandBrightnessContrast,
    RandBrightnessContrastD,
    RandBrightnessContrastd,
    RandBrightnessContrastDict,
)
from monai_pylon.transforms.label_map import (
    OrgansFromLabelMap,
    OrgansFromLabelMapD,
    OrgansFromLabelMapd,
    OrgansFromLabelMapDict,
    organs_from_label_map,
)
from monai_pylon.transforms.mask_quality import MaskQuality
from monai_pylon.transforms.partition import (
    OrganPartition,
    PartitionOrgans,
    PartitionOrgansD,
    PartitionOrgansd,
    PartitionOrgansDict,
    partition_organs,
)
from monai_pylon.transforms.resized_crop import RandResizedCrop, RandResizedCropD, RandResizedCropd, RandResizedCropDict
from monai_pylon.transforms.volume_check import CheckVolume, CheckVolumeD, CheckVolumed, CheckVolumeDict

__all__ = [
    "AllowedRegions",
    "AllowedRegionsD",
    "AllowedRegionsDict",
    "AllowedRegionsd",
    "CheckVolume",
    "CheckVolumeD",
    "CheckVolumeDict",
    "CheckVolumed",
    "FollowBoxes",
    "FollowBoxesD",
    "FollowBoxesDict",
    "FollowBoxesd",
    "MaskQuality",
    "OrganPartition",
    "OrgansFromLabelMap",
    "OrgansFromLabelMapD",
    "OrgansFromLabelMapDict",
    "OrgansFromLabelMapd",
    "PartitionOrgans",
    "PartitionOrgansD",
    "PartitionOrgansDict",
    "PartitionOrgansd",
    "RandBrightnessContrast",
    "RandBrightnessContrastD",
    "RandBrightnessContrastDict",
    "RandBrightnessContrastd",
    "RandResizedCrop",
    "RandResizedCropD",
    "RandResizedCropDict",
    "RandResizedCropd",
    "allowed_regions",
    "organs_from_label_map",
    "partition_organs",
]
