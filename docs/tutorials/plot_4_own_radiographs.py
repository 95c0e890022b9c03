"""
PYLON on your own radiographs
=============================

From a folder with images and a table to heatmaps that are the scores, with MONAI's own transforms and a plain training
loop. The bundle does the same with one command: :doc:`/researchers/own_radiographs`.
"""

import csv
import tempfile
from pathlib import Path

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.transforms import Compose, RandFlipd, Resized, SelectItemsd
from PIL import Image

from monai_pylon.data import ReadRadiographd, phantom_radiograph, radiograph_datalist
from monai_pylon.losses import KnownLabelsLoss
from monai_pylon.metrics import PerClassAUROCMetric
from monai_pylon.networks.nets import PYLON
from monai_pylon.reports import show_map
from monai_pylon.visualize import map_geometry

# %%
# 1. A folder
# -----------
# PNG, JPEG or DICOM files and ``labels.csv``: 1 present, 0 absent, -1 uncertain, empty unknown; the training ignores
# both. Here phantoms are
# written to disk. Every second one gets a pacemaker, a bright disc, which a few seconds of training are enough to
# learn.
folder, random = Path(tempfile.mkdtemp()), np.random.default_rng(0)
rows = [("image", "patient", "section", "pacemaker")]
height, width = np.mgrid[:64, :64]
for seed in range(60):
    pixels = np.asarray(phantom_radiograph(seed, size=64, findings=[]).image[0]).copy()
    row, column = random.integers(14, 30), random.choice([random.integers(12, 22), random.integers(42, 52)])
    if seed % 2:
        pixels[(height - row) ** 2 + (width - column) ** 2 <= 12] = 1
    Image.fromarray((pixels * 255).astype(np.uint8)).save(folder / f"{seed}.png")
    section = "validation" if seed >= 48 else "training"
    rows.append((f"{seed}.png", f"p{seed}", section, seed % 2))
with (folder / "labels.csv").open("w", newline="") as file:
    csv.writer(file).writerows(rows)

# %%
# 2. Data lists and transforms
# ----------------------------
# ``radiograph_datalist`` returns MONAI's data list: it checks the table and keeps the radiographs of a patient in one
# section. ``ReadRadiographd`` reads every file as (1, rows, columns) from 0 to 1 with bone bright.
transforms = Compose(
    [
        ReadRadiographd("image"),
        Resized("image", (64, 64)),
        SelectItemsd(["image", "label"]),
        RandFlipd("image", spatial_axis=1, prob=0.5),
    ]
)
loaders = {
    section: DataLoader(
        CacheDataset(radiograph_datalist(folder, section), transforms, progress=False),
        batch_size=12,
        shuffle=section == "training",
    )
    for section in ("training", "validation")
}

# %%
# 3. Train
# --------
# PYLON is a classifier like any other: images in, logits out. ``KnownLabelsLoss`` leaves unknown and uncertain
# labels out; ``weight=0`` switches its mask loss off, because a radiograph has no organ masks. Start from ImageNet's
# weights with ``weights="imagenet"``; this page is built without internet access and starts from scratch.
torch.manual_seed(0)
network = PYLON(in_channels=1, num_classes=1, encoder="resnet18", decoder_channels=32)
for layer in network.modules():
    if isinstance(layer, torch.nn.BatchNorm2d):
        layer.momentum = 0.5  # statistics for evaluation must follow within these few steps; leave it out otherwise
optimizer, loss = torch.optim.Adam(network.parameters(), 1e-3), KnownLabelsLoss(weight=0)
for epoch in range(5):
    network.train()
    losses = []
    for batch in loaders["training"]:
        value = loss(network(batch["image"].as_tensor()), batch["label"])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    print(f"epoch {epoch + 1}: training loss {np.mean(losses):.3f}")

# %%
# 4. Evaluate
# -----------
# Twelve radiographs and an easy label: this shows the steps, not what PYLON can do. :doc:`/researchers/pylon_evidence`
# reports real trainings. An AUROC of 0.5 is guessing.
network.eval()
auroc = PerClassAUROCMetric()
with torch.no_grad():
    for batch in loaders["validation"]:
        auroc(network(batch["image"].as_tensor()).sigmoid(), batch["label"])
print("AUROC", auroc.aggregate())

# %%
# 5. Explain
# ----------
# ``explain`` returns the logits and the heatmap in one pass. The maximum of the heatmap *is* the logit. Each of the 16
# x 16 cells sees a wide surrounding, so the evidence may lie some pixels beside the disc.
patient = next(item for item in radiograph_datalist(folder, "validation") if item["label"][0] == 1)
image = transforms(patient)["image"].as_tensor()[None]
with torch.no_grad():
    logits, heatmap, _ = network.explain(image)
print(heatmap.shape, bool(heatmap.amax((2, 3)) == logits))
geometry = map_geometry(network, None, image.shape[2:])
figure = show_map(image[0, 0], heatmap[0, 0], geometry, name="pacemaker", probability=float(logits.sigmoid()))
