"""
Images with one label and with several
======================================

Figures 6 and 12 of the HiResCAM paper put HiResCAM beside Grad-CAM for a VGG-16 on PASCAL VOC, Figure 10 compares
images with one label and with several. ``python -m tests.experiments.pascal_voc --root VOC2012 --figure pairs.png``
does both for a folder of VOC; here it is a small network on generated images in the same layout.
"""

import io
import json
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from monai_pylon.data import pascal_voc_datalist
from monai_pylon.networks.single_linear_head import single_linear_head
from monai_pylon.visualize import audit_explanation
from tests.experiments.pascal_voc import GRID, VGGLike, draw_pairs, generate, labels_right, load, train_epoch

# %%
# Images and a network
# --------------------
# Discs and squares on noise, one to three in an image; red discs and blue squares often occur together. The classes
# have the names of VOC only because the layout asks for them. The network ends in three linear layers, as VGG-16
# does.
with tempfile.TemporaryDirectory() as folder:
    root = generate(Path(folder), (280, 40), 64)
    training, validation = (pascal_voc_datalist(root, part) for part in ("training", "validation"))
    (x, y), (x_test, y_test) = load(training, 64), load(validation, 64)
torch.manual_seed(0)
network = VGGLike(width=8, hidden=64)
optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
for _ in range(4):
    train_epoch(network, optimizer, x, y)
right = labels_right(network, x_test, y_test)
print(f"{right:.1%} of the labels are right; {(y_test == 0).float().mean():.1%} if none is predicted")

# %%
# Pairs of maps
# -------------
# Orange is evidence for the label in the title, with its probability. Grad-CAM averages the gradient over all
# places, so its maps are smoother and wider. Neither has a guarantee here: with several linear layers the score is
# no sum over the places, as the audit says.
layer = f"features.{len(network.features) - 1}"
figure = draw_pairs(network, validation, x_test, layer, count=12)
plt.figure(figsize=(12, 4), facecolor="#101418", layout="constrained")
picture = io.BytesIO()
figure.savefig(picture, facecolor=figure.get_facecolor())
picture.seek(0)
plt.imshow(plt.imread(picture))
plt.axis("off")
print(audit_explanation(network, layer, x_test[:1]).reason)

# %%
# A head with a guarantee
# -----------------------
# Footnote 3 of the paper: all linear layers but the last become convolutions, and one linear layer remains. Then
# HiResCAM at the last map is exact. The converted network has to be trained again. Until then the linear layer has
# the same weights in each place, so that Grad-CAM is exact too; training changes that.
network.classifier = single_linear_head(network.classifier, 64, (GRID, GRID))
audit = audit_explanation(network, f"classifier.{len(network.classifier) - 4}", x_test[:1])
print("HiResCAM is exact:", audit.provable["HiResCAM"], f"(difference {audit.residual:.0e})")

# %%
# Overlap with the outlines
# -------------------------
# The overlap (IoU) of the maps with the outlines of their objects after ten epochs on 600 larger images, as
# ``docs/researchers/results/pascal_voc_generated.json`` has it. Marking the middle of the image is a baseline that
# knows nothing. The maps of a network this small, trained for seconds, are no better than that: this shows that the
# script runs, not how the methods compare on photographs.
result = json.loads((Path("..") / "researchers" / "results" / "pascal_voc_generated.json").read_text())
last = result["epochs"][-1]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
groups = list(last["pairs"])
for name in ("HiResCAM", "Grad-CAM", "middle", "whole image"):
    ax.plot(groups, [last[name][group] for group in groups], "o-", label=name)
ax.set(ylabel="IoU", ylim=(0, None))
_ = ax.legend()
