"""
HiResCAM and Grad-CAM of the same network
=========================================

A small network learns to recognize masses in the right and in the left lung. HiResCAM shows how much each position
contributes to a score. Grad-CAM at the same layer of the same network shows something else.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from monai_pylon.data import phantom_chest_ct
from monai_pylon.reports import radiological_slice, square_pixels
from monai_pylon.utils import upsample
from monai_pylon.visualize import HiResCAM, LayerGradCAM, audit_explanation, perturbation_curve

# %%
# Images
# ------
# One axial slice of a phantom has a round mass at a random position in the right lung, the left lung, both or neither,
# which gives two labels. In radiological display, the patient's right is on the left of the image.
ct = phantom_chest_ct(seed=3, shape=(120, 120, 80), spacing=(3, 3, 4))
hu = square_pixels(radiological_slice(ct.image, ct.affine, "axial", 0.5), 5.625, order=1)[:64, :64]
chest = np.clip((hu + 1100) / 1600, 0, 1)  # gray values of a window from -1100 to 500 HU
organs = square_pixels(radiological_slice(ct.organs, ct.affine, "axial", 0.5), 5.625, order=0)[:64, :64]
rows, columns = np.indices(chest.shape)
random = np.random.default_rng(0)
torch.manual_seed(0)


def patients(count):
    """Draw images (N, 1, H, W) and labels (N, 2): a mass in the right lung, in the left lung."""
    images, labels = np.repeat(chest[None], count, 0), random.integers(0, 2, (count, 2))
    for image, present in zip(images, labels, strict=True):
        for lung in (value for value, label in zip((1, 3), present, strict=True) if label):
            y, x = random.permutation(np.argwhere(organs == lung))[0]
            image[(rows - y) ** 2 + (columns - x) ** 2 <= random.uniform(3, 4.5) ** 2] = 0.7
        image += random.normal(0, 0.03, image.shape)
    return torch.from_numpy(images)[:, None].float(), torch.from_numpy(labels).float()


# %%
# A network that ends in one linear layer
# ---------------------------------------
# The network has convolutions and one linear layer over all positions. It is trained for some seconds.
features = nn.Sequential(
    *(nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU()),
    *(nn.Conv2d(16, 16, 3, 2, 1), nn.ReLU()),
    *(nn.Conv2d(16, 8, 3, 1, 1), nn.ReLU()),
)
network = nn.Sequential(features, nn.Flatten(), nn.Linear(8 * 16 * 16, 2))
optimizer = torch.optim.Adam(network.parameters(), 2e-3)
for _ in range(400):
    images, labels = patients(16)
    loss = nn.functional.binary_cross_entropy_with_logits(network(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
images, labels = patients(200)
with torch.no_grad():
    print(f"{((network(images) > 0) == labels.bool()).float().mean():.0%} of 400 labels are right")

# %%
# Is the map provable?
# --------------------
# The audit examines the operations between a layer and the scores.
print(audit_explanation(network, "0", images[:1]).reason)
print()
print(audit_explanation(network, "0.3", images[:1]).reason)

# %%
# The maps
# --------
# The figure shows both labels of a patient with a mass in each lung. Each method needs one forward pass. Red areas
# raised the score, blue areas lowered it. The maps have the 16 x 16 grid cells of the layer and are upsampled here,
# label by label.
patient = images[(labels == 1).all(1)][:1]
both = {"HiResCAM": HiResCAM(network, "0"), "Grad-CAM": LayerGradCAM(network, "0")}
fig, axes = plt.subplots(2, 3, figsize=(9, 6), facecolor="black")
for row, (label, name) in zip(axes, enumerate(("right lung", "left lung")), strict=True):
    row[0].imshow(patient[0, 0], cmap="gray", vmin=0, vmax=1)
    row[0].set_title(f"Is there a mass in the {name}?", color="white", fontsize=10)
    for ax, (method, cam) in zip(row[1:], both.items(), strict=True):
        large = upsample(cam(patient, "all"), size=patient.shape[2:], label=label)[0]
        most = float(large.abs().max())
        ax.imshow(patient[0, 0], cmap="gray", vmin=0, vmax=1)
        ax.imshow(large, cmap="seismic", vmin=-most, vmax=most, alpha=(large.abs() / most).clamp(0, 0.8).numpy())
        ax.set_title(method, color="white", fontsize=10)
for ax in axes.flat:
    ax.contour(organs == 1, [0.5], colors="white", linewidths=0.5)
    ax.contour(organs == 3, [0.5], colors="white", linewidths=0.5)
    ax.text(0.02, 0.5, "R", color="white", transform=ax.transAxes)
    ax.text(0.98, 0.5, "L", color="white", transform=ax.transAxes, ha="right")
    ax.axis("off")
fig.tight_layout()

# %%
# How much evidence lies in the right place?
# ------------------------------------------
# For all patients with a mass in both lungs, compute the share of positive evidence that lies in the lung of the label.
# The sum of a HiResCAM map equals the score up to a constant, which is the same for all patients.
cases = images[(labels == 1).all(1)]
lungs = [torch.from_numpy(organs == lung) for lung in (1, 3)]
print("the lungs cover " + " and ".join(f"{float(lung.float().mean()):.0%}" for lung in lungs) + " of the image")
for method, cam in both.items():
    maps = cam(cases, "all")
    positive = [upsample(maps, size=cases.shape[2:], label=label).clamp(min=0) for label in (0, 1)]
    shares = [(p[:, lung].sum(1) / p.sum((1, 2))).mean() for p, lung in zip(positive, lungs, strict=True)]
    with torch.no_grad():
        constant = network(cases) - maps.sum((2, 3))
    print(f"{method}: {float(shares[0]):.0%} in the right lung, {float(shares[1]):.0%} in the left")
    print(f"    the score minus the sum of the map varies by {float(constant.std(0).max()):.1g}")

# %%
# Does the score follow the map?
# ------------------------------
# If the positions with the highest values of the map are removed, the score for the right lung should fall. They are
# replaced by the chest without a mass.
normal = torch.from_numpy(chest).float()
fig, ax = plt.subplots(figsize=(5, 3))
for method, cam in both.items():
    curve = perturbation_curve(network, cases, cam(cases, 0)[:, 0], class_idx=0, steps=50, baseline=normal)
    ax.plot(curve.fractions, curve.scores.mean(0), label=f"{method}, mean {float(curve.area.mean()):.1f}")
ax.set_xlabel("share of the image removed")
ax.set_ylabel("score, mean over patients")
ax.legend()
fig.tight_layout()
