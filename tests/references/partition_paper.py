"""PARTITION masks by the authors' steps, slice by slice with scikit-image: slow, but simple enough to check by eye.

The code uses the authors' own axes (slices from head to feet, rows from front to back, columns from right to left).
"""

from __future__ import annotations

import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform
from skimage.measure import label, regionprops
from skimage.segmentation import clear_border


def slice_mask(hu: np.ndarray) -> np.ndarray:
    """Find the components of a slice (rows, columns) below -300 HU: off the border, as large as the second largest."""
    labels = label(clear_border(hu < -300))
    regions = regionprops(labels)
    areas = sorted(region.area for region in regions)
    if len(areas) > 2:
        for region in regions:
            if region.area < areas[-2]:
                labels[tuple(region.coords.T)] = 0
    return labels > 0


def authors_labels(volume: np.ndarray, min_voxels: int) -> np.ndarray:
    """Label a volume (slices, rows, columns) in HU, in the authors' axes."""
    lungs = np.stack([slice_mask(plane) for plane in volume])
    parts = label(lungs, connectivity=1)
    lungs = lungs & (np.bincount(parts.ravel())[parts] >= min_voxels)
    labels = lungs.astype(np.uint8)
    if not lungs.any():
        return labels
    (top, bottom), (front, back), (right, left) = ((i.min(), i.max() + 1) for i in np.nonzero(lungs))
    quarter = int((left - right) / 4.0)
    box = labels[top:bottom, front:back, right + quarter : left - int(0.5 * quarter)]
    box[box == 0] = 2
    left_half = labels[:, :, int(volume.shape[2] / 2.0) :]
    left_half[left_half == 1] = 3
    return labels


def partition_paper(ct: np.ndarray, affine: np.ndarray, min_voxels: int) -> np.ndarray:
    """Label a volume (X, Y, Z) of any orientation, turned to the authors' axes and back."""
    ours, authors = io_orientation(affine), axcodes2ornt("LPI")
    turned = apply_orientation(ct, ornt_transform(ours, authors))
    labels = authors_labels(turned.transpose(2, 1, 0), min_voxels).transpose(2, 1, 0)
    return apply_orientation(labels, ornt_transform(authors, ours))
