"""CT series written as DICOM files, with made-up content."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

SPACING = (0.8, 0.9, 5.0)
ORIGIN_LPS = (-30.0, -40.0, 100.0)
# oblique, 10 degrees about the patient's long axis, so that a transposed matrix fails
COS, SIN = np.cos(np.radians(10)), np.sin(np.radians(10))
DIRECTION_LPS = np.array([[COS, -SIN, 0], [SIN, COS, 0], [0, 0, 1]])


def write_dicom(folder: Path, hu: np.ndarray, heights: list[float] | None = None, shift=(0, 0, 0), **tags) -> str:
    """Write (X, Y, Z) as one file per slice, in random order of names, with slope 2 and intercept -1024."""
    folder.mkdir(exist_ok=True)
    uid, frame = generate_uid(), generate_uid()
    heights = heights or [SPACING[2] * k for k in range(hu.shape[2])]
    for k, height in enumerate(heights):
        ds = pydicom.Dataset()
        ds.file_meta = pydicom.dataset.FileMetaDataset()
        ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
        ds.Modality, ds.SeriesInstanceUID, ds.StudyInstanceUID, ds.FrameOfReferenceUID = "CT", uid, uid, frame
        ds.ImageType, ds.SeriesDescription, ds.InstanceNumber = ["ORIGINAL", "PRIMARY", "AXIAL"], "thorax", k + 1
        ds.ImageOrientationPatient = list(DIRECTION_LPS.T[:2].ravel())
        ds.ImagePositionPatient = list(np.add(ORIGIN_LPS, height * DIRECTION_LPS[:, 2]) + np.multiply(shift, k))
        ds.PixelSpacing, ds.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        ds.Rows, ds.Columns, ds.SamplesPerPixel = hu.shape[1], hu.shape[0], 1
        ds.PhotometricInterpretation, ds.PixelRepresentation = "MONOCHROME2", 0
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 16, 15
        ds.RescaleSlope, ds.RescaleIntercept = 2, -1024
        ds.PixelData = ((hu[:, :, k].T.astype(np.int32) + 1024) // 2).astype(np.uint16).tobytes()
        for name, value in tags.items():
            setattr(ds, name, value)
        ds.save_as(folder / f"{(k * 37) % 101}-{uid[-6:]}.dcm", enforce_file_format=True)
    return uid


def write_enhanced(file: Path, hu: np.ndarray, order: list[int]) -> None:
    """Write the slices of (X, Y, Z) as frames of one file, in any order."""
    ds = pydicom.Dataset()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = EnhancedCTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.FrameOfReferenceUID = (generate_uid() for _ in range(3))
    ds.Modality, ds.ImageType, ds.NumberOfFrames = "CT", ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"], len(order)
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = hu.shape[1], hu.shape[0], 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    shared, orientation, measures, values = (pydicom.Dataset() for _ in range(4))
    orientation.ImageOrientationPatient = list(DIRECTION_LPS.T[:2].ravel())
    measures.PixelSpacing, measures.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
    values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, 0, "HU"
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    shared.PixelValueTransformationSequence = [values]
    ds.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for k in order:
        position, frame = pydicom.Dataset(), pydicom.Dataset()
        position.ImagePositionPatient = list(np.add(ORIGIN_LPS, k * SPACING[2] * DIRECTION_LPS[:, 2]))
        frame.PlanePositionSequence = [position]
        frames.append(frame)
    ds.PerFrameFunctionalGroupsSequence = frames
    ds.PixelData = np.stack([hu[:, :, k].T for k in order]).astype("<i2").tobytes()
    ds.save_as(file, enforce_file_format=True)
