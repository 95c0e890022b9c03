"""
Organ masks of a chest CT
=========================

PARTITION finds the right lung, the left lung and the mediastinum in a CT. Here it is applied to a phantom, whose true
organs are known.
"""

import io

import matplotlib.pyplot as plt
import nibabel
import numpy as np
from matplotlib.colors import ListedColormap
from skimage.segmentation import clear_border

from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports.rendering import lung_rendering, lungs_figure, render_mask
from monai_pylon.transforms import partition_organs

# %%
# A phantom
# ---------
# The phantom has values in HU, and its affine defines axes and spacing, as for a scan.
ct = phantom_chest_ct(seed=7, shape=(180, 150, 160), spacing=(2, 2, 2))
print(ct.report)

# %%
# The masks
# ---------
# Always check the quality first: it tells whether the masks can be trusted, and if not, why.
organs = partition_organs(ct.image, ct.affine)
print(organs.quality)

# %%
# The figure
# ----------
# In radiological display, the patient's right is on the left of the image. White lines show the true organs.


def to_ras(volume, affine):
    """Turn a volume so that its axes point to the patient's right, to the front and to the head."""
    return nibabel.as_closest_canonical(nibabel.Nifti1Image(np.asarray(volume, dtype=np.float32), affine))


right, anterior, superior = to_ras(ct.image, ct.affine).header.get_zooms()
image, found, true = (to_ras(volume, ct.affine).get_fdata() for volume in (ct.image, organs.labels, ct.organs))
x, y, z = np.argwhere(true == 2).mean(axis=0).astype(int)
colors = ListedColormap(["tab:blue", "tab:orange", "tab:green"])

fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), facecolor="black")
planes = [("axial", np.s_[::-1, ::-1, z], anterior / right), ("coronal", np.s_[::-1, y, ::-1], superior / right)]
for ax, (name, plane, aspect) in zip(axes, planes, strict=True):
    ax.imshow(image[plane].T, cmap="gray", vmin=-1000, vmax=400, aspect=aspect)
    ax.imshow(np.ma.masked_equal(found[plane].T, 0), cmap=colors, vmin=1, vmax=3, alpha=0.4, aspect=aspect)
    truth = true[plane].T
    for organ in (1, 2, 3):
        ax.contour(truth == organ, [0.5], colors="white", linewidths=0.7)
    ax.set_title(name, color="white")
    ax.text(0.02, 0.5, "R", color="white", transform=ax.transAxes)
    ax.text(0.98, 0.5, "L", color="white", transform=ax.transAxes, ha="right")
    ax.axis("off")
fig.tight_layout()

# %%
# Agreement with the true organs
# ------------------------------
# A Dice coefficient of 1 means identical, 0 disjoint. The mediastinum is a search region rather than an exact outline:
# methods differ in where it ends, and the phantom's definition is one of many.
for organ, name in ((1, "right lung"), (2, "mediastinum"), (3, "left lung")):
    a, b = organs.labels == organ, ct.organs == organ
    print(f"{name:12} {2 * (a & b).sum() / (a.sum() + b.sum()):.3f}")

# %%
# Steps as 3D renderings
# ----------------------
# As in Figure 8 of the paper, seen from the front: all that is brighter than -300 HU; of the rest, what does not touch
# the border of its axial slice (with trachea, stomach and bowel); and the lungs in the end. A rendering shows how far
# the surface is turned away from the viewer.
air = ct.image < -300
inner = np.stack([clear_border(air[:, :, k]) for k in range(air.shape[2])], axis=2)
fig, axes = plt.subplots(1, 3, figsize=(10, 3.4), facecolor="black")
for ax, (name, mask) in zip(
    axes, {"brighter than -300 HU": ~air, "darker, off the border": inner}.items(), strict=False
):
    ax.imshow(render_mask(mask, ct.affine), cmap="gray", vmin=0, vmax=1, aspect=superior / right)
    ax.set_title(name, color="white")
lungs = lung_rendering("", organs.labels, ct.affine)
axes[2].imshow(np.nan_to_num(lungs.image), aspect=lungs.aspect)
axes[2].set_title("right lung, left lung", color="white")
for ax in axes:
    ax.axis("off")
fig.tight_layout()

# %%
# Many patients at once
# ---------------------
# As in Figure 9 of the paper: the lungs of several patients, to find the odd one. The evaluation of the CT bundle draws
# this figure as ``lungs.png``. For your own scans ``monai-pylon organs`` draws each, and its table lists the verdicts.
renderings = []
for seed in range(6):
    findings = {"effusion": "left"} if seed == 3 else {}
    other = phantom_chest_ct(seed, shape=(90, 75, 80), spacing=(4, 4, 4), severity=0.9, **findings)
    masks = partition_organs(other.image, other.affine)
    verdict = "ok" if masks.quality.ok else ", ".join(masks.quality.reasons)
    renderings.append(lung_rendering(f"phantom {seed}: {verdict}", masks.labels, other.affine))
figure = lungs_figure(renderings)
picture = io.BytesIO()
figure.savefig(picture, facecolor=figure.get_facecolor())
picture.seek(0)
fig, ax = plt.subplots(figsize=(10, 2.6), facecolor="black")
ax.imshow(plt.imread(picture))
ax.axis("off")
fig.tight_layout()
