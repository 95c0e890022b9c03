"""
AxialNet: slice scores of a CT
==============================

AxialNet scores groups of three axial slices; the mean is the score of the scan, and each slice score is a sum over grid
cells. ``explain`` returns all of it in one pass.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from monai_pylon.data import phantom_chest_ct
from monai_pylon.metrics.slice_curves import slice_score_curves
from monai_pylon.networks.nets import AxialNet

# %%
# Scans and a network
# -------------------
# Small phantoms, half of them with a left pleural effusion.
shape, spacing = (64, 64, 24), (5.6, 5.6, 13.5)


def draw(seed):
    """Draw a phantom and the input of the network (1, X, Y, Z)."""
    ct = phantom_chest_ct(seed, shape, spacing, effusion="left" if seed % 2 else None, severity=1.0)
    return ct, torch.from_numpy((np.clip(ct.image, -1000, 800) + 1000) / 1800 - 0.449).float()[None]


torch.manual_seed(0)
network = AxialNet(
    num_classes=1, encoder="resnet18", in_plane_size=shape[:2], reduction_channels=(16,), reduction_padding=1
).eval()

# %%
# Weights for this page
# ---------------------
# Only the last layer is fitted, by least squares; the encoder is random. With pooling by the mean, the score is linear
# in the mean of the features, so this takes no training. Use the bundle to train all of it.
scans = torch.stack([draw(seed)[1] for seed in range(10)])
labels = torch.tensor([2.0 * (seed % 2) - 1 for seed in range(10)])
features = []
hook = network.reduction.register_forward_hook(lambda layer, x, z: features.append(z))
with torch.no_grad():
    network(scans)
hook.remove()
mean = features[0].unflatten(0, (10, -1)).mean(1).flatten(1)
center = mean.mean(0)
standard = mean - center
weight = standard.T @ torch.linalg.solve(
    standard @ standard.T + 1e-3 * standard.square().sum() / 10 * torch.eye(10), labels
)
with torch.no_grad():
    network.head.weight[:] = weight.view_as(network.head.weight)
    network.head.bias[:] = -weight @ center
    tested = [draw(seed) for seed in range(100, 110)]
    scores = network(torch.stack([x for _, x in tested]))[:, 0]
right = ((scores > 0) == torch.tensor([seed % 2 == 1 for seed in range(100, 110)])).float().mean()
print(f"{right:.0%} of 10 other scans are right; guessing gives 50 %")

# %%
# The explanation
# ---------------
# The sum of the attention over a group plus the bias is its slice score, and the mean of these is the score.
ct, x = tested[1]
with torch.no_grad():
    logits, attention, slice_scores = network.explain(x[None])
print(attention.shape, slice_scores.shape)
total = attention.sum((2, 3)) + network.head.bias[:, None]
print(torch.allclose(total, slice_scores, atol=1e-4), torch.allclose(slice_scores.mean(2), logits, atol=1e-4))

# %%
# The curve shows the level of the finding: gray marks the slices that contain the fluid.
extent = np.flatnonzero(ct.lesions["effusion"].any((0, 1))) * spacing[2]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.axvspan(extent.min(), extent.max(), color="0.9", label="slices with fluid")
ax.plot((3 * np.arange(slice_scores.shape[2]) + 1) * spacing[2], slice_scores[0, 0], "o-", label="slice score")
ax.set(xlabel="height above the lowest slice in mm", ylabel="logit")
ax.legend()

# %%
# In plane there are only 2 x 2 cells here, each of which sees more than the whole slice, so this network says nothing
# about the place within a slice. :ref:`sphx_glr_gallery_built_plot_map_geometry.py` shows the cells at the paper's
# size, and :doc:`/researchers/axialnet_evidence` maps of trained networks.

# %%
# The curves of a cohort
# ----------------------
# As in Figure 13 of the paper: the mean slice scores of the scans with and without the finding, with 95 % intervals by
# patient. A network that looks at the right place has its difference at the height of the organ. Ten small phantoms and
# an encoder that was never trained say nothing about patients.
with torch.no_grad():
    slices = network.explain(torch.stack([x for _, x in tested])).slice_scores
curves = slice_score_curves(slices, torch.tensor([[float(seed % 2)] for seed in range(100, 110)]), num_resamples=200)
heights = (3 * np.arange(slices.shape[2]) + 1) * spacing[2]
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, curve in {"with the finding": curves.present, "without": curves.absent}.items():
    (line,) = ax.plot(heights, curve.estimate[0], "o-", label=name)
    ax.fill_between(heights, curve.low[0], curve.high[0], color=line.get_color(), alpha=0.2)
ax.set(xlabel="height above the lowest slice in mm", ylabel="mean slice score in logits")
_ = ax.legend()
