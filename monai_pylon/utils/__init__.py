"""Linear interpolation and hashes; affine geometry, tables and argument checks of the package's own files.

No other part of the package is imported here.
"""

# Not public: only the files of this package import these.
from monai_pylon.utils.checks import check, check_choice, check_type, describe, nearest_name  # noqa: F401
from monai_pylon.utils.files import atomic_write, content_hash, file_hash  # noqa: F401
from monai_pylon.utils.geometry import axis_codes, check_affine, ras_view, voxel_spacing  # noqa: F401
from monai_pylon.utils.resize import upsample
from monai_pylon.utils.tables import read_rows, write_rows  # noqa: F401
from monai_pylon.utils.version import __version__  # noqa: F401

__all__ = ["file_hash", "upsample"]
