"""Label lists, and the organs in which each label may lie."""

from monai_pylon.taxonomy.label_sets import label_set
from monai_pylon.taxonomy.labels import CHEST_CT_LABELS, CHEST_XRAY14_LABELS
from monai_pylon.taxonomy.organs import ORGANS

__all__ = ["CHEST_CT_LABELS", "CHEST_XRAY14_LABELS", "ORGANS", "label_set"]
