"""
Point and box localization with intervals
=========================================

Does the heatmap point at the finding? PYLON's two measures against readers' boxes: whether the peak lies in a box, and
whether the bright part overlaps the box enough.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle

from monai_pylon.data import phantom_radiograph
from monai_pylon.metrics import PointLocalizationMetric, bootstrap_interval, box_localization, point_localization
from monai_pylon.taxonomy import CHEST_XRAY14_LABELS

# %%
# A radiograph with a box
# -----------------------
size, label = 256, CHEST_XRAY14_LABELS.index("Mass")
radiograph = phantom_radiograph(20, size=size, findings=["Mass"])
boxes = torch.as_tensor(radiograph.boxes)
x1, y1, x2, y2 = boxes[0, :4].tolist()
rows, columns = torch.meshgrid(torch.arange(64) * 4 + 2.0, torch.arange(64) * 4 + 2.0, indexing="ij")


def heatmap(row, column, width):
    """Return heatmap logits (1, 64, 64) with a peak of 3."""
    distance = (rows - row) ** 2 + (columns - column) ** 2
    return (8 * torch.exp(-distance / (2 * width**2)) - 5)[None]


maps = {
    "on the finding": heatmap((y1 + y2) / 2, (x1 + x2) / 2, 14),
    "wide": heatmap((y1 + y2) / 2, (x1 + x2) / 2, 60),
    "beside it": heatmap((y1 + y2) / 2, x2 + 25, 14),
}

# %%
# The measures
# ------------
# Boxes are [x1, y1, x2, y2] in pixels; a class without a box has no value (NaN). The bright part is what is above half
# of the map's maximum; it hits if more than a quarter of it lies in the box (IoR) or the overlap (IoU) is above a
# quarter.
figure, axes = plt.subplots(1, 3, figsize=(10, 3.6), facecolor="black", layout="constrained")
for ax, (name, heat) in zip(axes, maps.items(), strict=True):
    point = point_localization(heat, boxes[:1, :4], torch.tensor([0]), size).item()
    box = box_localization(heat, boxes[:1, :4], torch.tensor([0]), size).item()
    ax.imshow(radiograph.image[0], cmap="gray", vmin=0, vmax=1)
    bright = torch.nn.functional.interpolate(heat[None].sigmoid(), (size, size), mode="bilinear")[0, 0]
    ax.contour(bright, [0.5 * float(bright.max())], colors="tab:orange")
    ax.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, fill=False, edgecolor="tab:cyan", linewidth=2))
    ax.set_title(f"{name}\npoint {point:.0f}, box {box:.0f}", color="white", fontsize=10)
    ax.axis("off")

# %%
# Over a dataset
# --------------
# The metric takes batches: heatmap logits (N, M, h, w) and a list of boxes with their class (K, 5). Report an interval
# with the number; ``bootstrap_interval`` draws patients.
metric = PointLocalizationMetric(image_size=size)
hits = []
for seed in range(12):
    item = phantom_radiograph(seed + 100, size=size, findings=["Mass"])
    a, b, c, d = item.boxes[0, :4].tolist()
    shift = 45 if seed % 3 == 0 else 0
    heat = heatmap((b + d) / 2, (a + c) / 2 + shift, 14)
    metric(heat[None], [torch.tensor([[a, b, c, d, 0.0]])])
    hits.append(point_localization(heat, torch.tensor([[a, b, c, d]]), torch.tensor([0]), size).item())
print(metric.aggregate())
print(bootstrap_interval(torch.tensor(hits)))
