"""Reader for radiographs: PNG, JPEG, TIFF or DICOM, as (1, rows, columns) between 0 (black) and 1 (white).

MONAI's loader returns (1, columns, rows), keeps color and alpha as channels, shows an inverted DICOM radiograph
(MONOCHROME1) as a negative, and reads neither the sides of the patient nor what was radiographed.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import Transform
from monai.utils import ImageMetaKey, MetaKeys, TransformBackends, optional_import

from monai_pylon.data.dicom_series import is_dicom_file
from monai_pylon.data.path_transform import BURNED_IN, ReadPathd
from monai_pylon.data.radiographs.dicom import read_dicom_radiograph
from monai_pylon.data.radiographs.image import read_image_radiograph
from monai_pylon.utils import check_type
from monai_pylon.utils.image_orientation import orientation_matrix, turn_image

__all__ = [
    "FILE_AFFINE",
    "ORIENTATION",
    "PIXEL_SPACING",
    "SIDES",
    "ReadRadiograph",
    "ReadRadiographD",
    "ReadRadiographDict",
    "ReadRadiographd",
    "read_radiograph",
]

#: Metadata key of (mm between rows, mm between columns); missing if the file has no spacing.
PIXEL_SPACING = "pixel_spacing"
#: Metadata key of the EXIF number (1 to 8) of the turn from the stored to the returned image.
ORIENTATION = "orientation"
#: Metadata key of the sides of the patient at the left and the right edge: "RL", or "" if the file does not say.
SIDES = "sides"
#: Metadata key of the file's own geometry, as ITK reads it: matrix (4, 4) from stored (column, row, 0, 1) to RAS mm.
FILE_AFFINE = "file_affine"


def _file_affine(path: Path, stored_size: tuple[int, int]) -> np.ndarray:
    """Return the geometry of a file as ITK reads it; pixels of 1 mm if ITK cannot read it or it is degenerate."""
    sitk, _ = optional_import("SimpleITK")
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    lps = np.eye(4)
    warns = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # of the pixels, which are not read
    try:
        reader.ReadImageInformation()
        size, axes = reader.GetSize(), reader.GetDimension()
        known = axes in (2, 3) and tuple(size[:2]) == stored_size[::-1]
    except RuntimeError:
        known = False
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(warns)
    if known:
        direction = np.reshape(reader.GetDirection(), (axes, axes))
        lps[:axes, :axes] = direction * reader.GetSpacing()
        lps[:axes, 3] = reader.GetOrigin()
    if not (np.isfinite(lps).all() and np.linalg.det(lps)):
        lps = np.eye(4)
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps


def read_radiograph(path: str | PathLike[str], frontal_chest_only: bool = True) -> MetaTensor:
    """Read a radiograph from a PNG, JPEG, TIFF or DICOM file, with the brightness that a viewer shows.

    Color and palettes become luminance, and alpha is dropped. Values of 9 to 16 bits in a larger container are read by
    the bit depth in use, so that every depth gives the same brightness. The EXIF orientation is applied.

    DICOM goes through its Modality LUT, its first usable VOI LUT or window, and its Presentation LUT; MONOCHROME1 is
    inverted, so that bone is bright. Without a usable window the full range is shown, apart from a marker or border
    far beyond all other values. Padding (PixelPaddingValue) is black and does not change the range. A file whose header
    says that it is no frontal chest radiograph is refused. An image that PatientOrientation describes is turned to the
    standard display: the patient's right on the left, the head at the top.

    Args:
        path: The file.
        frontal_chest_only: Whether to refuse other modalities, body parts and views, by Modality, SOPClassUID,
            BodyPartExamined, AnatomicRegionSequence, ViewPosition, ViewCodeSequence, PatientPosition,
            PatientOrientation and ImageLaterality. Missing fields are accepted.

    Returns:
        MetaTensor (1, H, W), rows and columns, float32 from 0 (black) to 1 (white). Its affine is in pixels; its
        original affine maps the pixels of a DICOM file to them, so that boxes in pixels of the file follow. Further
        metadata, under the names in this module: PIXEL_SPACING, mm between rows and between columns, if a DICOM file
        has them: PixelSpacing, or else ImagerPixelSpacing, which is measured at the detector, so that the patient is
        smaller; ORIENTATION; SIDES; FILE_AFFINE; and "burned_in", True if BurnedInAnnotation is YES.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is refused, truncated, is no image, contains NaN, or has several frames.

    Example:
        >>> read_radiograph("missing.png")
        Traceback (most recent call last):
        ...
        FileNotFoundError: path must be a file that exists, but is 'missing.png'.
    """
    check_type(path, (str, PathLike), "path")
    check_type(frontal_chest_only, bool, "frontal_chest_only")
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"path must be a file that exists, but is {str(file)!r}.")
    original, spacing, sides, burned_in = np.eye(4), None, "", False
    if is_dicom_file(file):
        radiograph = read_dicom_radiograph(file, frontal_chest_only)
        orientation, spacing, sides = radiograph.orientation, radiograph.spacing, radiograph.sides
        burned_in = radiograph.burned_in
        stored_size = radiograph.image.shape
        array = np.ascontiguousarray(turn_image(radiograph.image, orientation))
        original = orientation_matrix(orientation, array.shape)
    else:
        array, orientation = read_image_radiograph(file)
        stored_size = array.shape[::-1] if orientation > 4 else array.shape
    spacing = spacing[::-1] if spacing is not None and orientation > 4 else spacing
    meta = {
        MetaKeys.AFFINE: np.eye(4),
        MetaKeys.ORIGINAL_AFFINE: original,
        MetaKeys.SPATIAL_SHAPE: np.asarray(array.shape),
        MetaKeys.ORIGINAL_CHANNEL_DIM: 0,
        ImageMetaKey.FILENAME_OR_OBJ: str(file),
        ORIENTATION: orientation,
        SIDES: sides,
        FILE_AFFINE: _file_affine(file, stored_size),
        **({} if spacing is None else {PIXEL_SPACING: spacing}),
        **({BURNED_IN: True} if burned_in else {}),
    }
    return MetaTensor.ensure_torch_and_prune_meta(array[None], meta)


class ReadRadiograph(Transform):
    """Transform that reads a radiograph: from a path to a MetaTensor (1, H, W), see :func:`read_radiograph`.

    Args:
        frontal_chest_only: Whether to refuse other modalities, body parts and views.

    Example:
        >>> isinstance(ReadRadiograph(), Transform)
        True
    """

    backend = [TransformBackends.NUMPY]

    def __init__(self, frontal_chest_only: bool = True) -> None:
        self.frontal_chest_only = frontal_chest_only

    def __call__(self, path: str | PathLike[str]) -> MetaTensor:
        return read_radiograph(path, self.frontal_chest_only)


class ReadRadiographd(ReadPathd):
    """Dictionary version of :class:`ReadRadiograph`.

    Args:
        keys: Keys of the items that hold paths; each becomes a MetaTensor (1, H, W) between 0 and 1.
        allow_missing_keys: Whether a key may be missing.
        frontal_chest_only: Whether to refuse other modalities, body parts and views.

    Example:
        >>> ReadRadiographd("image").keys
        ('image',)
    """

    def __init__(self, keys: KeysCollection, allow_missing_keys: bool = False, frontal_chest_only: bool = True) -> None:
        super().__init__(keys, allow_missing_keys)
        self.frontal_chest_only = frontal_chest_only

    def read(self, path: str | PathLike[str], item: Mapping[Hashable, Any]) -> MetaTensor:
        """Read one radiograph of an item."""
        return read_radiograph(path, self.frontal_chest_only)


ReadRadiographD = ReadRadiographDict = ReadRadiographd
