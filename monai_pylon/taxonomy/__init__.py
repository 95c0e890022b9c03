"""Label lists, and the organs in which each label may lie."""

from monai_pylon.taxonomy.labels import (
    CHEST_CT_LABELS,
    CHEST_XRAY14_LABELS,
    PASCAL_VOC_LABELS,
    label_index,
    read_table,
)
from monai_pylon.taxonomy.organs import CHEST_CT_ORGANS, ORGAN_VALUES, ORGANS, possible_locations
from monai_pylon.taxonomy.rad_chestct import labels_of_abnormality, rad_chestct_label, rad_chestct_places
from monai_pylon.taxonomy.structures import SEGMENTATION_PROGRAMS, organ_of_structure, structure_names

__all__ = [
    "CHEST_CT_LABELS",
    "CHEST_CT_ORGANS",
    "CHEST_XRAY14_LABELS",
    "ORGANS",
    "ORGAN_VALUES",
    "PASCAL_VOC_LABELS",
    "SEGMENTATION_PROGRAMS",
    "label_index",
    "labels_of_abnormality",
    "organ_of_structure",
    "possible_locations",
    "rad_chestct_label",
    "rad_chestct_places",
    "read_table",
    "structure_names",
]
