"""Readers for CTs and radiographs, data lists of public datasets, and phantoms with known truth."""

from monai_pylon.data.chest_xray14 import chest_xray14_datalist
from monai_pylon.data.collate import collate_radiographs
from monai_pylon.data.labeled_radiographs.datalist import radiograph_datalist
from monai_pylon.data.pascal_voc import pascal_voc_datalist
from monai_pylon.data.phantoms.chest_ct import phantom_chest_ct
from monai_pylon.data.phantoms.ct_canvas import PHANTOM_STRUCTURES
from monai_pylon.data.phantoms.radiograph import phantom_radiograph
from monai_pylon.data.rad_chestct import rad_chestct_datalist
from monai_pylon.data.radiographs.reader import (
    ReadRadiograph,
    ReadRadiographD,
    ReadRadiographd,
    ReadRadiographDict,
    read_radiograph,
)
from monai_pylon.data.volume_reader import ReadVolume, ReadVolumeD, ReadVolumed, ReadVolumeDict, read_volume

__all__ = [
    "PHANTOM_STRUCTURES",
    "ReadRadiograph",
    "ReadRadiographD",
    "ReadRadiographDict",
    "ReadRadiographd",
    "ReadVolume",
    "ReadVolumeD",
    "ReadVolumeDict",
    "ReadVolumed",
    "chest_xray14_datalist",
    "collate_radiographs",
    "pascal_voc_datalist",
    "phantom_chest_ct",
    "phantom_radiograph",
    "rad_chestct_datalist",
    "radiograph_datalist",
    "read_radiograph",
    "read_volume",
]
