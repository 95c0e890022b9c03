"""
Boxes that follow the augmentation
==================================

A radiograph is rotated, cropped, resized and flipped at random, as in the training of PYLON, and its boxes follow.
"""

import math

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from monai.data import MetaTensor
from monai.transforms import Compose, RandFlipd, RandRotated

from monai_pylon.transforms import FollowBoxesd, RandBrightnessContrastd, RandResizedCropd

# %%
# An image and its boxes
# ----------------------
# The image has two dark lungs and two bright spots in them: a nodule, and an effusion along the lower border. Boxes are
# [x1, y1, x2, y2, class] with x for columns and y for rows.
rows, columns = np.mgrid[:320, :300]


def ellipse(row: float, column: float, height: float, width: float) -> np.ndarray:
    """Draw an ellipse with soft edges, 1 inside and 0 outside."""
    return 1 / (1 + np.exp(20 * (np.hypot((rows - row) / height, (columns - column) / width) - 1)))


lungs = ellipse(160, 85, 120, 55) + ellipse(160, 215, 120, 55)
image = 0.75 - 0.5 * lungs + 0.35 * ellipse(110, 75, 16, 16) + 0.45 * ellipse(262, 215, 22, 48) + 0.1 * rows / 320
boxes = np.array([[59, 94, 91, 126, 5], [167, 240, 263, 284, 2]], dtype=np.float32)
item = {"image": MetaTensor(torch.from_numpy(image.astype(np.float32))[None]), "boxes": boxes}

# %%
# The augmentation of the paper
# -----------------------------
# These are MONAI's transforms where MONAI has them. Each transform records the geometric change in the affine of the
# image, and FollowBoxesd, which comes last, applies it to the boxes. A box that is less than half visible is dropped.
augment = Compose(
    [
        RandRotated("image", range_x=math.pi / 2, prob=0.5, padding_mode="zeros"),
        RandResizedCropd("image", spatial_size=256, scale=(0.7, 1.0), ratio=(3 / 4, 4 / 3)),
        RandFlipd("image", spatial_axis=1, prob=0.5),
        RandBrightnessContrastd("image", brightness=0.5, contrast=0.5, prob=0.5),
        FollowBoxesd("boxes", image_key="image", min_visibility=0.5),
    ]
)

# %%
# Before and after
# ----------------
augment.set_random_state(8)
items = [item] + [augment(item) for _ in range(7)]

fig, axes = plt.subplots(2, 4, figsize=(10, 5.3))
for number, (ax, drawn) in enumerate(zip(axes.flat, items, strict=True)):
    ax.imshow(drawn["image"][0], cmap="gray", vmin=0, vmax=1)
    for x1, y1, x2, y2, label in drawn["boxes"]:
        color = "tab:orange" if label == 5 else "tab:cyan"
        ax.add_patch(Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1, y2 - y1, fill=False, edgecolor=color, linewidth=2))
    ax.set_title("before" if number == 0 else f"{len(drawn['boxes'])} of 2 boxes visible", fontsize=9)
    ax.axis("off")
fig.tight_layout()
