"""Readers for CTs and radiographs, data lists of public datasets, and phantoms with known truth."""

from monai_pylon.data.chest_xray14 import chest_xray14_datalist, validation_patients
from monai_pylon.data.collate import collate_radiographs
from monai_pylon.data.dicom_series import find_ct_series, is_dicom_file, read_dicom_series
from monai_pylon.data.label_tables import scan_label_rows
from monai_pylon.data.npz_reader import RAD_CHESTCT_SPACING, NpzVolumeReader
from monai_pylon.data.pascal_voc import pascal_voc_datalist
from monai_pylon.data.phantoms.chest_ct import ChestCTPhantom, phantom_chest_ct
from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES
from monai_pylon.data.phantoms.datasets import PhantomChestCTs, PhantomRadiographs
from monai_pylon.data.phantoms.radiograph import ChestRadiographPhantom, phantom_radiograph
from monai_pylon.data.phantoms.radiograph_findings import RADIOGRAPH_FINDINGS
from monai_pylon.data.rad_chestct import ORGANS_ENDING, rad_chestct_datalist
from monai_pylon.data.radiograph_reader import (
    PIXEL_SPACING,
    ReadRadiograph,
    ReadRadiographD,
    ReadRadiographd,
    ReadRadiographDict,
    radiograph_size,
    read_radiograph,
)
from monai_pylon.data.volume_reader import (
    VOLUME_SUFFIXES,
    ReadVolume,
    ReadVolumeD,
    ReadVolumed,
    ReadVolumeDict,
    SimpleITKReader,
    read_volume,
    volume_name,
)

__all__ = [
    "ChestCTPhantom",
    "ChestRadiographPhantom",
    "RADIOGRAPH_FINDINGS",
    "NpzVolumeReader",
    "ORGANS_ENDING",
    "PHANTOM_STRUCTURES",
    "PhantomChestCTs",
    "PIXEL_SPACING",
    "PhantomRadiographs",
    "RAD_CHESTCT_SPACING",
    "ReadRadiograph",
    "ReadRadiographD",
    "ReadRadiographDict",
    "ReadRadiographd",
    "ReadVolume",
    "ReadVolumeD",
    "ReadVolumeDict",
    "ReadVolumed",
    "SimpleITKReader",
    "VOLUME_SUFFIXES",
    "chest_xray14_datalist",
    "collate_radiographs",
    "find_ct_series",
    "is_dicom_file",
    "pascal_voc_datalist",
    "phantom_chest_ct",
    "phantom_radiograph",
    "rad_chestct_datalist",
    "radiograph_size",
    "read_dicom_series",
    "read_radiograph",
    "read_volume",
    "scan_label_rows",
    "validation_patients",
    "volume_name",
]
