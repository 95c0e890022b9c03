"""
The mask loss in your own training loop
=======================================

``MaskLoss`` penalizes evidence outside the organ in which a finding lies. Here it trains a small AxialNet on phantoms,
in a plain PyTorch loop, without and with the penalty.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.losses import MaskLoss
from monai_pylon.networks import Explained
from monai_pylon.networks.nets import AxialNet
from monai_pylon.taxonomy import CHEST_CT_LABELS
from monai_pylon.transforms import allowed_regions

# %%
# Scans, labels, regions
# ----------------------
# Eight small phantoms: a mass in one lung and an effusion on one side, or neither. The allowed regions lie on the grid
# of the network's attention: ``(x, y, groups of three slices)``. With your data, ``PartitionOrgans`` finds the organs
# and ``ReportLabeler`` the locations.
names = ["lung mass", "pleural effusion"]
chosen = [CHEST_CT_LABELS.index(name) for name in names]
grid, scans, labels, regions = (2, 2, 8), [], [], []
for seed in range(8):
    side = "right" if seed % 4 == 0 else "left"
    findings = {"mass": side, "effusion": side} if seed % 2 == 0 else {}
    ct = phantom_chest_ct(seed, (64, 64, 24), (5.6, 5.6, 13.4), severity=0.9, **findings)
    scans.append(torch.from_numpy((np.clip(ct.image, -1000, 800) + 1000) / 1800 - 0.449).float()[None])
    labels.append(torch.from_numpy(ct.labels[chosen]).float())
    regions.append(torch.as_tensor(allowed_regions(ct.organs, ct.locations[chosen], grid, mode="area")))
scans, labels, regions = torch.stack(scans), torch.stack(labels), torch.stack(regions)
print(scans.shape, labels.shape, regions.shape)

# %%
# The loop
# --------
# ``Explained(net)`` is the module whose forward pass returns the explanation. ``MaskLoss`` takes the explanation, the
# labels and the regions; its weight is 1/3 in the paper, and 0 switches the penalty off.


def train(weight):
    """Train for ten steps; return the network and the penalty after each step."""
    torch.manual_seed(0)
    net = AxialNet(num_classes=2, encoder="resnet18", in_plane_size=(64, 64), reduction_padding=1)
    explained, loss, penalty = Explained(net), MaskLoss(weight=weight), MaskLoss(weight=1.0)
    optimizer = torch.optim.Adam(net.parameters(), 3e-4)
    history = []
    for step in range(10):
        batch = [2 * step % 8, (2 * step + 1) % 8]
        explanation = explained(scans[batch])
        total = loss(explanation, labels[batch], regions[batch])
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        with torch.no_grad():
            classification = MaskLoss(weight=0.0)(explanation, labels[batch], regions[batch])
            history.append(float(penalty(explanation, labels[batch], regions[batch]) - classification))
    return net.eval(), history


trained = {name: train(weight) for name, weight in {"without": 0.0, "with the mask loss": 1 / 3}.items()}

# %%
# What it changes
# ---------------
# The penalty is the mean of -log(1 - sigmoid(attention)) over the forbidden cells. At log 2 = 0.69 the cells hold no
# evidence; above it they hold evidence for the labels, below it evidence against them. Both networks develop evidence
# in forbidden cells, less of it with the mask loss. Ten steps only show that the loop works.
# :doc:`/researchers/axialnet_evidence` reports trainings of 50 epochs.
figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, (_, history) in trained.items():
    axes.plot(range(1, 11), history, "o-", label=name)
axes.set(xlabel="step", ylabel="penalty on forbidden cells")
axes.legend()
for name, (net, history) in trained.items():
    with torch.no_grad():
        attention = net.explain(scans).attention
    outside = attention[~regions.bool()].clamp(min=0).mean()
    print(f"{name:20} penalty {history[0]:.3f} to {history[-1]:.3f}, mean evidence in forbidden cells {outside:.4f}")

# %%
# With MONAI's ``SupervisedTrainer``, pass ``(labels, regions)`` as the label and the same loss: it accepts the pair.
# The bundle ``chest_ct_classification_axialnet`` does so.
