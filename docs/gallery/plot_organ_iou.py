"""
OrganIoU: how much evidence lies in the right organ
===================================================

``organ_iou`` is the share of a label's attention, above a threshold, that lies in its allowed region. Two maps made by
hand show what it rewards and what it cannot see.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.ndimage import binary_erosion

from monai_pylon.data import phantom_chest_ct
from monai_pylon.metrics import organ_iou
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions

# %%
# The allowed region
# ------------------
# A mass in the right lung, on a grid of 12 x 12 cells and 16 groups of slices.
ct = phantom_chest_ct(8, (96, 96, 48), (3.5, 3.5, 6.5), mass="right")
label, grid = CHEST_CT_LABELS.index("lung mass"), (12, 12, 16)
allowed = torch.as_tensor(allowed_regions(ct.organs, ct.locations[[label]], grid, "area"))
center = np.argwhere(ct.lesions["mass"]).mean(axis=0) / ct.image.shape * grid

# %%
# Three maps
# ----------
# One lies on the mass, one is spread over the chest, one lies on the wrong part of the right organ.
cells = np.stack(np.meshgrid(*map(np.arange, grid), indexing="ij"), axis=-1) + 0.5


def blob(place, width):
    """Return a map (1, *grid) with a peak of 1."""
    return torch.from_numpy(np.exp(-((((cells - place) / width) ** 2).sum(-1)))).float()[None]


inside = np.argwhere(binary_erosion(allowed[0].numpy()))
farthest = inside[np.linalg.norm(inside - center, axis=1).argmax()] + 0.5
maps = {"on the mass": blob(center, 1.0), "spread out": blob(center, 5.0), "same lung, far away": blob(farthest, 1.0)}

# %%
# The measure
# -----------
# Thresholds are shares of the map's maximum; the best one is chosen on validation data (``OrganIoUMetric``). **OrganIoU
# cannot tell the first map from the third**: it asks for the organ, not for the lesion.
figure, axes = plt.subplots(1, 4, figsize=(12, 3), layout="constrained", width_ratios=(1, 1, 1, 1.4))
for ax, (name, attention) in zip(axes, maps.items(), strict=False):
    value = organ_iou(attention, allowed, threshold=0.3).item()
    ax.imshow(attention[0].amax(1).numpy()[::-1, ::-1].T, cmap="magma")
    ax.contour(allowed[0].any(1).numpy()[::-1, ::-1].T, [0.5], colors="white")
    ax.set_title(f"{name}\nOrganIoU {value:.2f} at 0.3", fontsize=9)
    ax.axis("off")
thresholds = [0.02 * step for step in range(1, 48)]
for name, attention in maps.items():
    axes[3].plot(thresholds, [organ_iou(attention, allowed, each).item() for each in thresholds], label=name)
axes[3].set(xlabel="threshold", ylabel="OrganIoU", ylim=(0, 1.05))
axes[3].legend(fontsize=8)
