"""
Where the cells of a map look
=============================

A map has few cells, and stretching it evenly over the image draws it in the wrong place. ``map_geometry`` computes
where each cell looks, and ``show_map`` draws it there.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from monai_pylon.data import phantom_chest_ct, phantom_radiograph
from monai_pylon.networks.nets import AxialNet
from monai_pylon.reports import radiological_slice, show_map
from monai_pylon.visualize import MapGeometry, map_geometry

# %%
# AxialNet at the paper's size
# ----------------------------
# Six cells along 420 voxels: four unpadded convolutions drop four cells on each side, so the cells look at 128 to 288.
# The network runs once on shapes alone, so this takes no memory.
network = AxialNet(num_classes=2, encoder="resnet18")
geometry = map_geometry(network, None, (420, 420, 405))
print(geometry)

# %%
# Dots show where the cells of a slice look, crosses where an even stretch would draw them. The outermost cells would be
# drawn almost 8 cm away.
ct = phantom_chest_ct(4, (420, 420, 9), (0.8, 0.8, 40.0))
true = geometry.origin[0] + geometry.spacing[0] * np.arange(6)
even = (np.arange(6) + 0.5) * 420 / 6 - 0.5
figure, ax = plt.subplots(figsize=(5.5, 5), facecolor="black", layout="constrained")
ax.imshow(radiological_slice(ct.image, ct.affine, "axial", 0.5).image, cmap="gray", vmin=-1000, vmax=400)
for places, marker, color, name in ((even, "x", "tab:blue", "even stretch"), (true, "o", "tab:orange", "true place")):
    ax.scatter(*np.meshgrid(places, places), marker=marker, color=color, s=28, label=name)
ax.legend(loc="lower right", fontsize=8)
ax.axis("off")
print(f"largest error of the even stretch: {np.abs(true - even).max() * 0.8:.0f} mm")

# %%
# Show a map of a scan
# --------------------
# A map made by hand, with evidence for a finding (orange) in the cell that looks nearest to a mass and evidence against
# it (blue) in another one. The figure has a lung and a mediastinal window, three planes, and a projection.
ct = phantom_chest_ct(8, (105, 105, 90), (3.2, 3.2, 3.6), mass="right")
geometry = MapGeometry(origin=(32.0, 32.0, 1.0), spacing=(8.0, 8.0, 3.0))
mass = np.argwhere(ct.lesions["mass"]).mean(axis=0)
cell = tuple(np.round((mass - geometry.origin) / geometry.spacing).astype(int).clip(0, (5, 5, 29)))
evidence = torch.zeros(6, 6, 30)
evidence[cell] = 2.0
evidence[5 - cell[0], cell[1], cell[2]] = -1.0
figure = show_map(ct.image, evidence, geometry, ct.affine, name="lung mass", probability=0.83, rank=1)

# %%
# Show a map of a radiograph
# --------------------------
# The same function. A map that is the same everywhere colors nothing, and at most a tenth of the image is colored.
radiograph = phantom_radiograph(20, size=256, findings=["Mass"])
x1, y1, x2, y2 = radiograph.boxes[0, :4]
heat = torch.full((16, 16), -4.0)
heat[int((y1 + y2) / 32), int((x1 + x2) / 32)] = 2.0
heat = torch.nn.functional.avg_pool2d(heat[None], 3, 1, 1)[0]
figure = show_map(
    radiograph.image[0],
    heat - heat.min(),
    MapGeometry((8.0, 8.0), (16.0, 16.0)),
    name="Mass",
    probability=0.88,
    sides=("R", "L"),
)
