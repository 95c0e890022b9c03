"""
Allowed regions on a network's grid
===================================

The allowed region of a finding tells where in AxialNet's coarse attention map the finding may lie. Organ masks are
downsampled to a grid of 6 x 6 cells in plane and one cell for every three slices. Three modes of downsampling allow
very different shares of the organs.
"""

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.transforms import AllowedRegionsd, allowed_regions

# %%
# A phantom with organs and report
# --------------------------------
# The organs of a phantom are known; those of a scan come from ``partition_organs``. The report states the findings and
# their locations.
ct = phantom_chest_ct(seed=11, shape=(180, 180, 171), spacing=(2, 2, 2), mass="right", effusion="left")
print(ct.report)
present = np.flatnonzero(ct.labels)
for label in present:
    organs = [organ for organ, located in zip(ORGANS, ct.locations[label], strict=True) if located]
    print(f"{CHEST_CT_LABELS[label]:30} {', '.join(organs)}")

# %%
# The regions
# -----------
# The regions have one row per label, all false if the label is absent. The table below shows for each organ the share
# of its volume in allowed grid cells.
grid = (6, 6, ct.image.shape[2] // 3)
modes = ("nearest", "trilinear", "area")
regions = {mode: allowed_regions(ct.organs, ct.locations, grid, mode) for mode in modes}
print(
    regions["nearest"].shape, "allowed grid cells per present label:", regions["nearest"][present].sum(axis=(1, 2, 3))
)
for mode in modes:
    item = {"organs": torch.from_numpy(ct.organs)[None], "locations": ct.locations}
    share = AllowedRegionsd(grid=grid, mode=mode)(item)["allowed_share"]
    print(f"{mode:10}", ", ".join(f"{organ} {part:.0%}" for organ, part in zip(ORGANS, share, strict=True)))

# %%
# The figure
# ----------
# Grid cells allowed for the mass in the right lung, axial at the top, coronal at the bottom, in radiological display:
# the patient's right is on the left of the image. White lines show the lung. "nearest" samples a corner of each grid
# cell, "trilinear" its center, and "area" uses all of it. "nearest" and "trilinear" may forbid grid cells that contain
# part of the mass.


def to_ras(volume):
    """Turn a volume so that its axes point to the patient's right, to the front and to the head."""
    return nibabel.as_closest_canonical(nibabel.Nifti1Image(np.asarray(volume, dtype=np.float32), ct.affine))


right, anterior, superior = to_ras(ct.image).header.get_zooms()
image, organs = to_ras(ct.image).get_fdata(), to_ras(ct.organs).get_fdata()
mass = CHEST_CT_LABELS.index("lung mass")
lesion = to_ras(ct.lesions["mass"]).get_fdata() > 0
x, y, z = np.argwhere(lesion).mean(axis=0).astype(int)
planes = {"axial": (np.s_[::-1, ::-1, z], anterior / right), "coronal": (np.s_[::-1, y, ::-1], superior / right)}

fig, axes = plt.subplots(2, 3, figsize=(10, 7), facecolor="black")
for column, mode in zip(axes.T, modes, strict=True):
    cells = to_ras(regions[mode][mass]).get_fdata()
    # Give each voxel the value of its grid cell.
    shown = cells[np.ix_(*(np.arange(size) * n // size for size, n in zip(image.shape, cells.shape, strict=True)))]
    for ax, (name, (plane, aspect)) in zip(column, planes.items(), strict=True):
        ax.imshow(image[plane].T, cmap="gray", vmin=-1000, vmax=400, aspect=aspect)
        ax.imshow(np.ma.masked_equal(shown[plane].T, 0), cmap="autumn", vmin=0, vmax=1, alpha=0.4, aspect=aspect)
        ax.contour(organs[plane].T == 1, [0.5], colors="white", linewidths=0.8)
        ax.set_title(f"{mode}, {name}", color="white")
        ax.text(0.02, 0.5, "R", color="white", transform=ax.transAxes)
        ax.text(0.98, 0.5, "L", color="white", transform=ax.transAxes, ha="right")
        ax.axis("off")
    print(f"{mode:10} allows {shown[lesion].mean():.0%} of the mass")
fig.tight_layout()

# %%
# Which mode to choose
# --------------------
# The authors of the paper obtained the best training with "nearest", although it allows only a part of each organ. The
# mode also changes OrganIoU, the share of attention within the organ, so report it with the number.
