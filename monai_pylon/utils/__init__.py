"""Checks with one style of error, the geometry of an affine, and linear interpolation. Imports nothing of ours."""

from monai_pylon.utils.checks import check, check_choice, check_type, describe, nearest_name
from monai_pylon.utils.geometry import RASView, axis_codes, check_affine, ras_view, voxel_spacing, voxel_volume_ml
from monai_pylon.utils.precision import at_least_float32
from monai_pylon.utils.resize import resize_linear, upsample

__all__ = [
    "RASView",
    "at_least_float32",
    "axis_codes",
    "check",
    "check_affine",
    "check_choice",
    "check_type",
    "describe",
    "nearest_name",
    "ras_view",
    "resize_linear",
    "upsample",
    "voxel_spacing",
    "voxel_volume_ml",
]
