"""
PARTITION in a Compose
======================

Organ masks and allowed regions as two transforms between MONAI's own, from NIfTI files to a batch.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged, Orientationd, RandFlipd

from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports import ORGAN_COLORS, radiological_slice, square_pixels
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import AllowedRegionsd, PartitionOrgansd

# %%
# Files
# -----
# Two phantom scans as NIfTI files. ``locations`` (M, 3) says in which organs each label lies: right lung, mediastinum,
# left lung. It comes from reports (``ReportLabeler``) or from your own table.
folder, items = Path(tempfile.mkdtemp()), []
mass = CHEST_CT_LABELS.index("lung mass")
for seed, side in ((5, "right"), (6, "left")):
    ct = phantom_chest_ct(seed, (96, 84, 90), (3.75, 3.75, 3.9), mass=side)
    nib.save(nib.Nifti1Image(ct.image.astype(np.int16), ct.affine), folder / f"{side}.nii.gz")
    items.append({"image": folder / f"{side}.nii.gz", "locations": ct.locations[[mass]]})

# %%
# The pipeline
# ------------
# ``PartitionOrgansd`` adds the organs (0 background, 1 right lung, 2 mediastinum, 3 left lung) and their quality; it
# takes axes and spacing from the affine, so any orientation will do. Deterministic transforms come first, so that
# ``CacheDataset`` computes the masks once. Flips come after the regions and turn image, organs and regions alike.
pipeline = Compose(
    [
        LoadImaged("image"),
        EnsureChannelFirstd("image"),
        Orientationd("image", axcodes="RAS", labels=None),
        PartitionOrgansd("image"),
        AllowedRegionsd("organs", grid=(6, 6, None), mode="area"),
        RandFlipd(["image", "organs", "allowed"], spatial_axis=0, prob=0.5),
    ]
)
dataset = CacheDataset(items, pipeline, progress=False)
batch = next(iter(DataLoader(dataset, batch_size=2)))
for key in ("image", "organs", "allowed"):
    print(key, tuple(batch[key].shape))
print("ok:", batch["quality"]["ok"].tolist())  # MaskLoss takes batch["allowed"] as its regions

# %%
# Always read the quality
# -----------------------
# Masks that cannot be trusted carry reasons. :doc:`/clinicians/organ_masks` explains each.
for item in dataset:
    volumes = ", ".join(f"{organ} {value:.0f} mL" for organ, value in item["quality"]["volumes_ml"].items())
    print(item["quality"]["ok"], item["quality"]["reasons"], volumes)

# %%
# The picture
# -----------
# Organs in color and the allowed cells of the mass as white lines, in radiological display: the patient's right (R) is
# on the left.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), facecolor="black", layout="constrained")
for ax, item in zip(axes, dataset, strict=True):
    affine = item["image"].affine.numpy()
    shape = item["image"].shape[1:]
    cells = item["allowed"][0].numpy()
    stretched = cells[np.ix_(*(np.arange(size) * n // size for size, n in zip(shape, cells.shape, strict=True)))]
    chest, organs, region = (
        square_pixels(radiological_slice(np.asarray(volume), affine, "coronal", 0.5), 3.75, order=0)
        for volume in (item["image"][0], item["organs"][0], stretched.astype(np.uint8))
    )
    ax.imshow(chest, cmap="gray", vmin=-1000, vmax=400)
    ax.contourf(organs, [0.5, 1.5, 2.5, 3.5], colors=list(ORGAN_COLORS.values()), alpha=0.45)
    ax.contour(region, [0.5], colors="white")
    for at, letter in ((0.02, "R"), (0.95, "L")):
        ax.text(at, 0.5, letter, color="white", transform=ax.transAxes)
    ax.axis("off")
