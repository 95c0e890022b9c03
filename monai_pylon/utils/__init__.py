"""Argument checks, affine geometry, linear interpolation, files and tables; imports no other part of the package."""

from monai_pylon.utils.checks import (
    check,
    check_choice,
    check_type,
    describe,
    nearest_name,
)
from monai_pylon.utils.files import atomic_write, content_hash, file_hash
from monai_pylon.utils.geometry import axis_codes, check_affine, ras_view, voxel_spacing
from monai_pylon.utils.resize import upsample
from monai_pylon.utils.tables import read_rows, write_rows
from monai_pylon.utils.version import __version__

__all__ = [
    "__version__",
    "atomic_write",
    "axis_codes",
    "check",
    "check_affine",
    "check_choice",
    "check_type",
    "content_hash",
    "describe",
    "file_hash",
    "nearest_name",
    "ras_view",
    "read_rows",
    "upsample",
    "voxel_spacing",
    "write_rows",
]
