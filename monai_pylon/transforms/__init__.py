"""Organ masks of a chest CT (PARTITION), allowed regions, and augmentation of radiographs with their boxes."""

from monai_pylon.transforms.attention_regions import (
    AllowedRegions,
    AllowedRegionsD,
    AllowedRegionsd,
    AllowedRegionsDict,
    allowed_regions,
    allowed_share,
)
from monai_pylon.transforms.boxes import FollowBoxes, FollowBoxesD, FollowBoxesd, FollowBoxesDict
from monai_pylon.transforms.brightness_contrast import (
    RandBrightnessContrast,
    RandBrightnessContrastD,
    RandBrightnessContrastd,
    RandBrightnessContrastDict,
)
from monai_pylon.transforms.disk_cache import CacheToDiskd
from monai_pylon.transforms.extent_crop import CropToExtent, CropToExtentD, CropToExtentd, CropToExtentDict
from monai_pylon.transforms.heuristic_masks import heuristic_organ_labels, heuristic_organ_masks
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
    "CacheToDiskd",
    "CheckVolume",
    "CheckVolumeD",
    "CheckVolumeDict",
    "CheckVolumed",
    "CropToExtent",
    "CropToExtentD",
    "CropToExtentDict",
    "CropToExtentd",
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
    "allowed_share",
    "heuristic_organ_labels",
    "heuristic_organ_masks",
    "organs_from_label_map",
    "partition_organs",
]
