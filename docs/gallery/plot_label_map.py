"""
Masks of another program: TotalSegmentator, lungmask
====================================================

If you have masks of TotalSegmentator or lungmask, use them instead of PARTITION's: ``organs_from_label_map`` turns any
label map with names into right lung, mediastinum and left lung. For files of TotalSegmentator write
``organs_from_label_map(label_map, "totalsegmentator")``; :doc:`/researchers/partition` lists the programs.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap

from monai_pylon.data import PHANTOM_STRUCTURES, phantom_chest_ct
from monai_pylon.reports import ORGAN_COLORS, radiological_slice, square_pixels
from monai_pylon.transforms import organs_from_label_map

# %%
# A label map
# -----------
# A map as such a program would write it: heart, aorta, oesophagus, and a lung on each side.
ct = phantom_chest_ct(9, (96, 84, 90), (3.75, 3.75, 3.9))
names = {1: "heart", 2: "aorta", 3: "esophagus", 4: "lung_left", 5: "lung_right"}
label_map = np.zeros(ct.image.shape, np.uint8)
label_map[ct.organs == 3], label_map[ct.organs == 1] = 4, 5
for value, structure in ((1, "heart"), (2, "aorta"), (3, "oesophagus")):
    label_map[ct.structures == PHANTOM_STRUCTURES[structure]] = value

# %%
# Three organs
# ------------
# The names give the sides. Heart and vessels alone leave gaps in the mediastinum; ``fill_mediastinum`` adds what lies
# between the lungs.
plain = organs_from_label_map(label_map, names)
filled = organs_from_label_map(label_map, names, ct.affine, fill_mediastinum=True, ct=ct.image)
figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), facecolor="black", layout="constrained")
images = {"label map": (label_map, "tab10", 5), "organs": (plain, None, 3), "filled": (filled, None, 3)}
for ax, (name, (volume, colors, highest)) in zip(axes, images.items(), strict=True):
    chest, values = (
        square_pixels(radiological_slice(array, ct.affine, "axial", 0.55), 3.75, order=0)
        for array in (ct.image, volume)
    )
    ax.imshow(chest, cmap="gray", vmin=-1000, vmax=400)
    colors = colors or ListedColormap(list(ORGAN_COLORS.values()))
    ax.imshow(np.ma.masked_equal(values, 0), cmap=colors, vmin=1, vmax=highest, alpha=0.5, interpolation="nearest")
    ax.set_title(name, color="white")
    ax.axis("off")
