"""
Radiographs with known findings
===============================

Phantom radiographs are frontal projections of the anatomy of the CT phantom, with labels and boxes of the eight classes
of ChestX-ray14 that have boxes. They replace a dataset where boxes, sides or metrics are checked against the truth.
"""

import matplotlib.pyplot as plt
import numpy as np

from monai_pylon.data import phantom_radiograph
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS


def show(ax, radiograph):
    """Show a radiograph with its boxes in radiological display (the patient's right is on the left of the image)."""
    ax.imshow(radiograph.image[0], cmap="gray", vmin=0, vmax=1)
    for x1, y1, x2, y2, label in radiograph.boxes:
        ax.add_patch(plt.Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor="gold"))
        ax.text(x1, y1 - 3, CHEST_XRAY14_LABELS[int(label)], color="gold", fontsize=8)
    ax.axis("off")


# %%
# One radiograph for each class
# -----------------------------
# Findings are selected by name; the eight with boxes come first in the list of ChestX-ray14. The same seed with
# ``findings=[]`` gives the same patient without findings.
fig, axes = plt.subplots(2, 4, figsize=(11, 5.8), facecolor="black")
for number, (ax, name) in enumerate(zip(axes.flat, CHEST_XRAY14_LABELS[:8], strict=True)):
    show(ax, phantom_radiograph(seed=20 + number, findings=[name]))
fig.tight_layout(pad=0.4)

# %%
# A patient with report
# ---------------------
# Without names, the findings are drawn at random, as often as readers boxed them. Nearly every second radiograph is
# normal.
radiograph = next(drawn for drawn in map(phantom_radiograph, range(50, 90)) if drawn.labels.sum() == 2)
fig, ax = plt.subplots(figsize=(5, 5), facecolor="black")
show(ax, radiograph)
for side, outline in zip(("right", "left"), radiograph.lungs, strict=True):
    ax.contour(outline, [0.5], colors={"right": "tab:blue", "left": "tab:green"}[side], linewidths=0.7)
fig.tight_layout(pad=0)
print(f"{radiograph.view} view. {radiograph.report}")

# %%
# What a finding changes
# ----------------------
# The difference between a radiograph with and without a pneumothorax is air in place of lung, and the fine line of the
# pleura. All of it lies in the box.
without, with_one = (phantom_radiograph(seed=3, size=512, findings=names) for names in ([], ["Pneumothorax"]))
x1, y1, x2, y2 = with_one.boxes[0, :4].astype(int)
part = np.s_[max(0, y1 - 40) : y2 + 60, max(0, x1 - 60) : x2 + 60]
images = {
    "without": without.image[0],
    "with": with_one.image[0],
    "difference": with_one.image[0] - without.image[0],
}
fig, axes = plt.subplots(1, 3, figsize=(11, 4))
for ax, (title, image) in zip(axes, images.items(), strict=True):
    style = {"cmap": "RdBu_r", "vmin": -0.2, "vmax": 0.2} if title == "difference" else {"cmap": "gray"}
    ax.imshow(image[part], **style)
    ax.set_title(title)
    ax.axis("off")
fig.tight_layout()
outside = np.ones((512, 512), dtype=bool)
outside[y1:y2, x1:x2] = False
print(f"outside the box no pixel changes by more than {np.abs(images['difference'])[outside].max():.3f}")
