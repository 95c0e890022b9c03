"""
Allowed regions on a network's grid
===================================

Where in AxialNet's coarse attention map may each finding lie? Organ masks go to a grid of 6 x 6 cells in plane and one
cell for every three slices, in three ways that allow very different shares of the organs.
"""

import matplotlib.pyplot as plt
import numpy as np

from monai_pylon.data import phantom_chest_ct
from monai_pylon.taxonomy import CHEST_CT_LABELS, ORGANS
from monai_pylon.transforms import allowed_regions, allowed_share
from monai_pylon.utils import ras_view, voxel_spacing

# %%
# A chest, its organs, its report
# -------------------------------
# The phantom knows its organs; for a scan, ``partition_organs`` finds them. The report says what there is, and where.
ct = phantom_chest_ct(seed=11, shape=(180, 180, 171), spacing=(2, 2, 2), mass="right", effusion="left")
print(ct.report)
present = np.flatnonzero(ct.labels)
for label in present:
    where = [organ for organ, there in zip(ORGANS, ct.locations[label], strict=True) if there]
    print(f"{CHEST_CT_LABELS[label]:30} {', '.join(where)}")

# %%
# The regions
# -----------
# One row a label, all false where the label is absent. And for each organ by itself: how much of its volume lies in
# cells that are allowed?
grid = (6, 6, ct.image.shape[2] // 3)
modes = ("nearest", "trilinear", "area")
regions = {mode: allowed_regions(ct.organs, ct.locations, grid, mode) for mode in modes}
print(regions["nearest"].shape, "allowed cells per present label:", regions["nearest"][present].sum(axis=(1, 2, 3)))
for mode in modes:
    share = allowed_share(ct.organs, allowed_regions(ct.organs, np.eye(3), grid, mode))
    print(f"{mode:10}", ", ".join(f"{organ} {part:.0%}" for organ, part in zip(ORGANS, share, strict=True)))

# %%
# The picture
# -----------
# The cells allowed for the mass in the right lung, axial above, coronal below, in radiological display: the patient's
# right is on the picture's left. White lines show the lung. Nearest looks at a corner of each cell, trilinear at its
# centre, area at all of it. Nearest and trilinear may forbid cells in which the mass itself lies.
image, organs = ras_view(ct.image, ct.affine), ras_view(ct.organs, ct.affine)
right, anterior, superior = voxel_spacing(image.affine)
mass = CHEST_CT_LABELS.index("lung mass")
lesion = ras_view(ct.lesions["mass"], ct.affine).array
x, y, z = np.argwhere(lesion).mean(axis=0).astype(int)
planes = {"axial": (np.s_[::-1, ::-1, z], anterior / right), "coronal": (np.s_[::-1, y, ::-1], superior / right)}

fig, axes = plt.subplots(2, 3, figsize=(10, 7), facecolor="black")
for column, mode in zip(axes.T, modes, strict=True):
    cells = ras_view(regions[mode][mass].astype(np.uint8), ct.affine).array
    # Each voxel gets the value of its cell.
    shown = cells[
        np.ix_(*(np.arange(size) * n // size for size, n in zip(image.array.shape, cells.shape, strict=True)))
    ]
    for ax, (name, (plane, aspect)) in zip(column, planes.items(), strict=True):
        ax.imshow(image.array[plane].T, cmap="gray", vmin=-1000, vmax=400, aspect=aspect)
        ax.imshow(np.ma.masked_equal(shown[plane].T, 0), cmap="autumn", vmin=0, vmax=1, alpha=0.4, aspect=aspect)
        ax.contour(organs.array[plane].T == 1, [0.5], colors="white", linewidths=0.8)
        ax.set_title(f"{mode}, {name}", color="white")
        ax.text(0.02, 0.5, "R", color="white", transform=ax.transAxes)
        ax.text(0.98, 0.5, "L", color="white", transform=ax.transAxes, ha="right")
        ax.axis("off")
    print(f"{mode:10} allows {shown[lesion].mean():.0%} of the mass")
fig.tight_layout()

# %%
# Which to choose
# ---------------
# The paper's authors found nearest to train best, with no more than a part of each organ allowed. For a score that asks
# whether the attention lies within the organ (OrganIoU), the mode matters as well: name it with the number.
